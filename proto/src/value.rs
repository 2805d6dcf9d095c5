//! The values that the mesh governs, and which of two is tighter.
//!
//! Every governed value has a tighter-than order. `meet` takes the tighter of two, field by field; `is_looser_than`
//! says whether any field gives more room. Model weights have no order: nothing there is tighter or looser.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Fraction, Ratio, Usd};

/// Trading mode, from loosest to tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Orders reach the exchange.
    Live,
    /// Orders are simulated.
    Shadow,
    /// No new orders.
    Paused,
    /// The emergency stop is pulled.
    Emergency,
}

impl Mode {
    /// All four, loosest first.
    pub const ALL: [Self; 4] = [Self::Live, Self::Shadow, Self::Paused, Self::Emergency];

    /// The word for it, as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Shadow => "SHADOW",
            Self::Paused => "PAUSED",
            Self::Emergency => "EMERGENCY",
        }
    }

    /// The mode one stage looser on the way back to LIVE.
    #[must_use]
    pub const fn one_stage_looser(self) -> Self {
        match self {
            Self::Emergency => Self::Paused,
            Self::Paused => Self::Shadow,
            Self::Shadow | Self::Live => Self::Live,
        }
    }
}

/// Capital profile, from loosest to tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Profile {
    /// The most risk.
    Aggressive,
    /// The usual.
    Normal,
    /// The start.
    Low,
    /// The least risk.
    Micro,
}

impl Profile {
    /// All four, loosest first.
    pub const ALL: [Self; 4] = [Self::Aggressive, Self::Normal, Self::Low, Self::Micro];

    /// The word for it, as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aggressive => "AGGRESSIVE",
            Self::Normal => "NORMAL",
            Self::Low => "LOW",
            Self::Micro => "MICRO",
        }
    }

    /// The next profile with less risk; MICRO stays.
    #[must_use]
    pub const fn one_step_down(self) -> Self {
        match self {
            Self::Aggressive => Self::Normal,
            Self::Normal => Self::Low,
            Self::Low | Self::Micro => Self::Micro,
        }
    }

    /// The next profile with more risk; AGGRESSIVE stays.
    #[must_use]
    pub const fn one_step_up(self) -> Self {
        match self {
            Self::Micro => Self::Low,
            Self::Low => Self::Normal,
            Self::Normal | Self::Aggressive => Self::Aggressive,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a profile allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileTerms {
    /// The most that one trade may risk, as a share of equity.
    pub max_risk_per_trade_pct: Fraction,
    /// The most that one day may risk, as a share of equity.
    pub max_daily_risk_pct: Fraction,
    /// The most positions at once.
    pub max_positions: u32,
}

/// Risk limits. Smaller is tighter, but for the stop-loss multiplier, where larger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most leverage, gross notional as a multiple of equity. Beside `max_exposure_pct` the tighter counts.
    pub max_leverage: Ratio,
    /// The largest position.
    pub max_position_size_usd: Usd,
    /// The drawdown at which the backend stops by itself.
    pub max_drawdown_pct: Fraction,
    /// The most exposure, gross notional as a share of equity. Beside `max_leverage` the tighter counts.
    pub max_exposure_pct: Fraction,
    /// How much closer than usual stop-losses stand; larger is tighter.
    pub stop_loss_multiplier: Ratio,
}

/// Drawdowns at which the backend's emergency-stop system changes state. Smaller is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EssThresholds {
    /// CAUTION from this drawdown on.
    pub caution_threshold_pct: Fraction,
    /// WARNING from this drawdown on; above caution.
    pub warning_threshold_pct: Fraction,
    /// CRITICAL from this drawdown on; above warning.
    pub critical_threshold_pct: Fraction,
}

/// Symbols that may be traded, in order of preference, and those that may only be reduced. Fewer active is tighter.
// Shared where it stands in values: it is long, is handed on again and again, and seldom changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Universe {
    /// May be traded.
    pub active_symbols: Vec<String>,
    /// May only be reduced, until flat.
    pub excluded_symbols: Vec<String>,
}

/// Where profit goes; the three add up to one. A smaller share to reinvest is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cashflow {
    /// Locked away.
    pub profit_lock_pct: Fraction,
    /// Traded with again.
    pub reinvest_pct: Fraction,
    /// Kept as reserve.
    pub reserve_buffer_pct: Fraction,
}

/// Weights of the models that trade; they add up to one. No order: neither tighter nor looser.
// Shared where it stands in values, as the universe is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// Weight by model.
    pub model_weights: BTreeMap<String, Fraction>,
    /// Strategies that count as active.
    pub active_strategies: Vec<String>,
}

/// Which governed value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trading mode.
    Mode,
    /// Capital profile.
    Profile,
    /// Risk limits.
    Limits,
    /// Emergency-stop thresholds.
    Ess,
    /// Symbols.
    Symbols,
    /// Cashflow.
    Cashflow,
    /// Model weights.
    Allocation,
}

