//! The numbers that the supervisor goes by: its section of the policy file, one table a rule.

use proto::number::{Fraction, Usd};
use proto::policy::{Checks, Mistake};
use proto::time::Period;
use serde::{Deserialize, Serialize};

/// The section `[supervisor]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// No snapshot for longer than this is silence.
    pub feed_silence: Period,
    /// What silence does while the mode is LIVE.
    pub on_silence: OnSilence,
    /// `[capital]`: too little left to trade with.
    pub capital: Capital,
    /// `[drawdown]`: too far below the peak.
    pub drawdown: Drawdown,
    /// `[health]`: the system or its emergency stop has failed.
    pub health: Health,
    /// `[daily-loss]`: too much lost since midnight UTC.
    pub daily_loss: DailyLoss,
    /// `[loss-streak]`: too many losing trades in a row.
    pub loss_streak: LossStreak,
    /// What a portfolio must look like before the supervisor calls a cause gone.
    pub lift: Lift,
    /// When nothing may loosen.
    pub veto: Vetoes,
}

/// What silence does while the mode is LIVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSilence {
    /// Nothing may loosen.
    Hold,
    /// The mode becomes PAUSED.
    Pause,
}

/// Too little left to trade with: frozen until a person releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capital {
    /// Equity below this freezes.
    pub below_usd: Usd,
}

/// Too far below the peak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drawdown {
    /// A drawdown above this freezes.
    pub above_pct: Fraction,
    /// For how long at first.
    pub duration: Period,
}

/// The system or its emergency stop has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// For how long it freezes at first.
    pub duration: Period,
}

/// Too much lost since midnight UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DailyLoss {
    /// A loss above this share of start-of-day equity freezes.
    pub above_pct: Fraction,
    /// For how long at first.
    pub duration: Period,
}

/// Too many losing trades in a row: a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossStreak {
    /// This many losing trades in a row freeze.
    pub losses: u32,
    /// A loss smaller than this share of equity does not count.
    pub min_loss_pct: Fraction,
    /// How long the break is.
    pub duration: Period,
    /// How long before its end the break counts as over, if no loss came in it: it has to be said before the court
    /// extends the hold.
    pub over_before: Period,
}

/// What a portfolio must look like before the supervisor calls a cause gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lift {
    /// Drawdown below this.
    pub drawdown_below_pct: Fraction,
    /// Equity above this.
    pub equity_above_usd: Usd,
    /// For this long into a day the day before counts too: midnight alone heals nothing.
    pub day_before_counts: Period,
}

/// When nothing may loosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vetoes {
    /// No profile up while the drawdown is above this.
    pub drawdown_above_pct: Fraction,
    /// No profile up, no looser limits or thresholds from this many losing trades in a row on.
    pub losses: u32,
    /// Health older than this is unknown.
    pub health_max_age: Period,
    /// The reversal of one value within the window that is one too many.
    pub reversals: u32,
    /// The window in which reversals count, at most the hour that the ledger keeps.
    pub reversal_window: Period,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            feed_silence: Period::from_secs(60),
            on_silence: OnSilence::Hold,
            capital: Capital::default(),
            drawdown: Drawdown::default(),
            health: Health::default(),
            daily_loss: DailyLoss::default(),
            loss_streak: LossStreak::default(),
            lift: Lift::default(),
            veto: Vetoes::default(),
        }
    }
}

impl Default for Capital {
    fn default() -> Self {
        Self { below_usd: Usd::lit(1000.0) }
    }
}

impl Default for Drawdown {
    fn default() -> Self {
        Self { above_pct: Fraction::lit(0.10), duration: Period::from_mins(120) }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { duration: Period::from_mins(60) }
    }
}

impl Default for DailyLoss {
    fn default() -> Self {
        Self { above_pct: Fraction::lit(0.05), duration: Period::from_mins(60) }
    }
}

