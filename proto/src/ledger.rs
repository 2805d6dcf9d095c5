//! The ledger: a portfolio's whole governed state. Only the ledger says what is in force.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::DecisionType;
use crate::event::{Event, Source};
use crate::hold::{Freeze, Hold};
use crate::id::{DecisionId, EntryId, EventId, HoldId, PortfolioId, Role, RuleId, Version};
use crate::number::{Fraction, Usd};
use crate::proposal::{Fact, Quantity};
use crate::time::{Period, Time};
use crate::value::{Kind, Mode, Value, Values};

/// A portfolio's whole governed state, the roles' memories included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// Whose it is.
    pub portfolio: PortfolioId,
    /// The ruling that it is the outcome of; 0 before the first.
    pub version: Version,
    /// The time of the latest event ruled: the ledger's clock never goes back.
    pub at: Time,
    /// What the owners of the values set.
    pub owned: Values,
    /// When the owner's timed mode runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_mode: Option<TimedMode>,
    /// The standing restrictions.
    pub holds: BTreeMap<HoldId, Hold>,
    /// What is in effect: the owners' values met with every hold.
    pub effective: Values,
    /// The freeze in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// Guardians heard since the portfolio began: until all were, nothing loosens.
    pub heard: BTreeSet<Role>,
    /// Looser values on their way to being confirmed.
    pub evidence: BTreeMap<Kind, Evidence>,
    /// How each value's effect changed of late.
    pub changes: BTreeMap<Kind, Changes>,
    /// When each rule last moved something, and what it saw then.
    pub fired: BTreeMap<RuleId, Fired>,
    /// When each research subject was last given out (see [`crate::decision::ResearchTask::subject`]).
    pub research: BTreeMap<String, Time>,
    /// The latest decision of each type.
    pub latest: BTreeMap<DecisionType, DecisionId>,
    /// What was ruled, to know it when it comes again.
    pub ruled: Ruled,
    /// The latest equity seen, and whether it is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equity: Option<Equity>,
    /// When roles asked to be woken.
    pub wakes: BTreeMap<Role, Time>,
    /// The roles' own memories; empty in a case, where a role gets its own beside the ledger.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memories: BTreeMap<Role, serde_json::Value>,
}

/// A mode that was set for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimedMode {
    /// The mode.
    pub mode: Mode,
    /// When it runs out.
    pub until: Time,
    /// For how long it was set and is extended.
    pub duration: Period,
}

/// A looser value on its way to being confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The tightest value that was proposed meanwhile: what would be granted.
    pub value: Value,
    /// On how many fresh events.
    pub times: u32,
    /// When the first of them was.
    pub since: Time,
}

/// How a value's effect changed of late.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// When it last loosened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loosened_at: Option<Time>,
    /// Loosenings, oldest first; the next one drops those that are 24 hours old.
    pub loosenings: Vec<Time>,
    /// Reversals of direction, oldest first; the next one drops those that are an hour old.
    pub reversals: Vec<Time>,
    /// The direction of the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Direction>,
}

/// Which way a value went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less room.
    Tighter,
    /// More room.
    Looser,
}

/// When a rule last moved something, and what it saw then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fired {
    /// When.
    pub at: Time,
    /// What it saw.
    pub facts: Vec<Fact>,
}

/// What was ruled, to know it when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Ruled {
    /// The latest entry of each Redis stream: entries of one stream and portfolio come in order.
    pub entries: BTreeMap<String, EntryId>,
    /// The latest events of other sources, oldest first, at most [`Ruled::RECENT`].
    pub recent: Vec<EventId>,
    /// The latest entries whose producer gave a time of its own, oldest first, at most [`Ruled::RECENT`]: what they say is
    /// known when it is published once more, under another entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<EventId>,
}

impl Ruled {
    /// How many commands and timers are remembered, and how many entries by what they say. Of a producer that reports
    /// every second that is more than a minute, and what is told again later than that is stale.
    pub const RECENT: usize = 64;

