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

use proto::case::{Case, Executive, ReviewCase, Verdict, Veto};
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

/// What the rules look at: a case, with the memory as its event left it.
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

    fn evaluate(policy: &Policy, case: &Case<Memory>) -> Verdict<Memory> {
        let mut memory = case.memory.clone().unwrap_or_default();
        let now = case.ledger.at.max(case.event.at);
        memory.observe(policy, now, &case.event, &case.ledger);
        let view = View { policy, now, event: &case.event, ledger: &case.ledger, memory: &memory };
        let mut proposals = freeze::proposals(&view);
        proposals.extend(silence::proposal(&view));
        proposals.extend(veto::clearances(&view));
        let wake_at = silence::wake_at(&view);
        Verdict { proposals, memory, wake_at }
    }

    fn review(policy: &Policy, case: &ReviewCase<Memory>) -> Vec<Veto> {
        let unknown = Memory::default();
        let memory = case.memory.as_ref().unwrap_or(&unknown);
        let now = case.ledger.at.max(case.event.at);
        let view = View { policy, now, event: &case.event, ledger: &case.ledger, memory };
        veto::vetoes(&view, &case.proposals)
    }
}

/// The supervisor's proposal on this rule.
fn proposal(rule: RuleId, priority: Priority, ask: Ask, facts: Vec<Fact>) -> Proposal {
    Proposal { author: Role::SUPERVISOR.into(), rule, priority, ask, facts }
}
