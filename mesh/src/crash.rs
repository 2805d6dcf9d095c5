//! Steps at which a process can be made to end at once, as by a kill -9, to show that nothing is lost there.
//!
//! `FED_CRASH_AT=<step>` names the step, `<step>:<n>` its n-th time. That is only in builds with debug assertions: in any
//! other every step is nothing at all, which `.ci/pure` checks of this very file. So it needs the standard library only.

/// Whose loop a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// The arbiter's.
    Arbiter,
    /// The gateway's.
    Gateway,
    /// One that both have.
    Both,
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $step:ident, $name:literal, $whose:ident;)+) => {
        /// A step of a loop, by what was done last.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step { $($(#[doc = $doc])+ $step,)+ }

        impl Step {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$step),+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$step => $name),+ }
            }

            /// Whose it is.
            pub const fn whose(self) -> Loop {
                match self { $(Self::$step => Loop::$whose),+ }
            }
        }
    };
}

steps! {
    /// A lease is taken, its work has not begun.
    LeaseTaken, "lease-taken", Both;
    /// The work of a lease has ended in order, the lease is not given back.
    LeaseWorkEnded, "lease-work-ended", Both;
    /// A message for a stream is on its way, there is no answer.
    MessageSent, "message-sent", Both;

    /// The rulings of a slot are read, nothing is announced or ruled.
    HeadsRead, "heads-read", Arbiter;
    /// An event is read, nobody has it.
    EventRead, "event-read", Arbiter;
    /// An event waits for its clerk.
    EventDocketed, "event-docketed", Arbiter;
    /// A role is about to be asked.
    RoleAsked, "role-asked", Arbiter;
    /// All roles are heard, nobody has reviewed.
    RolesHeard, "roles-heard", Arbiter;
    /// The reviewer is heard.
    ReviewHeard, "review-heard", Arbiter;
    /// It is ruled, the ruling is not appended.
    Ruled, "ruled", Arbiter;
    /// The ruling is known to stand in the log, and nothing of it is announced.
    RulingAppended, "ruling-appended", Arbiter;
    /// One of a ruling's decisions is announced.
    DecisionAnnounced, "decision-announced", Arbiter;
    /// All of a ruling's decisions are announced, its timer is not set.
    RulingAnnounced, "ruling-announced", Arbiter;
    /// An event is through.
    EventDone, "event-done", Arbiter;
    /// A portfolio that was parked is about to be caught up with.
    CatchUpBegun, "catch-up-begun", Arbiter;
    /// It is caught up with.
    CaughtUp, "caught-up", Arbiter;
    /// A timer is due, and forgotten.
    TimerDue, "timer-due", Arbiter;
    /// Its event is stored.
    TimerStored, "timer-stored", Arbiter;

    /// Entries are read from Redis.
    EntriesRead, "entries-read", Gateway;
    /// One of them is decoded.
    EntryDecoded, "entry-decoded", Gateway;
    /// The event of one is stored, those of others may not be.
    EventStored, "event-stored", Gateway;
    /// Everything of what was read is stored, and nobody has taken note.
    EntriesStored, "entries-stored", Gateway;
    /// A letter is in Redis and not in DEAD.
    LetterTold, "letter-told", Gateway;
    /// A letter is in both.
    LetterStored, "letter-stored", Gateway;
    /// A ruling is read, nothing of it is told.
    RulingRead, "ruling-read", Gateway;
    /// A batch of rulings is about to be written to Redis.
    BatchReady, "batch-ready", Gateway;
    /// It is written, and nobody has taken note.
    BatchWritten, "batch-written", Gateway;
    /// The effective documents are renewed.
    DocumentsRenewed, "documents-renewed", Gateway;
    /// An operator's order is stored, and not answered.
    OrderStored, "order-stored", Gateway;
    /// A freeze that nobody rules is worked out, the backend is not told.
    StopMade, "stop-made", Gateway;
    /// The backend is told of it, the operator is not.
    StopTold, "stop-told", Gateway;
    /// Its order is handed over to be ruled.
    StopHandedOver, "stop-handed-over", Gateway;
    /// It was ruled, and the order that was kept is forgotten.
    StopForgotten, "stop-forgotten", Gateway;
}

/// The variable that names the step to end at.
#[cfg(debug_assertions)]
pub const VARIABLE: &str = "FED_CRASH_AT";

/// A step was reached.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn at(_: Step) {}

#[cfg(debug_assertions)]
pub use on_purpose::at;

#[cfg(debug_assertions)]
mod on_purpose {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Step, VARIABLE};

    /// Where this process is to end.
    struct End {
        step: Step,
        /// The how-many-eth time it is reached.
        nth: u64,
        reached: AtomicU64,
    }

    static END: OnceLock<Option<End>> = OnceLock::new();

    /// A step was reached: the process ends here if it is the one that was named. Nothing is flushed or unwound.
    pub fn at(step: Step) {
        let end = END.get_or_init(|| End::of(&std::env::var(VARIABLE).ok()?));
        let Some(end) = end.as_ref().filter(|end| end.step == step) else { return };
        if end.reached.fetch_add(1, Ordering::Relaxed) + 1 == end.nth {
            std::process::abort();
        }
    }

    impl End {
        /// Nothing when it names no step: whoever waits for the end notices.
        fn of(text: &str) -> Option<Self> {
            let (name, nth) = text.split_once(':').unwrap_or((text, "1"));
            let step = *Step::ALL.iter().find(|step| step.as_str() == name)?;
            Some(Self { step, nth: nth.parse().ok()?, reached: AtomicU64::new(0) })
        }
    }

    #[cfg(test)]
    mod tests {
        use std::collections::BTreeSet;

        use super::*;

        #[test]
        fn every_step_is_found_by_its_name() {
            let names: BTreeSet<&str> = Step::ALL.iter().map(|step| step.as_str()).collect();
            assert_eq!(names.len(), Step::ALL.len());
            for step in Step::ALL {
                let end = End::of(&format!("{}:3", step.as_str())).unwrap();
                assert_eq!((end.step, end.nth), (*step, 3));
            }
            assert!(End::of("event-read").is_some_and(|end| end.nth == 1));
            assert!(End::of("").is_none() && End::of("event-read:x").is_none());
        }
    }
}
