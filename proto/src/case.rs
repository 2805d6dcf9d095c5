//! Cases and verdicts: what a role is asked, and its whole answer.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};
use crate::id::{PolicyRevision, Role, RuleId};
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::proposal::{Fact, Proposal};
use crate::ruling::{Heard, Hearing};
use crate::time::Time;
use crate::value::{Kind, Values};
use crate::wire::Schema;

/// What a role is asked: an event, the portfolio's ledger, and what the role remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case<M = serde_json::Value> {
    /// What happened.
    pub event: Event,
    /// The state before it, without memories.
    pub ledger: Ledger,
    /// The values that a portfolio begins with.
    pub base: Values,
    /// The role's memory; none at first.
    pub memory: Option<M>,
}

/// Cases of different portfolios, in one request to one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cases {
    /// `fed.case/1`.
    pub schema: Schema,
    /// The cases; each is answered on its own, in this order.
    pub cases: Vec<Case>,
}

/// A role's whole answer to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict<M = serde_json::Value> {
    /// What it asks for.
    pub proposals: Vec<Proposal>,
    /// What it wants to remember. Observations only, never what it proposed.
    pub memory: M,
    /// When it wants to be asked again at the latest, if nothing else happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Time>,
}

/// The answers to a list of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdicts {
    /// `fed.verdict/1`.
    pub schema: Schema,
    /// Who answers.
    pub role: Role,
    /// The revision of the policy that it went by.
    pub policy: PolicyRevision,
    /// One answer a case, in the same order.
    pub answers: Vec<Answer>,
}

/// The answer to one case: a bad case does not spoil its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The verdict.
    Verdict(Verdict),
    /// The case could not be answered, and why.
    Failed(String),
}

/// What a reviewing role is asked after arbitration: the proposals that would loosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewCase<M = serde_json::Value> {
    /// `fed.case/1`.
    pub schema: Schema,
    /// What happened.
    pub event: Event,
    /// The state before it, without memories.
    pub ledger: Ledger,
    /// The reviewer's memory, as its verdict on this event left it.
    pub memory: Option<M>,
    /// What would loosen.
    pub proposals: Vec<Proposal>,
}

/// A reviewer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opinion {
    /// `fed.verdict/1`.
    pub schema: Schema,
    /// Who answers.
    pub role: Role,
    /// The revision of the policy that it went by.
    pub policy: PolicyRevision,
    /// What it forbids.
    pub vetoes: Vec<Veto>,
}

/// No loosening of this value now, and a hold on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Veto {
    /// The value that stays as it is.
    pub kind: Kind,
    /// The rule that fired; the cause of the hold.
    pub rule: RuleId,
    /// What it saw.
    pub facts: Vec<Fact>,
}

/// A case as a role reads it: nothing is copied, and the memory is apart, because the role keeps it up in place.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The state before it.
    pub ledger: &'a Ledger,
    /// The values that a portfolio begins with.
    pub base: &'a Values,
}

/// What a role says on a brief: its verdict, but for the memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// What it asks for.
    pub proposals: Vec<Proposal>,
    /// When it wants to be asked again at the latest, if nothing else happens.
    pub wake_at: Option<Time>,
}

/// A review case as the reviewer reads it: nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a, M> {
    /// What happened.
    pub event: &'a Event,
    /// The state before it.
    pub ledger: &'a Ledger,
    /// The reviewer's memory, as its verdict on this event left it.
    pub memory: &'a M,
    /// What would loosen.
    pub proposals: &'a [Proposal],
}

/// A role: a pure function of policy, case and memory. The mesh serves any of them.
pub trait Executive: 'static {
    /// Its name.
    const ROLE: Role;
    /// The kinds of event that it has something to say on.
    const INTERESTS: &'static [EventKind];
    /// Whether it can be asked to review what loosens.
    const REVIEWS: bool = false;
    /// Its part of the policy file.
    type Policy: Policy;
    /// What it remembers of a portfolio.
    type Memory: Serialize + DeserializeOwned + Default + Clone + Send;

    /// What it says on an event, and takes in of it. No clock, no randomness, no I/O: the same brief and memory give the
    /// same statement and memory.
    fn hear(policy: &Self::Policy, brief: Brief<'_>, memory: &mut Self::Memory) -> Statement;

    /// What it forbids of what would loosen; asked only where it [reviews](Self::REVIEWS).
    fn object(_policy: &Self::Policy, _review: Review<'_, Self::Memory>) -> Vec<Veto> {
        Vec::new()
    }

    /// Its verdict on a case, which stays as it is.
    fn evaluate(policy: &Self::Policy, case: &Case<Self::Memory>) -> Verdict<Self::Memory> {
        let mut memory = case.memory.clone().unwrap_or_default();
        let brief = Brief { event: &case.event, ledger: &case.ledger, base: &case.base };
        let Statement { proposals, wake_at } = Self::hear(policy, brief, &mut memory);
        Verdict { proposals, memory, wake_at }
    }

    /// Its answer to a review case.
    fn review(policy: &Self::Policy, case: &ReviewCase<Self::Memory>) -> Vec<Veto> {
        let memory = case.memory.clone().unwrap_or_default();
        let ReviewCase { event, ledger, proposals, .. } = case;
        Self::object(policy, Review { event, ledger, memory: &memory, proposals })
    }
}

