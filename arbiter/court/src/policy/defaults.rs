//! What the court goes by where the policy file says nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::decision::DecisionType;
use proto::event::EventKind;
use proto::id::Role;
use proto::number::{Fraction, Ratio, Usd};
use proto::terms::Seat;
use proto::time::Period;
use proto::value::{
    Allocation, Cashflow, EssThresholds, Kind, Limits, Mode, Profile, ProfileTerms, Universe, Values,
};

/// Symbols that are active at the start, and those that are known besides.
const ACTIVE: [&str; 5] = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "ADAUSDT"];
const EXCLUDED: [&str; 7] =
    ["DOTUSDT", "MATICUSDT", "AVAXUSDT", "LINKUSDT", "UNIUSDT", "ATOMUSDT", "NEARUSDT"];

pub(super) fn cool_down() -> BTreeMap<Kind, Period> {
    BTreeMap::from([
        (Kind::Profile, Period::from_hours(1)),
        (Kind::Limits, Period::from_hours(1)),
        (Kind::Ess, Period::from_mins(30)),
        (Kind::Symbols, Period::from_hours(1)),
        (Kind::Cashflow, Period::from_hours(1)),
    ])
}

pub(super) fn base() -> Values {
    Values {
        mode: Mode::Live,
        profile: Profile::Low,
        limits: Limits {
            max_leverage: Ratio::lit(10.0),
            max_position_size_usd: Usd::lit(10_000.0),
            max_drawdown_pct: Fraction::lit(0.08),
            max_exposure_pct: Fraction::lit(0.9),
            stop_loss_multiplier: Ratio::lit(1.0),
        },
        ess: EssThresholds {
            caution_threshold_pct: Fraction::lit(0.03),
            warning_threshold_pct: Fraction::lit(0.05),
            critical_threshold_pct: Fraction::lit(0.08),
        },
        symbols: Arc::new(Universe {
            active_symbols: ACTIVE.map(str::to_owned).into(),
            excluded_symbols: EXCLUDED.map(str::to_owned).into(),
        }),
        cashflow: Cashflow {
            profit_lock_pct: Fraction::lit(0.3),
            reinvest_pct: Fraction::lit(0.6),
            reserve_buffer_pct: Fraction::lit(0.1),
        },
        allocation: Allocation::default().into(),
    }
}

pub(super) fn profiles() -> BTreeMap<Profile, ProfileTerms> {
    let terms = |per_trade, per_day, max_positions| ProfileTerms {
        max_risk_per_trade_pct: Fraction::lit(per_trade),
        max_daily_risk_pct: Fraction::lit(per_day),
        max_positions,
    };
    BTreeMap::from([
        (Profile::Micro, terms(0.005, 0.02, 2)),
        (Profile::Low, terms(0.01, 0.03, 3)),
        (Profile::Normal, terms(0.02, 0.05, 5)),
        (Profile::Aggressive, terms(0.05, 0.10, 8)),
    ])
}

pub(super) fn seats() -> BTreeMap<Role, Seat> {
    use DecisionType::{
        CapitalProfile, Cashflow, EssPolicy, Freeze, ModeChange, Override, ResearchTask, RiskAdjustment,
        StrategyAllocation, SymbolUniverse,
    };
    use EventKind::{ClockDue, Health, Model, Snapshot};
    let supervisor =
        Seat { guardian: true, reviews: true, ..seat(1, [Freeze, Override], [Snapshot, Health, ClockDue]) };
    let cro = Seat { guardian: true, ..seat(2, [RiskAdjustment, EssPolicy], [Snapshot, Health]) };
    BTreeMap::from([
        (Role::SUPERVISOR, supervisor),
        (Role::CRO, cro),
        (Role::CEO, seat(3, [ModeChange, CapitalProfile], [Snapshot, Health])),
        (Role::CIO, seat(4, [StrategyAllocation, SymbolUniverse], [Snapshot, Model])),
        (Role::CFO, seat(5, [Cashflow], [Snapshot])),
        (Role::RESEARCHER, seat(6, [ResearchTask], [Snapshot, Health, Model])),
    ])
}

fn seat<const A: usize, const I: usize>(
    rank: u8,
    authority: [DecisionType; A],
    interests: [EventKind; I],
) -> Seat {
    Seat { rank, authority: authority.into(), interests: interests.into(), guardian: false, reviews: false }
}