impl Default for LossStreak {
    fn default() -> Self {
        Self {
            losses: 5,
            min_loss_pct: Fraction::lit(0.0005),
            duration: Period::from_mins(30),
            over_before: Period::from_mins(2),
        }
    }
}

impl Default for Lift {
    fn default() -> Self {
        Self {
            drawdown_below_pct: Fraction::lit(0.05),
            equity_above_usd: Usd::lit(1500.0),
            day_before_counts: Period::from_hours(1),
        }
    }
}

impl Default for Vetoes {
    fn default() -> Self {
        Self {
            drawdown_above_pct: Fraction::lit(0.05),
            losses: 3,
            health_max_age: Period::from_mins(10),
            reversals: 3,
            reversal_window: Period::from_hours(1),
        }
    }
}

/// The shortest freeze: a backend counts whole minutes.
const MINUTE: Period = Period::from_mins(1);
/// The longest freeze that ends by itself.
const WEEK: Period = Period::from_hours(7 * 24);
const DAY: Period = Period::from_hours(24);
const HOUR: Period = Period::from_hours(1);
const SECOND: Period = Period::from_secs(1);

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.period("feed_silence", self.feed_silence, SECOND, HOUR);
        self.check_freezes(&mut checks);
        self.check_loss_streak(&mut checks);
        self.check_lift(&mut checks);
        self.check_vetoes(&mut checks);
        checks.finish()
    }
}

impl Policy {
    fn check_freezes(&self, checks: &mut Checks) {
        let floor = self.capital.below_usd;
        checks.expect(floor >= Usd::ZERO, "capital.below_usd", floor.get(), "0 or more");
        checks.share("drawdown.above_pct", self.drawdown.above_pct);
        checks.period("drawdown.duration", self.drawdown.duration, MINUTE, WEEK);
        checks.period("health.duration", self.health.duration, MINUTE, WEEK);
        checks.share("daily_loss.above_pct", self.daily_loss.above_pct);
        checks.period("daily_loss.duration", self.daily_loss.duration, MINUTE, WEEK);
    }

    fn check_loss_streak(&self, checks: &mut Checks) {
        let streak = &self.loss_streak;
        checks.count("loss_streak.losses", streak.losses, 1, 1000);
        let min = streak.min_loss_pct;
        let sensible = min >= Fraction::ZERO && min < Fraction::lit(1.0);
        checks.expect(sensible, "loss_streak.min_loss_pct", min.get(), "a share from 0, below 1");
        checks.period("loss_streak.duration", streak.duration, MINUTE, WEEK);
        let over = streak.over_before;
        let within = over > Period::ZERO && over < streak.duration;
        checks.expect(within, "loss_streak.over_before", over, "above 0, shorter than loss_streak.duration");
    }

    fn check_lift(&self, checks: &mut Checks) {
        let lift = &self.lift;
        checks.share("lift.drawdown_below_pct", lift.drawdown_below_pct);
        let below = lift.drawdown_below_pct <= self.drawdown.above_pct;
        let seen = lift.drawdown_below_pct.get();
        checks.expect(below, "lift.drawdown_below_pct", seen, "at most drawdown.above_pct");
        let above = lift.equity_above_usd >= self.capital.below_usd;
        let seen = lift.equity_above_usd.get();
        checks.expect(above, "lift.equity_above_usd", seen, "at least capital.below_usd");
        checks.period("lift.day_before_counts", lift.day_before_counts, Period::ZERO, DAY);
    }

    fn check_vetoes(&self, checks: &mut Checks) {
        let veto = &self.veto;
        checks.share("veto.drawdown_above_pct", veto.drawdown_above_pct);
        checks.count("veto.losses", veto.losses, 1, 1000);
        checks.period("veto.health_max_age", veto.health_max_age, SECOND, DAY);
        checks.count("veto.reversals", veto.reversals, 1, 1000);
        checks.period("veto.reversal_window", veto.reversal_window, MINUTE, HOUR);
    }
}