    /// Whether an event was ruled: an entry that is not past its stream's last one, or an event that is remembered.
    pub fn knows(&self, event: &Event) -> bool {
        match &event.source {
            Source::Redis { stream, entry, .. } => {
                self.entries.get(&**stream).is_some_and(|latest| entry <= latest)
                    || self.told.contains(&event.id)
            }
            Source::Operator | Source::Clock => self.recent.contains(&event.id),
        }
    }

    /// Remembers an event that is ruled now.
    pub fn remember(&mut self, event: &Event) {
        match &event.source {
            Source::Redis { stream, entry, .. } => {
                if let Some(latest) = self.entries.get_mut(&**stream) {
                    *latest = (*latest).max(*entry);
                } else {
                    self.entries.insert(stream.clone().into_owned(), *entry);
                }
                if event.body.reported_at().is_some() {
                    push_bounded(&mut self.told, event.id);
                }
            }
            Source::Operator | Source::Clock => push_bounded(&mut self.recent, event.id),
        }
    }
}

fn push_bounded(latest: &mut Vec<EventId>, id: EventId) {
    latest.push(id);
    let surplus = latest.len().saturating_sub(Ruled::RECENT);
    latest.drain(..surplus);
}

/// The latest equity seen, and whether it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Equity {
    /// The latest value.
    pub seen: Usd,
    /// How many snapshots in a row still have to agree before it is believed; 0 when it is.
    pub suspect_for: u32,
}

impl Fired {
    /// The share that it saw under this name.
    pub fn fraction(&self, what: &str) -> Option<Fraction> {
        self.facts.iter().find(|fact| fact.what == what).and_then(|fact| match fact.seen {
            Quantity::Fraction(seen) => Some(seen),
            Quantity::Usd(_)
            | Quantity::Ratio(_)
            | Quantity::Count(_)
            | Quantity::Period(_)
            | Quantity::Word(_) => None,
        })
    }
}

impl Ledger {
    /// The ledger of a portfolio that has no ruling yet: what it begins with, and nobody heard.
    pub fn begin(portfolio: PortfolioId, base: Values) -> Self {
        Self {
            portfolio,
            version: Version::default(),
            at: Time::default(),
            owned: base.clone(),
            timed_mode: None,
            holds: BTreeMap::new(),
            effective: base,
            freeze: None,
            heard: BTreeSet::new(),
            evidence: BTreeMap::new(),
            changes: BTreeMap::new(),
            fired: BTreeMap::new(),
            research: BTreeMap::new(),
            latest: BTreeMap::new(),
            ruled: Ruled::default(),
            equity: None,
            wakes: BTreeMap::new(),
            memories: BTreeMap::new(),
        }
    }

    /// What a rule saw when it last moved something.
    pub fn fired(&self, rule: &RuleId) -> Option<&Fired> {
        self.fired.get(rule)
    }

    /// The hold that this cause placed.
    pub fn hold_of(&self, cause: &RuleId) -> Option<&Hold> {
        // Mostly nothing is held.
        if self.holds.is_empty() { None } else { self.holds.values().find(|hold| hold.cause == *cause) }
    }

    /// This ledger as a role sees it: without the roles' memories.
    #[must_use]
    pub fn without_memories(&self) -> Self {
        // Field by field: every role of every round gets one, and the memories are not copied only to be dropped.
        Self {
            portfolio: self.portfolio.clone(),
            version: self.version,
            at: self.at,
            owned: self.owned.clone(),
            timed_mode: self.timed_mode,
            holds: self.holds.clone(),
            effective: self.effective.clone(),
            freeze: self.freeze.clone(),
            heard: self.heard.clone(),
            evidence: self.evidence.clone(),
            changes: self.changes.clone(),
            fired: self.fired.clone(),
            research: self.research.clone(),
            latest: self.latest.clone(),
            ruled: self.ruled.clone(),
            equity: self.equity,
            wakes: self.wakes.clone(),
            memories: BTreeMap::new(),
        }
    }
}
