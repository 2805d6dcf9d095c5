//! The six roles as the model meets them: at a desk of each portfolio, with a memory of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::case::{Brief, Executive, Review, Statement, Veto};
use proto::event::Event;
use proto::id::Role;
use proto::ledger::Ledger;
use proto::proposal::Proposal;
use serde_json::Value;

/// A role at work on one portfolio. What it remembers stays with it, and becomes JSON only where somebody wants it so.
pub(crate) trait Desk {
    /// What it says on an event, put in the place of what it said before: statements are many, and seldom kept.
    fn hear(&mut self, brief: Brief<'_>, said: &mut Statement);

    /// What it forbids of what would loosen; nothing for a role that does not review.
    fn object(&self, event: &Event, ledger: &Ledger, proposals: &[Proposal]) -> Vec<Veto>;

    /// What it remembers, as it stands in a ledger.
    fn memory(&self) -> Result<Value, serde_json::Error>;

    /// Remembers what stands in a ledger, and nothing else.
    fn recall(&mut self, memory: Option<&Value>) -> Result<(), serde_json::Error>;
}

/// A role that opens a desk for every portfolio.
pub(crate) trait Office {
    /// A desk where nothing is remembered yet.
    fn desk(&self) -> Box<dyn Desk>;
}

/// Who serves which role.
pub(crate) type Staff = BTreeMap<Role, Box<dyn Office>>;

/// A role with the policy that it goes by.
pub(crate) struct Serving<E: Executive>(pub(crate) Arc<E::Policy>);

struct Seated<E: Executive> {
    policy: Arc<E::Policy>,
    memory: E::Memory,
}

impl<E: Executive> Office for Serving<E> {
    fn desk(&self) -> Box<dyn Desk> {
        Box::new(Seated::<E> { policy: Arc::clone(&self.0), memory: E::Memory::default() })
    }
}

impl<E: Executive> Desk for Seated<E> {
    fn hear(&mut self, brief: Brief<'_>, said: &mut Statement) {
        *said = E::hear(&self.policy, brief, &mut self.memory);
    }

    fn object(&self, event: &Event, ledger: &Ledger, proposals: &[Proposal]) -> Vec<Veto> {
        E::object(&self.policy, Review { event, ledger, memory: &self.memory, proposals })
    }

    fn memory(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&self.memory)
    }

    fn recall(&mut self, memory: Option<&Value>) -> Result<(), serde_json::Error> {
        self.memory = memory.map(serde::Deserialize::deserialize).transpose()?.unwrap_or_default();
        Ok(())
    }
}
