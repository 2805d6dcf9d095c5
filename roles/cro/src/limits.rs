//! Risk limits: what tightens them, and what brings them back.

use proto::decision::Priority;
use proto::event::EssState;
use proto::id::RuleId;
use proto::ledger::{Fired, Ledger};
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Fact, Proposal, Relation};
use proto::time::Time;
use proto::value::{Limits, Value};

use crate::policy::Policy;
use crate::{View, escalated, exposure_pct, proposal};

const ESS_ESCALATION: RuleId = RuleId::new("cro.ess-escalation");
const DRAWDOWN_RISE: RuleId = RuleId::new("cro.drawdown-rise");
const EXPOSURE: RuleId = RuleId::new("cro.exposure");
const RECOVERY: RuleId = RuleId::new("cro.recovery");

/// The facts by which a rule knows its last step again.
const DRAWDOWN: &str = "drawdown_pct";
const EXPOSURE_PCT: &str = "exposure_pct";

/// One snapshot is one step down, whatever speaks for it: two reasons give the tighter of both, field by field.
pub(crate) fn step_down(view: &View<'_>) -> Option<Proposal> {
    let (rise, exposed) = (drawdown_rise(view), exposure(view));
    let owned = view.ledger.owned.limits;
    let (rule, limits, facts) = match (rise, exposed) {
        (Some(rise), Some(exposed)) => {
            (DRAWDOWN_RISE, rise.limits.meet(exposed.limits), [rise.facts, exposed.facts].concat())
        }
        (Some(rise), None) => (DRAWDOWN_RISE, rise.limits, rise.facts),
        (None, Some(exposed)) => (EXPOSURE, exposed.limits, exposed.facts),
        (None, None) => return None,
    };
    Some(proposal(rule, Priority::High, Value::Limits(limits.meet(owned)), facts))
}

/// What the rules that step down saw when they last moved something.
#[derive(Clone, Copy)]
pub(crate) struct LastSteps<'a> {
    rise: Option<&'a Fired>,
    exposure: Option<&'a Fired>,
}

impl<'a> LastSteps<'a> {
    pub(crate) fn of(ledger: &'a Ledger) -> Self {
        Self { rise: ledger.fired(&DRAWDOWN_RISE), exposure: ledger.fired(&EXPOSURE) }
    }

    /// When `[drawdown-rise]` last moved something.
    pub(crate) fn rise_at(&self) -> Option<Time> {
        self.rise.map(|fired| fired.at)
    }

    /// When too much exposure last moved something, alone or together with a rise of the drawdown.
    pub(crate) fn exposed_at(&self) -> Option<Time> {
        let exposed = |fired: &&Fired| fired.facts.iter().any(|fact| fact.what == EXPOSURE_PCT);
        let either = self.exposure.into_iter().chain(self.rise);
        either.filter(exposed).map(|fired| fired.at).max()
    }
}

/// What a rule wants, and why.
struct Step {
    limits: Limits,
    facts: Vec<Fact>,
}

/// `[ess-escalation]`: the emergency stop is at WARNING or CRITICAL.
pub(crate) fn ess_escalation(policy: &Policy, ledger: &Ledger, state: EssState) -> Option<Proposal> {
    escalated(state).then(|| {
        let limits = policy.ess_escalation.limits().meet(ledger.owned.limits);
        let facts = vec![Fact::met("ess_state", state.as_str(), Relation::Is, state.as_str())];
        proposal(ESS_ESCALATION, Priority::Critical, Value::Limits(limits), facts)
    })
}

/// `[drawdown-rise]`: the drawdown rose since the last step, or since it was lowest after it.
fn drawdown_rise(view: &View<'_>) -> Option<Step> {
    let rule = &view.policy.drawdown_rise;
    let (seen, last) = (view.snapshot.drawdown_pct, drawdown_to_rise_from(view));
    let owned = view.ledger.owned.limits;
    (seen > last.plus(rule.rise_pct)).then(|| Step {
        limits: Limits {
            max_leverage: owned
                .max_leverage
                .times(rule.leverage_factor.get())
                .to_hundredths()
                .max(rule.leverage_floor),
            max_position_size_usd: position(owned, rule.position_factor, rule.position_floor_usd),
            max_drawdown_pct: rule.max_drawdown_pct,
            max_exposure_pct: rule.max_exposure_pct,
            stop_loss_multiplier: rule.stop_loss_multiplier,
        },
        facts: vec![
            Fact::met(DRAWDOWN, seen, Relation::Above, last.plus(rule.rise_pct)),
            Fact::seen("drawdown_since_last_step_pct", last),
        ],
    })
}

