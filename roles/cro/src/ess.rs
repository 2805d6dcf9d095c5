//! Thresholds of the emergency stop: tight while drawdowns are bad, back after a calm half hour.

use proto::decision::Priority;
use proto::id::RuleId;
use proto::proposal::{Fact, Proposal, Relation};
use proto::value::Value;

use crate::{View, escalated, proposal};

const ESS_TIGHT: RuleId = RuleId::new("cro.ess-tight");
const ESS_RESTORE: RuleId = RuleId::new("cro.ess-restore");

/// `[ess-tight]`: a bad drawdown, or a new worst one.
pub(crate) fn ess_tight(view: &View<'_>) -> Option<Proposal> {
    let fact = bad_drawdown(view).or_else(|| new_worst(view))?;
    let thresholds = view.policy.ess_tight.thresholds().meet(view.ledger.owned.ess);
    Some(proposal(ESS_TIGHT, Priority::Critical, Value::Ess(thresholds), vec![fact]))
}

fn bad_drawdown(view: &View<'_>) -> Option<Fact> {
    let (seen, most) = (view.snapshot.drawdown_pct, view.policy.ess_tight.drawdown_above_pct);
    (seen > most).then(|| Fact::met("drawdown_pct", seen, Relation::Above, most))
}

/// An old worst that is only reported again says nothing about today.
fn new_worst(view: &View<'_>) -> Option<Fact> {
    let (seen, most) = (view.snapshot.max_drawdown_pct?, view.policy.ess_tight.max_drawdown_above_pct);
    let is_new = Some(seen) > view.worst_before;
    (is_new && seen > most).then(|| Fact::met("max_drawdown_pct", seen, Relation::Above, most))
}

/// `[ess-restore]`: the drawdown has been low for long enough; not while the emergency stop is escalated.
pub(crate) fn ess_restore(view: &View<'_>) -> Option<Proposal> {
    let rule = &view.policy.ess_restore;
    let calm = view.now.since(view.memory.calm_since?);
    let done = view.ledger.owned.ess == view.base.ess;
    let threatened = || view.memory.ess_state.is_some_and(escalated) || ess_tight(view).is_some();
    (calm >= rule.calm_for && !done && !threatened()).then(|| {
        let drawdown = view.snapshot.drawdown_pct;
        let facts = vec![
            Fact::met("drawdown_pct", drawdown, Relation::Below, rule.drawdown_below_pct),
            Fact::met("calm", calm, Relation::AtLeast, rule.calm_for),
        ];
        proposal(ESS_RESTORE, Priority::Normal, Value::Ess(view.base.ess), facts)
    })
}
