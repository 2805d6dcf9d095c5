//! Any event data that can pass the gateway, for properties.

use proptest::option;
use proptest::prelude::*;

use super::{health, model, receipt, snapshot};
use crate::event::{Body, EssState, Health, ModelPerformance, Snapshot, SystemStatus};
use crate::id::DecisionId;
use crate::number::{Fraction, Ratio, Usd};
use crate::receipt::{Receipt, ReceiptStatus};

/// Any share from 0 to 1.
pub fn share() -> impl Strategy<Value = Fraction> {
    (0.0..=1.0).prop_map(Fraction::lit)
}

/// Any amount, mostly of a size that accounts have.
pub fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![9 => -20_000.0..20_000.0, 1 => proptest::num::f64::NORMAL | proptest::num::f64::ZERO]
        .prop_map(Usd::lit)
}

/// Any ratio, mostly of a size that Sharpe ratios have.
pub fn ratio() -> impl Strategy<Value = Ratio> {
    prop_oneof![9 => -5.0..5.0, 1 => proptest::num::f64::NORMAL | proptest::num::f64::ZERO]
        .prop_map(Ratio::lit)
}

/// Any snapshot.
pub fn snapshots() -> impl Strategy<Value = Snapshot> {
    let needed = (usd(), share(), usd(), usd(), 0..12_u32);
    let optional = (
        option::of(share()),
        option::of(share()),
        option::of(ratio()),
        option::of(usd()),
        option::of(0..20_u32),
    );
    (needed, optional).prop_map(|(needed, optional)| Snapshot {
        total_equity: needed.0,
        drawdown_pct: needed.1,
        realized_pnl_today: needed.2,
        unrealized_pnl: needed.3,
        num_positions: needed.4,
        max_drawdown_pct: optional.0,
        win_rate_today: optional.1,
        sharpe_ratio_7d: optional.2,
        cash_balance: optional.3,
        closed_trades_today: optional.4,
        ..snapshot()
    })
}

/// Any health.
pub fn healths() -> impl Strategy<Value = Health> {
    use SystemStatus::{Critical, Degraded, Emergency, Healthy, Optimal};
    let status = proptest::sample::select(vec![Optimal, Healthy, Degraded, Critical, Emergency]);
    let ess = vec![EssState::Nominal, EssState::Caution, EssState::Warning, EssState::Critical];
    (status, proptest::sample::select(ess)).prop_map(|(status, ess)| health(status, ess))
}

/// Any results of one of these models.
pub fn models(names: &'static [&'static str]) -> impl Strategy<Value = ModelPerformance> {
    let results = (option::of(ratio()), option::of(share()), option::of(ratio()));
    (proptest::sample::select(names), results).prop_map(|(name, results)| ModelPerformance {
        sharpe_ratio: results.0,
        win_rate: results.1,
        days_since_training: results.2,
        ..model(name)
    })
}

/// Any receipt of some decision.
pub fn receipts() -> impl Strategy<Value = Receipt> {
    let status = proptest::sample::select(ReceiptStatus::ALL.to_vec());
    (0..8_u8, status)
        .prop_map(|(decision, status)| receipt(DecisionId::derive(&[&decision.to_string()]), status))
}

/// Any snapshot, any health, any results of one of these models, or any receipt.
pub fn bodies(names: &'static [&'static str]) -> impl Strategy<Value = Body> {
    prop_oneof![
        3 => snapshots().prop_map(Body::Snapshot),
        1 => healths().prop_map(Body::Health),
        1 => models(names).prop_map(Body::Model),
        1 => receipts().prop_map(Body::Receipt),
    ]
}