impl Kind {
    /// All seven.
    pub const ALL: [Self; 7] =
        [Self::Mode, Self::Profile, Self::Limits, Self::Ess, Self::Symbols, Self::Cashflow, Self::Allocation];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode => "mode",
            Self::Profile => "profile",
            Self::Limits => "limits",
            Self::Ess => "ess",
            Self::Symbols => "symbols",
            Self::Cashflow => "cashflow",
            Self::Allocation => "allocation",
        })
    }
}

/// One governed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Trading mode.
    Mode(Mode),
    /// Capital profile.
    Profile(Profile),
    /// Risk limits.
    Limits(Limits),
    /// Emergency-stop thresholds.
    Ess(EssThresholds),
    /// Symbols.
    Symbols(Arc<Universe>),
    /// Cashflow.
    Cashflow(Cashflow),
    /// Model weights.
    Allocation(Arc<Allocation>),
}

/// One value of each kind: what owners set, what is in effect, what a portfolio begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Trading mode.
    pub mode: Mode,
    /// Capital profile.
    pub profile: Profile,
    /// Risk limits.
    pub limits: Limits,
    /// Emergency-stop thresholds.
    pub ess: EssThresholds,
    /// Symbols.
    pub symbols: Arc<Universe>,
    /// Cashflow.
    pub cashflow: Cashflow,
    /// Model weights.
    pub allocation: Arc<Allocation>,
}

impl Limits {
    /// The tighter of both in each field.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            max_leverage: self.max_leverage.min(other.max_leverage),
            max_position_size_usd: self.max_position_size_usd.min(other.max_position_size_usd),
            max_drawdown_pct: self.max_drawdown_pct.min(other.max_drawdown_pct),
            max_exposure_pct: self.max_exposure_pct.min(other.max_exposure_pct),
            stop_loss_multiplier: self.stop_loss_multiplier.max(other.stop_loss_multiplier),
        }
    }
}

impl EssThresholds {
    /// The tighter of both in each field; the order caution < warning < critical survives it.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            caution_threshold_pct: self.caution_threshold_pct.min(other.caution_threshold_pct),
            warning_threshold_pct: self.warning_threshold_pct.min(other.warning_threshold_pct),
            critical_threshold_pct: self.critical_threshold_pct.min(other.critical_threshold_pct),
        }
    }
}

impl Universe {
    /// What both allow, in this one's order; everything else that either names is excluded.
    #[must_use]
    pub fn meet(&self, other: &Arc<Self>) -> Arc<Self> {
        other.narrowed_to(&self.active_symbols, &self.excluded_symbols)
    }

    /// These symbols as far as this one allows them too, in their order; everything else that is named is excluded, these
    /// `excluded` ones first.
    #[must_use]
    pub fn narrowed_to(self: &Arc<Self>, active: &[String], excluded: &[String]) -> Arc<Self> {
        // A cause that stands asks for the same again and again.
        if self.active_symbols == active && self.excluded_symbols == excluded {
            return Arc::clone(self);
        }
        let allows = |symbol: &&String| self.active_symbols.contains(symbol);
        let (kept, dropped): (Vec<&String>, Vec<&String>) = active.iter().partition(allows);
        let mut rest: Vec<&String> = Vec::with_capacity(excluded.len());
        let named = excluded.iter().chain(&self.active_symbols).chain(&self.excluded_symbols);
        for symbol in dropped.into_iter().chain(named) {
            if !kept.contains(&symbol) && !rest.contains(&symbol) {
                rest.push(symbol);
            }
        }
        let active_symbols = kept.into_iter().cloned().collect();
        Arc::new(Self { active_symbols, excluded_symbols: rest.into_iter().cloned().collect() })
    }

    fn gives_more_than(&self, other: &Self) -> bool {
        self.active_symbols.iter().any(|symbol| !other.active_symbols.contains(symbol))
    }
}

/// How far from one shares may add up: rounding, not a mistake.
const SUM_TOLERANCE: f64 = 1e-6;

/// Whether shares are a whole when put together.
pub fn add_up_to_one(shares: &[Fraction]) -> bool {
    let sum: f64 = shares.iter().map(|share| share.get()).sum();
    (sum - 1.0).abs() <= SUM_TOLERANCE
}

impl Cashflow {
    /// Its three shares.
    pub const fn shares(self) -> [Fraction; 3] {
        [self.profit_lock_pct, self.reinvest_pct, self.reserve_buffer_pct]
    }

    /// The one that reinvests less; this one when they reinvest the same.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        if other.reinvest_pct < self.reinvest_pct { other } else { self }
    }
}

