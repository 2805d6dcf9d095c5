//! Model weights: by results, once all known models were heard, and only when they move enough to matter.

use std::collections::BTreeMap;

use proto::decision::Priority;
use proto::id::{Role, RuleId};
use proto::proposal::{Ask, Fact, Proposal};
use proto::time::Time;
use proto::value::{Allocation, Value};

use crate::memory::Memory;
use crate::policy::Rebalance;
use crate::score;

/// Weights follow results.
pub const REBALANCE: RuleId = RuleId::new("cio.rebalance");

/// New weights, when any moves enough from what the ledger holds.
pub(crate) fn rebalance(
    policy: &Rebalance,
    now: Time,
    memory: &Memory,
    owned: &Allocation,
) -> Option<Proposal> {
    let scores = scores(policy, now, memory)?;
    let allocation = score::allocation(&scores, policy.active_pct);
    let moved = score::largest_move(owned, &allocation);
    let moves = Fact::above("weight_move_pct", moved, policy.move_pct)?;
    let mut facts = vec![moves, Fact::seen("models", scores.len() as u64)];
    facts.extend(Fact::above("unknown_models", memory.unknown_models(), 0));
    let ask = Ask::Set { value: Value::Allocation(allocation.into()), duration: None };
    Some(Proposal { author: Role::CIO.into(), rule: REBALANCE, priority: Priority::Normal, ask, facts })
}

/// The score of each known model; none when any has not been heard of late.
fn scores<'a>(policy: &'a Rebalance, now: Time, memory: &Memory) -> Option<BTreeMap<&'a str, f64>> {
    let scored = policy.models.iter().map(|model| {
        let results = memory.results(model).filter(|results| now.since(results.at) <= policy.fresh)?;
        Some((model.as_str(), score::score(policy, results)))
    });
    scored.collect()
}
