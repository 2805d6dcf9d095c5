//! The CIO: which symbols may be traded, and how much each model weighs. Pure: a verdict is a function of policy and
//! case.

mod memory;
mod models;
mod policy;
mod score;
mod symbols;

pub use memory::Memory;
pub use models::REBALANCE;
pub use policy::{Contract, Expand, Policy, Rebalance};
pub use symbols::{CONTRACT, EXPAND};

use proto::case::{Brief, Executive, Statement};
use proto::event::{Body, EventKind};
use proto::id::Role;

/// The role that owns symbols and model weights.
#[derive(Debug, Clone, Copy)]
pub struct Cio;

impl Executive for Cio {
    const ROLE: Role = Role::CIO;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot, EventKind::Model];
    type Policy = Policy;
    type Memory = Memory;

    fn hear(policy: &Policy, brief: Brief<'_>, memory: &mut Memory) -> Statement {
        let (event, owned) = (brief.event, &brief.ledger.owned);
        let proposals = match &event.body {
            Body::Snapshot(snapshot) => symbols::proposals(policy, snapshot, &owned.symbols),
            Body::Model(results) => {
                memory.observe(event.at, results, &policy.rebalance.models);
                let weights = models::rebalance(&policy.rebalance, brief.now(), memory, &owned.allocation);
                weights.into_iter().collect()
            }
            Body::Health(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
        };
        Statement { proposals, wake_at: None }
    }
}

#[cfg(test)]
mod stories;
