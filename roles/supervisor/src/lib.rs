//! The supervisor: freezes trading when it must stop, and vetoes what would loosen at the wrong time.
//!
//! A pure function of policy and case. `freeze` and `streak` hold the causes of a freeze, `silence` watches the feed,
//! `veto` reviews what would loosen, `memory` keeps what was observed.

mod freeze;
mod lift;
mod memory;
pub mod policy;
mod silence;
mod streak;
mod veto;

use proto::case::{Brief, Executive, Review, Statement, Veto};
use proto::decision::Priority;
use proto::event::{Event, EventKind};
use proto::id::{Role, RuleId};
use proto::ledger::Ledger;
use proto::proposal::{Ask, Fact, Proposal};
use proto::time::Time;

pub use crate::memory::Memory;
pub use crate::policy::Policy;

/// The highest role: it may stop trading, hold any value, and forbid any loosening.
#[derive(Debug)]
pub struct Supervisor;

/// What the rules look at: a brief, with the memory as its event left it.
#[derive(Clone, Copy)]
struct View<'a> {
    policy: &'a Policy,
    /// The portfolio's clock, which never goes back.
    now: Time,
    event: &'a Event,
    ledger: &'a Ledger,
    memory: &'a Memory,
}

impl Executive for Supervisor {
    const ROLE: Role = Role::SUPERVISOR;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot, EventKind::Health, EventKind::ClockDue];
    const REVIEWS: bool = true;
    type Policy = Policy;
    type Memory = Memory;

    fn hear(policy: &Policy, brief: Brief<'_>, memory: &mut Memory) -> Statement {
        let (now, Brief { event, ledger, .. }) = (brief.now(), brief);
        memory.observe(policy, now, event, ledger);
        let view = View { policy, now, event, ledger, memory };
        let mut proposals = freeze::proposals(&view);
        proposals.extend(silence::proposal(&view));
        proposals.extend(veto::clearances(&view));
        let wake_at = silence::wake_at(&view);
        Statement { proposals, wake_at }
    }

    fn object(policy: &Policy, review: Review<'_, Memory>) -> Vec<Veto> {
        let (now, Review { event, ledger, memory, proposals }) = (review.now(), review);
        veto::vetoes(&View { policy, now, event, ledger, memory }, proposals)
    }
}

/// The supervisor's proposal on this rule.
fn proposal(rule: RuleId, priority: Priority, ask: Ask, facts: Vec<Fact>) -> Proposal {
    Proposal { author: Role::SUPERVISOR.into(), rule, priority, ask, facts }
}
