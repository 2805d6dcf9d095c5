//! The numbers that the CRO goes by: its section of the policy file, one table a rule.

use proto::number::{Fraction, Ratio, Usd};
use proto::policy::{Checks, Mistake};
use proto::time::Period;
use proto::value::{EssThresholds, Limits};
use serde::{Deserialize, Serialize};

/// The section `[cro]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// `[ess-escalation]`: limits while the emergency stop is at WARNING or CRITICAL.
    pub ess_escalation: EssEscalation,
    /// `[drawdown-rise]`: a step down for each rise of the drawdown.
    pub drawdown_rise: DrawdownRise,
    /// `[exposure]`: a step down for too much exposure.
    pub exposure: Exposure,
    /// `[recovery]`: steps back up to what a portfolio begins with.
    pub recovery: Recovery,
    /// `[ess-tight]`: tight thresholds of the emergency stop.
    pub ess_tight: EssTight,
    /// `[ess-restore]`: back to the thresholds that a portfolio begins with.
    pub ess_restore: EssRestore,
}

/// Limits while the emergency stop is at WARNING or CRITICAL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EssEscalation {
    /// Leverage.
    pub max_leverage: Ratio,
    /// Position size.
    pub max_position_size_usd: Usd,
    /// Drawdown.
    pub max_drawdown_pct: Fraction,
    /// Exposure.
    pub max_exposure_pct: Fraction,
    /// Stop-loss multiplier; larger is tighter.
    pub stop_loss_multiplier: Ratio,
}

/// A step down for each rise of the drawdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrawdownRise {
    /// A drawdown by more than this above the one of the last step (or the lowest since) is a rise.
    pub rise_pct: Fraction,
    /// Leverage becomes this share of what it is,
    pub leverage_factor: Ratio,
    /// but no lower than this.
    pub leverage_floor: Ratio,
    /// Position size becomes this share of what it is,
    pub position_factor: Ratio,
    /// but no lower than this.
    pub position_floor_usd: Usd,
    /// Drawdown.
    pub max_drawdown_pct: Fraction,
    /// Exposure.
    pub max_exposure_pct: Fraction,
    /// Stop-loss multiplier; larger is tighter.
    pub stop_loss_multiplier: Ratio,
}

/// A step down for too much exposure, gross notional to equity; once, until it was low again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exposure {
    /// Exposure above this share of equity is too much.
    pub above_pct: Fraction,
    /// Exposure below this share arms the rule again.
    pub armed_below_pct: Fraction,
    /// Position size becomes this share of what it is,
    pub position_factor: Ratio,
    /// but no lower than this.
    pub position_floor_usd: Usd,
    /// Exposure.
    pub max_exposure_pct: Fraction,
}

/// Steps back up to what a portfolio begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// Drawdown below this.
    pub drawdown_below_pct: Fraction,
    /// Win rate above this,
    pub win_rate_above_pct: Fraction,
    /// over at least this many trades.
    pub min_closed_trades: u32,
    /// Sharpe ratio above this.
    pub sharpe_above: Ratio,
    /// Leverage and position size become this many times what they are.
    pub factor: Ratio,
}

/// Tight thresholds of the emergency stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EssTight {
    /// A drawdown above this tightens.
    pub drawdown_above_pct: Fraction,
    /// A new worst drawdown above this tightens.
    pub max_drawdown_above_pct: Fraction,
    /// CAUTION from here on.
    pub caution_threshold_pct: Fraction,
    /// WARNING from here on.
    pub warning_threshold_pct: Fraction,
    /// CRITICAL from here on.
    pub critical_threshold_pct: Fraction,
}

/// Back to the thresholds that a portfolio begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EssRestore {
    /// Drawdown below this,
    pub drawdown_below_pct: Fraction,
    /// for this long,
    pub calm_for: Period,
    /// without a longer time than this in which nobody saw it.
    pub longest_gap: Period,
}

