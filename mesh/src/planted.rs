//! Bugs that are planted on purpose, to show that the simulator and the torture test find their like.
//!
//! Without the feature `planted` every question here is a constant `false` and the bug is not in the binary.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// A role that does not answer is taken for one that was heard and asks for nothing.
    AbsenceIsConsent,
    /// Decisions are announced before their ruling is stored.
    AnnouncedBeforeRuled,
    /// Only the broker's message ids keep an event from being ruled twice.
    DuplicatesByMessageIdOnly,
    /// Decisions go to Redis by one command, and how far they are by another.
    EmitWithoutAtomicScript,
    /// A clerk passes over an event whose round failed to be appended.
    EventSkippedAfterALoss,
    /// An entry says that everything before it is stored, whatever else of its batch is still under way.
    EveryEntryIsThrough,
    /// A letter goes to DEAD before backend developers can see it.
    LetterInDeadFirst,
    /// Events get an id each time that they are published, and not the one that their entry gives.
    NoDerivedIds,
    /// Every ruling of the log counts for who takes a portfolio up: there is no fold.
    NoFold,
    /// A ruling is appended wherever the log ends, and an unclear answer is taken for a loss.
    NothingExpectedAndUnclearIsLost,
    /// What a stop left out is not announced at the start.
    NothingLeftOutIsAnnounced,
    /// How far decisions were written is remembered by the process, which begins with what comes next, and not read
    /// back from Redis.
    PositionKeptInMemory,
    /// A reader goes on after what the broker has, not after what it read itself.
    PositionOfTheBroker,
    /// What the backend trimmed between two reads is taken for read.
    TrimmedIsTakenForRead,
    /// An append without an answer is taken for done.
    UnclearIsWon,
    /// The backend is told of void rulings too.
    VoidIsTold,
    /// The watermark is the highest event that is ruled, whatever is open below it.
    WatermarkIsTheHighest,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::AbsenceIsConsent,
        Self::AnnouncedBeforeRuled,
        Self::DuplicatesByMessageIdOnly,
        Self::EmitWithoutAtomicScript,
        Self::EventSkippedAfterALoss,
        Self::EveryEntryIsThrough,
        Self::LetterInDeadFirst,
        Self::NoDerivedIds,
        Self::NoFold,
        Self::NothingExpectedAndUnclearIsLost,
        Self::NothingLeftOutIsAnnounced,
        Self::PositionKeptInMemory,
        Self::PositionOfTheBroker,
        Self::TrimmedIsTakenForRead,
        Self::UnclearIsWon,
        Self::VoidIsTold,
        Self::WatermarkIsTheHighest,
    ];
}

/// Whether this bug is in the code that runs now.
#[cfg(not(feature = "planted"))]
#[inline]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use on_purpose::{Planted, is, plant};

#[cfg(feature = "planted")]
mod on_purpose {
    use std::cell::Cell;
    use std::sync::LazyLock;

    use super::Bug;

    /// Names a bug for a whole process: a real binary that is built to have some.
    const VARIABLE: &str = "FED_PLANTED";
    /// The exit code for a bug that nobody knows: a search for it would find nothing and mean nothing.
    const BAD_CONFIGURATION: i32 = 64;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    static NAMED: LazyLock<Option<Bug>> = LazyLock::new(|| {
        let name = std::env::var(VARIABLE).ok()?;
        let named = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
        if named.is_none() {
            tracing::error!(name, "{VARIABLE} names a bug that nobody knows");
            std::process::exit(BAD_CONFIGURATION);
        }
        named
    });

    /// Whether this bug is in the code that runs now, on this thread or in this whole process.
    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug) || *NAMED == Some(bug)
    }

    /// Puts a bug into what runs on this thread, until what is returned is dropped.
    pub fn plant(bug: Bug) -> Planted {
        PLANTED.set(Some(bug));
        Planted(())
    }

    /// A bug is planted as long as this lives.
    #[derive(Debug)]
    pub struct Planted(());

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
}
