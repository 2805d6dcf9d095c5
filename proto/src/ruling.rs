//! Rulings: the court's answer to one event, with everything heard and everything decided.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::{Verdict, Veto};
use crate::decision::{Author, Decision};
use crate::event::Event;
use crate::id::{
    DecisionId, HoldId, PolicyRevision, PortfolioId, Role, RuleId, RulingHash, Sequence, Version,
};
use crate::ledger::Ledger;
use crate::proposal::Proposal;
use crate::terms::Terms;
use crate::time::Time;
use crate::wire::Schema;

/// The court's answer to one event. It can be recomputed from itself: what went in is all here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruling {
    /// `fed.ruling/1`.
    pub schema: Schema,
    /// Whose it is.
    pub portfolio: PortfolioId,
    /// Its number, from 1. The first ruling with the next number and the right `previous` counts; any other is void.
    pub version: Version,
    /// The hash of the portfolio's ruling before.
    pub previous: RulingHash,
    /// Where the event stood in EVENTS.
    pub position: Position,
    /// What happened.
    pub event: Event,
    /// What the court ruled by.
    pub terms: Terms,
    /// Who was heard, and who was not.
    pub hearing: Hearing,
    /// The state before.
    pub before: Ledger,
    /// What became of each proposal.
    pub outcomes: Vec<Outcome>,
    /// What the backend is told, in this order.
    pub decisions: Vec<Decision>,
    /// The state after.
    pub after: Ledger,
}

/// Where an event stood in EVENTS, and up to where everything of its slot is through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The stream's identity: when it was created, as the server tells it.
    pub stream: String,
    /// The event's sequence.
    pub sequence: Sequence,
    /// Every event of the slot up to this sequence was ruled, or was known, when this was appended.
    pub through: Sequence,
}

/// Who was heard on an event, and who was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Hearing {
    /// Every role with interest in the event.
    pub roles: BTreeMap<Role, Heard>,
    /// The review of what would have loosened, where there was something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<HeardReview>,
}

/// A role's verdict, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "heard", rename_all = "snake_case")]
pub enum Heard {
    /// It answered.
    Verdict {
        /// The revision of the policy that it went by.
        policy: PolicyRevision,
        /// Its answer.
        verdict: Verdict,
    },
    /// It did not.
    Absent {
        /// Why.
        why: Absence,
    },
}

/// A review, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "heard", rename_all = "snake_case")]
pub enum HeardReview {
    /// The reviewer answered.
    Opinion {
        /// Who.
        role: Role,
        /// The revision of the policy that it went by.
        policy: PolicyRevision,
        /// What it forbids.
        vetoes: Vec<Veto>,
    },
    /// It did not: nothing loosens.
    Absent {
        /// Who.
        role: Role,
        /// Why.
        why: Absence,
    },
}

/// Why a role was not heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "absent", rename_all = "snake_case")]
pub enum Absence {
    /// Switched off by an operator.
    Disabled,
    /// Nobody serves it.
    NoResponders,
    /// It did not answer before the round closed.
    Timeout,
    /// It was not asked: it had not answered in time again and again, and is tried anew now and then.
    CircuitOpen,
    /// Its answer could not be used.
    Invalid {
        /// What was wrong.
        error: String,
    },
}

/// A proposal and what became of it: exactly one of three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What was asked.
    pub proposal: Proposal,
    /// What became of it.
    pub result: Finding,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Finding {
    /// It was granted and shows in this decision.
    Decided {
        /// The decision.
        decision: DecisionId,
    },
    /// It changes nothing that is in effect: it already is so, or a hold is tighter, or it was noted.
    Unchanged,
    /// It was not taken.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// Why a proposal was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Refusal {
    /// Malformed, out of bounds, or outside the author's authority.
    Invalid {
        /// What is wrong.
        detail: String,
    },
    /// A senior role asked for something else of the same subject.
    Outranked {
        /// Who.
        by: Author,
        /// With which rule.
        rule: RuleId,
    },
    /// A senior role tightens on this event; juniors do not loosen meanwhile.
    SeniorTightens {
        /// Who.
        by: Author,
        /// With which rule.
        rule: RuleId,
    },
    /// A hold stands against it.
    Held {
        /// Which.
        hold: HoldId,
        /// What placed it.
        cause: RuleId,
    },
    /// An operator's hold stands against it.
    ManualHold {
        /// Which.
        hold: HoldId,
    },
    /// A guardian was not heard on this event, or never yet.
    GuardianAbsent {
        /// Who.
        role: Role,
    },
    /// The event is too old to loosen on.
    StaleInput,
    /// The snapshot is not believed: its equity jumped, or its producer says that it is degraded.
    SuspectInput,
    /// Not proposed often enough, or over too short a time.
    Unconfirmed {
        /// How often so far.
        times: u32,
        /// How often it takes.
        needed: u32,
        /// Since when.
        since: Time,
    },
    /// The value loosened not long ago, or too often today.
    CoolingDown {
        /// Until when.
        until: Time,
    },
    /// The reviewer vetoed it.
    Vetoed {
        /// With which rule.
        rule: RuleId,
        /// The OVERRIDE that says so.
        decision: DecisionId,
    },
    /// The hold needs a person's release.
    NeedsReview {
        /// Which.
        hold: HoldId,
    },
    /// It takes an approver.
    NeedsApprover,
    /// It takes a second person.
    NeedsSecondPerson,
}

impl Refusal {
    /// The reason's name, as in records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::Outranked { .. } => "outranked",
            Self::SeniorTightens { .. } => "senior-tightens",
            Self::Held { .. } => "held",
            Self::ManualHold { .. } => "manual-hold",
            Self::GuardianAbsent { .. } => "guardian-absent",
            Self::StaleInput => "stale-input",
            Self::SuspectInput => "suspect-input",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::CoolingDown { .. } => "cooling-down",
            Self::Vetoed { .. } => "vetoed",
            Self::NeedsReview { .. } => "needs-review",
            Self::NeedsApprover => "needs-approver",
            Self::NeedsSecondPerson => "needs-second-person",
        }
    }

    /// Whether a senior role stood against it.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Outranked { .. } | Self::SeniorTightens { .. } | Self::Vetoed { .. })
    }
}
