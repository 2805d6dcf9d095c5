//! What a decision carries: always the full effective set of its kind, in the words that the backend knows.

use proto::decision::Payload;
use proto::hold::Freeze;
use proto::id::DecisionId;
use proto::number::Fraction;
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::value::{Profile, ProfileTerms, Value};

/// What a profile allows that the terms do not know: nothing. A policy names all four.
const NOTHING: ProfileTerms = ProfileTerms {
    max_risk_per_trade_pct: Fraction::ZERO,
    max_daily_risk_pct: Fraction::ZERO,
    max_positions: 0,
};

/// The payload of a value's decision; `remaining` and `lifts` concern a mode only.
pub(crate) fn value(
    value: &Value,
    terms: &Terms,
    remaining: Option<Period>,
    lifts: Vec<DecisionId>,
) -> Payload {
    match value.clone() {
        Value::Mode(mode) => Payload::ModeChange { mode, duration_minutes: remaining.map(minutes), lifts },
        Value::Profile(profile) => profile_of(profile, terms),
        Value::Limits(limits) => Payload::RiskAdjustment {
            max_leverage: limits.max_leverage,
            max_position_size_usd: limits.max_position_size_usd,
            max_drawdown_pct: limits.max_drawdown_pct,
            max_exposure_pct: limits.max_exposure_pct,
            stop_loss_multiplier: limits.stop_loss_multiplier,
        },
        Value::Ess(ess) => Payload::EssPolicy {
            caution_threshold_pct: ess.caution_threshold_pct,
            warning_threshold_pct: ess.warning_threshold_pct,
            critical_threshold_pct: ess.critical_threshold_pct,
        },
        Value::Symbols(universe) => Payload::SymbolUniverse {
            active_symbols: universe.active_symbols.clone(),
            excluded_symbols: universe.excluded_symbols.clone(),
        },
        Value::Cashflow(cashflow) => Payload::Cashflow {
            profit_lock_pct: cashflow.profit_lock_pct,
            reinvest_pct: cashflow.reinvest_pct,
            reserve_buffer_pct: cashflow.reserve_buffer_pct,
        },
        Value::Allocation(allocation) => Payload::StrategyAllocation {
            model_weights: allocation.model_weights.clone(),
            active_strategies: allocation.active_strategies.clone(),
        },
    }
}

/// The payload of a FREEZE. Zero minutes are until released, and nothing else.
pub(crate) fn freeze(freeze: &Freeze, reason: &str, now: Time) -> Payload {
    Payload::Freeze {
        duration_minutes: freeze.until.map_or(0, |until| minutes(until.since(now))),
        affected_subsystems: freeze.affected_subsystems.clone(),
        severity: freeze.severity,
        requires_manual_review: freeze.requires_manual_review,
        reason: reason.to_owned(),
    }
}

/// Whole minutes, a begun one counted, and never none: that would be for ever.
fn minutes(remaining: Period) -> u64 {
    remaining.as_mins_ceil().max(1)
}

fn profile_of(profile: Profile, terms: &Terms) -> Payload {
    let allowed = terms.profiles.get(&profile).copied().unwrap_or(NOTHING);
    Payload::CapitalProfile {
        profile,
        max_risk_per_trade_pct: allowed.max_risk_per_trade_pct,
        max_daily_risk_pct: allowed.max_daily_risk_pct,
        max_positions: allowed.max_positions,
    }
}
