//! What a portfolio must look like before the supervisor calls the cause of a freeze gone.

use proto::number::Usd;
use proto::proposal::{Fact, Relation};

use crate::View;

/// Known, near its peak, and with enough left: the facts, if it is so.
pub(crate) fn sound(view: &View<'_>) -> Option<Vec<Fact>> {
    let last = view.memory.last.as_ref()?;
    let lift = &view.policy.lift;
    let known = view.now.since(last.at) <= view.policy.feed_silence;
    let sound = last.drawdown_pct < lift.drawdown_below_pct && last.equity_usd > lift.equity_above_usd;
    (known && sound).then(|| {
        vec![
            Fact::met("drawdown_pct", last.drawdown_pct, Relation::Below, lift.drawdown_below_pct),
            Fact::met("total_equity", last.equity_usd, Relation::Above, lift.equity_above_usd),
        ]
    })
}

/// Sound, and the day is not negative: the facts, if it is so.
pub(crate) fn recovered(view: &View<'_>) -> Option<Vec<Fact>> {
    let mut facts = sound(view)?;
    let result = window_result(view)?;
    (result >= Usd::ZERO).then(|| {
        facts.push(Fact::met("day_result_usd", result, Relation::AtLeast, Usd::ZERO));
        facts
    })
}

/// The day's result; early in a day no better than together with the day before, because a counter that was set to
/// zero at midnight has recovered nothing.
fn window_result(view: &View<'_>) -> Option<Usd> {
    let last = view.memory.last.as_ref()?;
    let today = view.memory.day.as_ref()?;
    let result = last.day_result_usd;
    let early = view.now.since(today.since) < view.policy.lift.day_before_counts;
    match today.day_before_usd {
        Some(before) if early => Some(result.min(result.plus(before))),
        Some(_) | None => Some(result),
    }
}
