//! The CRO: risk limits and the thresholds of the emergency stop.
//!
//! A pure function of policy and case. `limits` and `ess` hold the rules, `memory` keeps what was observed. A rule
//! that tightens takes the tighter of its own value and the owner's, field by field: no step ever gives room.

mod ess;
mod limits;
mod memory;
pub mod policy;

use proto::case::{Brief, Executive, Statement};
use proto::decision::Priority;
use proto::event::{Body, EssState, EventKind, Snapshot};
use proto::id::{Role, RuleId};
use proto::ledger::Ledger;
use proto::number::Fraction;
use proto::proposal::{Ask, Fact, Proposal};
use proto::time::Time;
use proto::value::{Value, Values};

use crate::limits::LastSteps;
pub use crate::memory::Memory;
pub use crate::policy::Policy;

/// The second role: it sets risk limits and the thresholds of the emergency stop.
#[derive(Debug)]
pub struct Cro;

/// What the rules look at on a snapshot: the brief, with the memory as the snapshot left it.
#[derive(Clone, Copy)]
struct View<'a> {
    policy: &'a Policy,
    /// The portfolio's clock, which never goes back.
    now: Time,
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
    base: &'a Values,
    last: LastSteps<'a>,
    /// The worst drawdown that was known before the snapshot.
    worst_before: Option<Fraction>,
    memory: &'a Memory,
}

impl Executive for Cro {
    const ROLE: Role = Role::CRO;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot, EventKind::Health];
    type Policy = Policy;
    type Memory = Memory;

    fn hear(policy: &Policy, brief: Brief<'_>, memory: &mut Memory) -> Statement {
        let (now, Brief { event, ledger, base }) = (brief.now(), brief);
        let proposals = match &event.body {
            Body::Snapshot(snapshot) => {
                let worst_before = memory.worst_drawdown;
                let last = LastSteps::of(ledger);
                memory.see_snapshot(policy, now, last, snapshot);
                on_snapshot(&View { policy, now, snapshot, ledger, base, last, worst_before, memory })
            }
            Body::Health(health) => {
                memory.ess_state = Some(health.ess_state);
                limits::ess_escalation(policy, ledger, health.ess_state).into_iter().collect()
            }
            Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
        };
        Statement { proposals, wake_at: None }
    }
}

fn on_snapshot(view: &View<'_>) -> Vec<Proposal> {
    let rules = [limits::step_down, limits::recovery, ess::ess_tight, ess::ess_restore];
    rules.into_iter().filter_map(|rule| rule(view)).collect()
}

/// Whether the emergency stop has gone as far as WARNING.
fn escalated(state: EssState) -> bool {
    state >= EssState::Warning
}

/// Exposure as a share of equity; none where nothing is left to share, which is the worst case.
fn exposure_pct(snapshot: &Snapshot) -> Option<Fraction> {
    snapshot.total_exposure_usd.share_of(snapshot.total_equity)
}

/// The CRO's proposal of a value.
fn proposal(rule: RuleId, priority: Priority, value: Value, facts: Vec<Fact>) -> Proposal {
    let ask = Ask::Set { value, duration: None };
    Proposal { author: Role::CRO.into(), rule, priority, ask, facts }
}
