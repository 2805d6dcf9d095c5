//! Holds: standing restrictions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::{Author, Severity};
use crate::id::{DecisionId, EventId, HoldId, RuleId};
use crate::proposal::Bound;
use crate::subsystems::Subsystems;
use crate::time::{Period, Time};

/// A standing restriction: its cause, its owner, what it bounds, until when, and who may lift it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// Derived from portfolio, cause and the event that placed it.
    pub id: HoldId,
    /// The rule that placed it; one hold a cause.
    pub cause: RuleId,
    /// Whose hold it is.
    pub owner: Author,
    /// The operator's name, for a hold by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What it bounds.
    pub bound: Bound,
    /// Whether a person has to release it before its time.
    pub requires_manual_review: bool,
    /// When it was placed.
    pub placed_at: Time,
    /// For how long it was placed and is extended; none is until released or cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Period>,
    /// When it runs out; none is until released or cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Whether its cause stands, as its owner last saw it.
    pub standing: Standing,
    /// The event that placed it.
    pub event_id: EventId,
    /// The decision that last announced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<DecisionId>,
    /// Why, for people.
    pub reason: String,
}

/// Whether the cause of a hold stands, as its owner last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Standing {
    /// It stands.
    Present,
    /// It is gone.
    Absent {
        /// Since when.
        since: Time,
        /// How many fresh events in a row said so.
        times: u32,
    },
}

/// The freeze in effect: all standing freezes met, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freeze {
    /// The worst of all.
    pub severity: Severity,
    /// The latest of all; none when one of them stands until released.
    pub until: Option<Time>,
    /// All that stop.
    pub affected_subsystems: Subsystems,
    /// Whether a person has to release one of them.
    pub requires_manual_review: bool,
    /// The holds, strictest first.
    pub holds: Vec<HoldId>,
    /// The FREEZE decisions since trading was last free, oldest first: what a lift names.
    pub announced: Vec<DecisionId>,
}

impl Hold {
    /// Whether this freezes trading.
    pub const fn is_freeze(&self) -> bool {
        matches!(self.bound, Bound::Freeze { .. })
    }
}