impl Value {
    /// Which value this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Mode(_) => Kind::Mode,
            Self::Profile(_) => Kind::Profile,
            Self::Limits(_) => Kind::Limits,
            Self::Ess(_) => Kind::Ess,
            Self::Symbols(_) => Kind::Symbols,
            Self::Cashflow(_) => Kind::Cashflow,
            Self::Allocation(_) => Kind::Allocation,
        }
    }

    /// The tighter of both, field by field. Values of different kinds, and kinds without an order, stay as they are.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Mode(a), Self::Mode(b)) => Self::Mode(*a.max(b)),
            (Self::Profile(a), Self::Profile(b)) => Self::Profile(*a.max(b)),
            (Self::Limits(a), Self::Limits(b)) => Self::Limits(a.meet(*b)),
            (Self::Ess(a), Self::Ess(b)) => Self::Ess(a.meet(*b)),
            (Self::Symbols(a), Self::Symbols(b)) => Self::Symbols(a.meet(b)),
            (Self::Cashflow(a), Self::Cashflow(b)) => Self::Cashflow(a.meet(*b)),
            _ => self.clone(),
        }
    }

    /// Whether any field of this gives more room than the same field of `other`. False for kinds without an order.
    pub fn is_looser_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mode(a), Self::Mode(b)) => a < b,
            (Self::Profile(a), Self::Profile(b)) => a < b,
            (Self::Limits(a), Self::Limits(b)) => a.meet(*b) != *a,
            (Self::Ess(a), Self::Ess(b)) => a.meet(*b) != *a,
            (Self::Symbols(a), Self::Symbols(b)) => a.gives_more_than(b),
            (Self::Cashflow(a), Self::Cashflow(b)) => a.reinvest_pct > b.reinvest_pct,
            _ => false,
        }
    }

    /// Whether any field of this gives less room than the same field of `other`.
    pub fn is_tighter_than(&self, other: &Self) -> bool {
        other.is_looser_than(self)
    }
}

impl Values {
    /// The value of one kind.
    pub fn get(&self, kind: Kind) -> Value {
        match kind {
            Kind::Mode => Value::Mode(self.mode),
            Kind::Profile => Value::Profile(self.profile),
            Kind::Limits => Value::Limits(self.limits),
            Kind::Ess => Value::Ess(self.ess),
            Kind::Symbols => Value::Symbols(Arc::clone(&self.symbols)),
            Kind::Cashflow => Value::Cashflow(self.cashflow),
            Kind::Allocation => Value::Allocation(Arc::clone(&self.allocation)),
        }
    }

    /// Whether this value is the one in its place.
    pub fn has(&self, value: &Value) -> bool {
        match value {
            Value::Mode(mode) => self.mode == *mode,
            Value::Profile(profile) => self.profile == *profile,
            Value::Limits(limits) => self.limits == *limits,
            Value::Ess(ess) => self.ess == *ess,
            Value::Symbols(symbols) => self.symbols == *symbols,
            Value::Cashflow(cashflow) => self.cashflow == *cashflow,
            Value::Allocation(allocation) => self.allocation == *allocation,
        }
    }

    /// Puts a value in its place.
    pub fn set(&mut self, value: Value) {
        match value {
            Value::Mode(mode) => self.mode = mode,
            Value::Profile(profile) => self.profile = profile,
            Value::Limits(limits) => self.limits = limits,
            Value::Ess(ess) => self.ess = ess,
            Value::Symbols(symbols) => self.symbols = symbols,
            Value::Cashflow(cashflow) => self.cashflow = cashflow,
            Value::Allocation(allocation) => self.allocation = allocation,
        }
    }

    /// The kinds in which this gives more room than `other`.
    pub fn looser_than(&self, other: &Self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.get(*kind).is_looser_than(&other.get(*kind))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(leverage: f64, stop: f64) -> Limits {
        Limits {
            max_leverage: Ratio::lit(leverage),
            max_position_size_usd: Usd::lit(1000.0),
            max_drawdown_pct: Fraction::lit(0.08),
            max_exposure_pct: Fraction::lit(0.9),
            stop_loss_multiplier: Ratio::lit(stop),
        }
    }

    #[test]
    fn limits_meet_field_by_field_and_a_larger_stop_loss_multiplier_is_tighter() {
        let (a, b) = (limits(3.0, 1.0), limits(5.0, 1.5));
        assert_eq!(a.meet(b), limits(3.0, 1.5));
        assert!(Value::Limits(a).is_looser_than(&Value::Limits(b)));
        assert!(Value::Limits(b).is_looser_than(&Value::Limits(a)), "each is looser in one field");
        assert!(!Value::Limits(a).is_looser_than(&Value::Limits(a)));
    }

    #[test]
    fn fewer_symbols_are_tighter() {
        let universe = |active: &[&str], excluded: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Arc::new(Universe { active_symbols: names(active), excluded_symbols: names(excluded) })
        };
        let (all, some) = (universe(&["A", "B"], &["C"]), universe(&["B"], &["A", "C"]));
        assert_eq!(all.meet(&some).active_symbols, ["B"]);
        assert_eq!(all.meet(&some).excluded_symbols, ["A", "C"]);
        assert!(Value::Symbols(all.clone()).is_looser_than(&Value::Symbols(some.clone())));
        assert!(!Value::Symbols(some).is_looser_than(&Value::Symbols(all)));
    }

    #[test]
    fn the_way_back_to_live_has_three_stages() {
        let stages: Vec<Mode> =
            std::iter::successors(Some(Mode::Emergency), |mode| Some(mode.one_stage_looser()))
                .take(5)
                .collect();
        assert_eq!(stages, [Mode::Emergency, Mode::Paused, Mode::Shadow, Mode::Live, Mode::Live]);
    }
}