impl EssEscalation {
    /// The limits.
    pub const fn limits(&self) -> Limits {
        Limits {
            max_leverage: self.max_leverage,
            max_position_size_usd: self.max_position_size_usd,
            max_drawdown_pct: self.max_drawdown_pct,
            max_exposure_pct: self.max_exposure_pct,
            stop_loss_multiplier: self.stop_loss_multiplier,
        }
    }
}

impl EssTight {
    /// The thresholds.
    pub const fn thresholds(&self) -> EssThresholds {
        EssThresholds {
            caution_threshold_pct: self.caution_threshold_pct,
            warning_threshold_pct: self.warning_threshold_pct,
            critical_threshold_pct: self.critical_threshold_pct,
        }
    }
}

impl Default for EssEscalation {
    fn default() -> Self {
        Self {
            max_leverage: Ratio::lit(5.0),
            max_position_size_usd: Usd::lit(3000.0),
            max_drawdown_pct: Fraction::lit(0.05),
            max_exposure_pct: Fraction::lit(0.50),
            stop_loss_multiplier: Ratio::lit(1.5),
        }
    }
}

impl Default for DrawdownRise {
    fn default() -> Self {
        Self {
            rise_pct: Fraction::lit(0.02),
            leverage_factor: Ratio::lit(0.7),
            leverage_floor: Ratio::lit(5.0),
            position_factor: Ratio::lit(0.7),
            position_floor_usd: Usd::lit(500.0),
            max_drawdown_pct: Fraction::lit(0.06),
            max_exposure_pct: Fraction::lit(0.70),
            stop_loss_multiplier: Ratio::lit(1.3),
        }
    }
}

impl Default for Exposure {
    fn default() -> Self {
        Self {
            above_pct: Fraction::lit(0.85),
            armed_below_pct: Fraction::lit(0.75),
            position_factor: Ratio::lit(0.8),
            position_floor_usd: Usd::lit(500.0),
            max_exposure_pct: Fraction::lit(0.75),
        }
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            drawdown_below_pct: Fraction::lit(0.02),
            win_rate_above_pct: Fraction::lit(0.65),
            min_closed_trades: 5,
            sharpe_above: Ratio::lit(2.0),
            factor: Ratio::lit(1.2),
        }
    }
}

impl Default for EssTight {
    fn default() -> Self {
        Self {
            drawdown_above_pct: Fraction::lit(0.06),
            max_drawdown_above_pct: Fraction::lit(0.08),
            caution_threshold_pct: Fraction::lit(0.02),
            warning_threshold_pct: Fraction::lit(0.04),
            critical_threshold_pct: Fraction::lit(0.06),
        }
    }
}

impl Default for EssRestore {
    fn default() -> Self {
        Self {
            drawdown_below_pct: Fraction::lit(0.02),
            calm_for: Period::from_mins(30),
            longest_gap: Period::from_mins(5),
        }
    }
}

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        self.ess_escalation.check(&mut checks);
        self.drawdown_rise.check(&mut checks);
        self.exposure.check(&mut checks);
        self.recovery.check(&mut checks);
        self.ess_tight.check(&mut checks);
        self.ess_restore.check(&mut checks);
        self.check_dead_band(&mut checks);
        checks.finish()
    }
}

impl Policy {
    /// What tightens thresholds must not restore them too.
    fn check_dead_band(&self, checks: &mut Checks) {
        let seen = self.ess_restore.drawdown_below_pct;
        let apart = seen < self.ess_tight.drawdown_above_pct;
        checks.expect(
            apart,
            "ess_restore.drawdown_below_pct",
            seen.get(),
            "below ess_tight.drawdown_above_pct",
        );
    }
}

impl EssEscalation {
    fn check(&self, checks: &mut Checks) {
        checks.leverage("ess_escalation.max_leverage", self.max_leverage, self.max_exposure_pct);
        at_least_nothing(checks, "ess_escalation.max_position_size_usd", self.max_position_size_usd);
        checks.share("ess_escalation.max_drawdown_pct", self.max_drawdown_pct);
        checks.share("ess_escalation.max_exposure_pct", self.max_exposure_pct);
        positive(checks, "ess_escalation.stop_loss_multiplier", self.stop_loss_multiplier);
    }
}