impl Brief<'_> {
    /// What time it is: the event's, but never before what was ruled already.
    #[must_use]
    pub fn now(&self) -> Time {
        self.ledger.at.max(self.event.at)
    }
}

impl<M> Review<'_, M> {
    /// What time it is: the event's, but never before what was ruled already.
    #[must_use]
    pub fn now(&self) -> Time {
        self.ledger.at.max(self.event.at)
    }
}

impl Case {
    /// What a role is asked about an event: the state before it, and the role's own memory and nobody else's.
    pub fn of(role: &Role, event: &Event, before: &Ledger, base: &Values) -> Self {
        Self {
            event: event.clone(),
            ledger: before.without_memories(),
            base: base.clone(),
            memory: before.memories.get(role).cloned(),
        }
    }

    /// The same case with the memory read as the role's own type.
    ///
    /// # Errors
    /// The memory is not of that type: another version of the role wrote it.
    pub fn typed<M: DeserializeOwned>(self) -> Result<Case<M>, serde_json::Error> {
        let memory = self.memory.map(serde_json::from_value).transpose()?;
        Ok(Case { event: self.event, ledger: self.ledger, base: self.base, memory })
    }
}

impl ReviewCase {
    /// What the reviewer is asked about an event; it remembers what it just answered, if it was heard.
    pub fn of(
        reviewer: &Role,
        event: &Event,
        before: &Ledger,
        heard: &Hearing,
        proposals: Vec<Proposal>,
    ) -> Self {
        let memory = match heard.roles.get(reviewer) {
            Some(Heard::Verdict { verdict, .. }) => Some(verdict.memory.clone()),
            Some(Heard::Absent { .. }) | None => before.memories.get(reviewer).cloned(),
        };
        Self {
            schema: Schema::Case,
            event: event.clone(),
            ledger: before.without_memories(),
            memory,
            proposals,
        }
    }

    /// The same case with the memory read as the role's own type.
    ///
    /// # Errors
    /// The memory is not of that type: another version of the role wrote it.
    pub fn typed<M: DeserializeOwned>(self) -> Result<ReviewCase<M>, serde_json::Error> {
        let memory = self.memory.map(serde_json::from_value).transpose()?;
        let Self { schema, event, ledger, proposals, .. } = self;
        Ok(ReviewCase { schema, event, ledger, memory, proposals })
    }
}

/// The most bytes of what a role answers to one case. A ruling holds each memory three times (said, before, after) and
/// each proposal twice: with every role at this bound it still fits into a message.
pub const ANSWER_MOST_BYTES: usize = 32 * 1024;
/// How deep a memory may nest. It stands deeper in a ruling than in a verdict, and must be readable there too.
pub const MEMORY_MOST_LEVELS: usize = 64;

/// An answer that can be read, and cannot be taken into a ruling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is too large.
    #[error("the answer has {0} bytes, more than {ANSWER_MOST_BYTES}")]
    TooLarge(usize),
    /// Its memory is too deep.
    #[error("the memory nests deeper than {MEMORY_MOST_LEVELS} levels")]
    TooDeep,
}

impl Verdict {
    /// Whether it can be taken into a ruling that can be stored, and read again.
    ///
    /// # Errors
    /// It cannot, and why.
    pub fn fits(&self) -> Result<(), Unfit> {
        if is_deeper(&self.memory, MEMORY_MOST_LEVELS) {
            return Err(Unfit::TooDeep);
        }
        fits(self)
    }
}

impl Opinion {
    /// Whether it can be taken into a ruling that can be stored.
    ///
    /// # Errors
    /// It cannot, and why.
    pub fn fits(&self) -> Result<(), Unfit> {
        fits(self)
    }
}

fn fits(answer: &impl Serialize) -> Result<(), Unfit> {
    let bytes = serde_json::to_vec(answer).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > ANSWER_MOST_BYTES { Err(Unfit::TooLarge(bytes)) } else { Ok(()) }
}

fn is_deeper(value: &serde_json::Value, levels: usize) -> bool {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    let Some(below) = levels.checked_sub(1) else { return true };
    match value {
        Array(list) => list.iter().any(|value| is_deeper(value, below)),
        Object(object) => object.values().any(|value| is_deeper(value, below)),
        Null | Bool(_) | Number(_) | String(_) => false,
    }
}

impl<M: Serialize> Verdict<M> {
    /// The same verdict as it goes over the wire.
    ///
    /// # Errors
    /// The memory has no JSON form.
    pub fn untyped(self) -> Result<Verdict, serde_json::Error> {
        let memory = serde_json::to_value(self.memory)?;
        Ok(Verdict { proposals: self.proposals, memory, wake_at: self.wake_at })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn verdict(memory: Value) -> Verdict {
        Verdict { proposals: Vec::new(), memory, wake_at: None }
    }

    #[test]
    fn an_answer_that_no_ruling_could_hold_is_unfit() {
        let nested = |levels| (1..levels).fold(json!(0), |inner, _| json!([inner]));
        assert_eq!(verdict(nested(MEMORY_MOST_LEVELS)).fits(), Ok(()));
        assert_eq!(verdict(nested(MEMORY_MOST_LEVELS + 1)).fits(), Err(Unfit::TooDeep));
        let text = |bytes| verdict(json!("x".repeat(bytes)));
        assert_eq!(text(ANSWER_MOST_BYTES / 2).fits(), Ok(()));
        assert!(matches!(text(ANSWER_MOST_BYTES).fits(), Err(Unfit::TooLarge(_))));
    }
}
