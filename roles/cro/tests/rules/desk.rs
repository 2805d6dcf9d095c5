//! Short words for these tests.

use cro::Cro;
use proto::decision::Priority;
use proto::event::{Body, EssState, Snapshot, SystemStatus};
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Proposal};
use proto::testing::{self, Story};
use proto::time::{Period, Time};
use proto::value::{EssThresholds, Limits, Value};

/// A portfolio with a story that every grant of the CRO's becomes part of.
pub(crate) type Desk = Story<Cro>;

/// A calm portfolio far from every threshold, without anything that is optional.
pub(crate) const CALM: Snapshot = Snapshot { drawdown_pct: Fraction::lit(0.01), ..testing::snapshot() };

/// A calm portfolio that does very well.
pub(crate) const WELL: Snapshot = Snapshot {
    win_rate_today: Some(Fraction::lit(0.7)),
    closed_trades_today: Some(10),
    sharpe_ratio_7d: Some(Ratio::lit(2.5)),
    ..CALM
};

pub(crate) const fn at(seconds: i64) -> Time {
    testing::MONDAY.after(Period::from_secs(seconds))
}

pub(crate) const fn deep(drawdown: f64) -> Body {
    Body::Snapshot(Snapshot { drawdown_pct: Fraction::lit(drawdown), ..CALM })
}

/// A calm portfolio of 10 000 USD with this share of it in open positions.
pub(crate) const fn exposed(share: f64) -> Body {
    Body::Snapshot(Snapshot { total_exposure_usd: Usd::lit(10_000.0 * share), ..CALM })
}

pub(crate) const fn ess(state: EssState) -> Body {
    Body::Health(testing::health(SystemStatus::Healthy, state))
}

pub(crate) const fn limits(leverage: f64, position: f64, drawdown: f64, exposure: f64, stop: f64) -> Limits {
    Limits {
        max_leverage: Ratio::lit(leverage),
        max_position_size_usd: Usd::lit(position),
        max_drawdown_pct: Fraction::lit(drawdown),
        max_exposure_pct: Fraction::lit(exposure),
        stop_loss_multiplier: Ratio::lit(stop),
    }
}

pub(crate) const fn thresholds(caution: f64, warning: f64, critical: f64) -> EssThresholds {
    EssThresholds {
        caution_threshold_pct: Fraction::lit(caution),
        warning_threshold_pct: Fraction::lit(warning),
        critical_threshold_pct: Fraction::lit(critical),
    }
}

/// A desk whose owner's limits are these.
pub(crate) fn with_limits(limits: Limits) -> Desk {
    let mut desk = Desk::default();
    desk.ledger.owned.limits = limits;
    desk
}

/// What is asked: which rule, how urgent, which value.
pub(crate) fn told<'a>(proposals: &'a [Proposal]) -> Vec<(&'a str, Priority, Value)> {
    let told = |proposal: &'a Proposal| match &proposal.ask {
        Ask::Set { value, duration: None } => {
            Some((proposal.rule.as_str().trim_start_matches("cro."), proposal.priority, value.clone()))
        }
        Ask::Set { .. }
        | Ask::Freeze { .. }
        | Ask::Hold { .. }
        | Ask::Clear { .. }
        | Ask::Research { .. }
        | Ask::Release { .. } => None,
    };
    proposals.iter().filter_map(told).collect()
}

/// The rules that fired.
pub(crate) fn rules(proposals: &[Proposal]) -> Vec<&str> {
    proposals.iter().map(|proposal| proposal.rule.as_str().trim_start_matches("cro.")).collect()
}