impl DrawdownRise {
    fn check(&self, checks: &mut Checks) {
        checks.share("drawdown_rise.rise_pct", self.rise_pct);
        factor_down(checks, "drawdown_rise.leverage_factor", self.leverage_factor);
        checks.leverage("drawdown_rise.leverage_floor", self.leverage_floor, self.max_exposure_pct);
        factor_down(checks, "drawdown_rise.position_factor", self.position_factor);
        at_least_nothing(checks, "drawdown_rise.position_floor_usd", self.position_floor_usd);
        checks.share("drawdown_rise.max_drawdown_pct", self.max_drawdown_pct);
        checks.share("drawdown_rise.max_exposure_pct", self.max_exposure_pct);
        positive(checks, "drawdown_rise.stop_loss_multiplier", self.stop_loss_multiplier);
    }
}

impl Exposure {
    fn check(&self, checks: &mut Checks) {
        // Gross notional may be many times equity, so this share has no upper end.
        let above = self.above_pct > Fraction::ZERO;
        checks.expect(above, "exposure.above_pct", self.above_pct.get(), "a share above 0");
        let armed = self.armed_below_pct > Fraction::ZERO && self.armed_below_pct <= self.above_pct;
        let expected = "a share above 0, at most exposure.above_pct";
        checks.expect(armed, "exposure.armed_below_pct", self.armed_below_pct.get(), expected);
        factor_down(checks, "exposure.position_factor", self.position_factor);
        at_least_nothing(checks, "exposure.position_floor_usd", self.position_floor_usd);
        checks.share("exposure.max_exposure_pct", self.max_exposure_pct);
    }
}

impl Recovery {
    fn check(&self, checks: &mut Checks) {
        checks.share("recovery.drawdown_below_pct", self.drawdown_below_pct);
        checks.share("recovery.win_rate_above_pct", self.win_rate_above_pct);
        checks.count("recovery.min_closed_trades", self.min_closed_trades, 1, 10_000);
        let factor = self.factor;
        let up = factor > Ratio::lit(1.0) && factor <= Ratio::lit(10.0);
        checks.expect(up, "recovery.factor", factor.get(), "above 1, at most 10");
    }
}

impl EssTight {
    fn check(&self, checks: &mut Checks) {
        checks.share("ess_tight.drawdown_above_pct", self.drawdown_above_pct);
        checks.share("ess_tight.max_drawdown_above_pct", self.max_drawdown_above_pct);
        checks.share("ess_tight.caution_threshold_pct", self.caution_threshold_pct);
        let (caution, warning) = (self.caution_threshold_pct, self.warning_threshold_pct);
        let expected = "above ess_tight.caution_threshold_pct";
        checks.expect(warning > caution, "ess_tight.warning_threshold_pct", warning.get(), expected);
        let critical = self.critical_threshold_pct;
        let ordered = critical > warning && critical <= Fraction::lit(1.0);
        let expected = "above ess_tight.warning_threshold_pct, at most 1";
        checks.expect(ordered, "ess_tight.critical_threshold_pct", critical.get(), expected);
    }
}

impl EssRestore {
    fn check(&self, checks: &mut Checks) {
        let (second, day) = (Period::from_secs(1), Period::from_hours(24));
        checks.share("ess_restore.drawdown_below_pct", self.drawdown_below_pct);
        checks.period("ess_restore.calm_for", self.calm_for, second, day);
        checks.period("ess_restore.longest_gap", self.longest_gap, second, day);
    }
}

fn positive(checks: &mut Checks, field: &str, seen: Ratio) {
    checks.expect(seen > Ratio::ZERO, field, seen.get(), "above 0");
}

fn factor_down(checks: &mut Checks, field: &str, seen: Ratio) {
    let holds = seen > Ratio::ZERO && seen < Ratio::lit(1.0);
    checks.expect(holds, field, seen.get(), "above 0, below 1");
}

fn at_least_nothing(checks: &mut Checks, field: &str, seen: Usd) {
    checks.expect(seen >= Usd::ZERO, field, seen.get(), "0 or more");
}