/// The drawdown at the last step or the lowest after it; nothing before the first step.
fn drawdown_to_rise_from(view: &View<'_>) -> Fraction {
    match view.last.rise {
        Some(fired) => {
            let [at_step, since] = [fired.fraction(DRAWDOWN), view.memory.lowest_drawdown.value];
            at_step.into_iter().chain(since).min().unwrap_or(Fraction::ZERO)
        }
        None => Fraction::ZERO,
    }
}

/// `[exposure]`: too much exposure for what is left; once, until it was low again.
fn exposure(view: &View<'_>) -> Option<Step> {
    let rule = &view.policy.exposure;
    let facts = too_much_exposure(view)?;
    let was_low = view.memory.lowest_exposure.value.is_some_and(|lowest| lowest < rule.armed_below_pct);
    let armed = view.last.exposed_at().is_none() || was_low;
    let owned = view.ledger.owned.limits;
    armed.then(|| Step {
        limits: Limits {
            max_position_size_usd: position(owned, rule.position_factor, rule.position_floor_usd),
            max_exposure_pct: rule.max_exposure_pct,
            ..owned
        },
        facts,
    })
}

fn too_much_exposure(view: &View<'_>) -> Option<Vec<Fact>> {
    let most = view.policy.exposure.above_pct;
    match exposure_pct(view.snapshot) {
        Some(seen) => (seen > most).then(|| vec![Fact::met(EXPOSURE_PCT, seen, Relation::Above, most)]),
        // Nothing is left, so any exposure is too much.
        None => Some(vec![
            Fact::met(EXPOSURE_PCT, "unbounded", Relation::Above, most),
            Fact::met("total_equity", view.snapshot.total_equity, Relation::AtMost, Usd::ZERO),
        ]),
    }
}

/// `[recovery]`: all is well, so limits go back a step; not while a reason to tighten stands.
pub(crate) fn recovery(view: &View<'_>) -> Option<Proposal> {
    let (owned, base) = (view.ledger.owned.limits, view.base.limits);
    if owned == base {
        return None;
    }
    let facts = well(view)?;
    let step = one_step_back(owned, base, view.policy.recovery.factor);
    let threatened = || view.memory.ess_state.is_some_and(escalated) || too_much_exposure(view).is_some();
    if step == owned || threatened() {
        return None;
    }
    Some(proposal(RECOVERY, Priority::Normal, Value::Limits(step), facts))
}

fn well(view: &View<'_>) -> Option<Vec<Fact>> {
    let rule = &view.policy.recovery;
    let drawdown = view.snapshot.drawdown_pct;
    let win_rate = view.snapshot.win_rate(rule.min_closed_trades)?;
    let sharpe = view.snapshot.sharpe_ratio_7d?;
    let well = drawdown < rule.drawdown_below_pct
        && win_rate > rule.win_rate_above_pct
        && sharpe > rule.sharpe_above;
    well.then(|| {
        vec![
            Fact::met(DRAWDOWN, drawdown, Relation::Below, rule.drawdown_below_pct),
            Fact::met("win_rate_today", win_rate, Relation::Above, rule.win_rate_above_pct),
            Fact::met("sharpe_ratio_7d", sharpe, Relation::Above, rule.sharpe_above),
        ]
    })
}

/// Leverage and position size a step up to what a portfolio begins with, the rest at once. What a person made looser
/// than that stays.
fn one_step_back(owned: Limits, base: Limits, factor: Ratio) -> Limits {
    let leverage = owned.max_leverage.times(factor.get()).to_hundredths().min(base.max_leverage);
    let position =
        owned.max_position_size_usd.times(factor.get()).to_hundredths().min(base.max_position_size_usd);
    Limits {
        max_leverage: leverage.max(owned.max_leverage),
        max_position_size_usd: position.max(owned.max_position_size_usd),
        max_drawdown_pct: base.max_drawdown_pct.max(owned.max_drawdown_pct),
        max_exposure_pct: base.max_exposure_pct.max(owned.max_exposure_pct),
        stop_loss_multiplier: base.stop_loss_multiplier.min(owned.stop_loss_multiplier),
    }
}

/// The owner's position size, a step down; steps in a row end at the floor.
fn position(owned: Limits, factor: Ratio, floor: Usd) -> Usd {
    owned.max_position_size_usd.times(factor.get()).to_hundredths().max(floor)
}
