//! The researcher: what is worth looking into. Pure, and without memory: the ledger knows what was given out.

mod policy;
mod rules;
mod task;

pub use policy::{Backtest, Bottleneck, Features, Policy, Retrain, Risk, Tune};
pub use rules::{BACKTEST, BOTTLENECK, FEATURES, RETRAIN, RISK, TUNE};

use proto::case::{Brief, Executive, Statement};
use proto::event::{Body, EventKind};
use proto::id::Role;
use proto::proposal::{Ask, Proposal};

/// The role that gives out research.
#[derive(Debug, Clone, Copy)]
pub struct Researcher;

impl Executive for Researcher {
    const ROLE: Role = Role::RESEARCHER;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot, EventKind::Health, EventKind::Model];
    type Policy = Policy;
    type Memory = ();

    fn hear(policy: &Policy, brief: Brief<'_>, (): &mut ()) -> Statement {
        let finding = match &brief.event.body {
            Body::Snapshot(snapshot) => rules::about_portfolio(policy, snapshot),
            Body::Health(health) => rules::about_system(policy, health),
            Body::Model(results) => rules::about_model(policy, results),
            Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => None,
        };
        let proposal = finding.and_then(|finding| propose(policy, brief, finding));
        Statement { proposals: proposal.into_iter().collect(), wake_at: None }
    }
}

/// The finding as a proposal, unless the same subject was given out of late.
fn propose(policy: &Policy, brief: Brief<'_>, finding: rules::Finding) -> Option<Proposal> {
    let given = brief.ledger.research.get(&*task::subject(&finding));
    if given.is_some_and(|given| brief.now().since(*given) < policy.again_after) {
        return None;
    }
    let ask = Ask::Research { task: task::task(&finding).into() };
    let rules::Finding { rule, priority, facts, .. } = finding;
    Some(Proposal { author: Role::RESEARCHER.into(), rule, priority, ask, facts })
}

#[cfg(test)]
mod stories;
