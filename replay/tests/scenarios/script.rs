//! Scripts as they are written: what happens when, and what is expected.

use proto::command::{Person, SomeLimits};
use proto::decision::Severity;
use proto::event::Body;
use proto::id::{Role, RuleId};
use proto::ruling::Absence;
use proto::time::{Period, Time};
use proto::value::Mode;

/// A script.
pub(crate) struct Script {
    /// TOML.
    pub(crate) policy: String,
    pub(crate) steps: Vec<Step>,
}

/// Something that happens, and what is expected to follow from it.
pub(crate) struct Step {
    pub(crate) line: usize,
    /// As it is written.
    pub(crate) text: String,
    pub(crate) at: Time,
    pub(crate) action: Action,
    pub(crate) expected: Vec<(usize, Expected)>,
}

/// What happens.
#[derive(Clone)]
pub(crate) enum Action {
    /// An entry of the backend.
    Told { body: Body, stale: bool },
    /// The last few entries come again, in their order, with later times.
    Again { last: usize, times: u32, every: Period },
    /// The entry before comes once more as it was.
    Duplicate,
    /// The last few entries are published once more, under entries of now, as a producer's buffer does.
    Replayed { last: usize },
    /// An operator commands.
    Command { by: Person, approved_by: Option<Person>, order: Wish },
    /// A role does not answer from now on.
    Absent { role: Role, why: Absence },
    /// It answers again.
    Present { role: Role },
    /// Time passes.
    Wait,
}

/// An order that names holds by their cause.
#[derive(Clone)]
pub(crate) enum Wish {
    Mode { mode: Mode, duration: Option<Period>, releases: Vec<RuleId> },
    Limits { limits: SomeLimits, duration: Option<Period>, releases: Vec<RuleId> },
    Freeze { severity: Severity, duration: Option<Period> },
    Release { cause: RuleId },
}

/// What is expected.
pub(crate) enum Expected {
    /// A decision; those of a step are all of them, in order.
    Decision { what: String, rule: String, fields: Vec<(String, String)> },
    /// A proposal of this rule is refused for this reason.
    Refused { rule: String, why: String },
    /// A proposal of this rule changes nothing.
    Unchanged { rule: String },
    /// Exactly the holds of these causes stand afterwards.
    Holds { causes: Vec<String> },
}
