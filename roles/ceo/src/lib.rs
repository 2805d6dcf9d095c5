//! The CEO: trading mode and capital profile. Pure: a verdict is a function of policy and case.

mod memory;
mod mode;
mod policy;
mod profile;

pub use memory::Memory;
pub use mode::{ESS_CRITICAL, PAUSE, RESUME, SHADOW};
pub use policy::{Downgrade, Emergency, Policy, Upgrade};
pub use profile::{DOWNGRADE, DOWNGRADE_STREAK, DOWNGRADE_WIN_RATE, EMERGENCY, UPGRADE};

use proto::case::{Brief, Executive, Statement};
use proto::event::{Body, EventKind};
use proto::id::Role;

/// The role that owns mode and profile.
#[derive(Debug, Clone, Copy)]
pub struct Ceo;

impl Executive for Ceo {
    const ROLE: Role = Role::CEO;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot, EventKind::Health];
    type Policy = Policy;
    type Memory = Memory;

    fn hear(policy: &Policy, brief: Brief<'_>, memory: &mut Memory) -> Statement {
        let Brief { event, ledger, .. } = brief;
        let proposals = match &event.body {
            Body::Snapshot(snapshot) => {
                let new_worst = memory.observe(event.at, snapshot);
                let seen = profile::Seen { now: brief.now(), snapshot, new_worst, memory, ledger };
                profile::proposals(policy, &seen)
            }
            Body::Health(health) => mode::proposal(policy, ledger.owned.mode, health).into_iter().collect(),
            Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
        };
        Statement { proposals, wake_at: None }
    }
}

#[cfg(test)]
mod stories;
