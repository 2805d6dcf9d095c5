//! Bugs that are planted on purpose, to show that the simulator finds their like.
//!
//! Without the feature `planted` every question here is a constant `false` and the bug is not in the binary.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The watermark is the highest event that is ruled, whatever is open below it.
    WatermarkIsTheHighest,
    /// A reader takes every ruling with the next version, whatever it follows: the hash is not looked at.
    HashIsNotChecked,
    /// Every ruling of the log counts for who takes a portfolio up: there is no fold.
    NoFold,
    /// A ruling is appended wherever the log ends, and an unclear answer is taken for a loss.
    NothingExpectedAndUnclearIsLost,
    /// An append without an answer is taken for done.
    UnclearIsWon,
    /// A reader goes on after what the broker has, not after what it read itself.
    PositionOfTheBroker,
    /// Decisions are announced before their ruling is stored.
    AnnouncedBeforeRuled,
    /// What a stop left out is not announced at the start.
    NothingLeftOutIsAnnounced,
    /// A clerk passes over an event whose round failed to be appended.
    EventSkippedAfterALoss,
    /// Only the broker's message ids keep an event from being ruled twice.
    DuplicatesByMessageIdOnly,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::WatermarkIsTheHighest,
        Self::HashIsNotChecked,
        Self::NoFold,
        Self::NothingExpectedAndUnclearIsLost,
        Self::UnclearIsWon,
        Self::PositionOfTheBroker,
        Self::AnnouncedBeforeRuled,
        Self::NothingLeftOutIsAnnounced,
        Self::EventSkippedAfterALoss,
        Self::DuplicatesByMessageIdOnly,
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

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether this bug is in the code that runs now, on this thread.
    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
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
