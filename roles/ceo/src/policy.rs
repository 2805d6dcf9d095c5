//! The numbers that the CEO goes by: section `[ceo]` of the policy file.

use proto::number::{Fraction, Ratio};
use proto::policy::{Checks, Mistake};
use proto::time::Period;
use serde::{Deserialize, Serialize};

use crate::memory::MAX_DAYS;

/// The numbers that the CEO goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A win rate counts once so many trades closed today.
    pub min_closed_trades: u32,
    /// When the profile goes to MICRO at once.
    pub emergency: Emergency,
    /// When the profile goes one step down.
    pub downgrade: Downgrade,
    /// When the profile goes one step up.
    pub upgrade: Upgrade,
    /// For how long trading is PAUSED at first.
    pub pause: Period,
}

/// When the profile goes to MICRO at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Emergency {
    /// Drawdown above this.
    pub drawdown_pct: Fraction,
    /// Or a new worst drawdown above this.
    pub max_drawdown_pct: Fraction,
}

/// When the profile goes one step down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downgrade {
    /// So many loss days without a profit day between.
    pub loss_days: u32,
    /// Or drawdown above this.
    pub drawdown_pct: Fraction,
    /// How much worse drawdown has to be for another step on the same day.
    pub again_pct: Fraction,
    /// Or a win rate below this, with open positions.
    pub win_rate: Fraction,
}

/// When the profile goes one step up: all of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upgrade {
    /// So many profit days without a loss day between, since the last step up.
    pub profit_days: u32,
    /// Drawdown below this.
    pub drawdown_pct: Fraction,
    /// Win rate above this.
    pub win_rate: Fraction,
    /// Sharpe ratio above this.
    pub sharpe_ratio: Ratio,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_closed_trades: 5,
            emergency: Emergency::default(),
            downgrade: Downgrade::default(),
            upgrade: Upgrade::default(),
            pause: Period::from_mins(30),
        }
    }
}

impl Default for Emergency {
    fn default() -> Self {
        Self { drawdown_pct: Fraction::lit(0.08), max_drawdown_pct: Fraction::lit(0.10) }
    }
}

impl Default for Downgrade {
    fn default() -> Self {
        Self {
            loss_days: 3,
            drawdown_pct: Fraction::lit(0.05),
            again_pct: Fraction::lit(0.01),
            win_rate: Fraction::lit(0.40),
        }
    }
}

impl Default for Upgrade {
    fn default() -> Self {
        Self {
            profit_days: 5,
            drawdown_pct: Fraction::lit(0.03),
            win_rate: Fraction::lit(0.60),
            sharpe_ratio: Ratio::lit(1.5),
        }
    }
}

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.count("min_closed_trades", self.min_closed_trades, 1, 10_000);
        checks.period("pause", self.pause, Period::from_mins(1), Period::from_hours(24));
        self.emergency.check(&mut checks);
        self.downgrade.check(&mut checks);
        self.upgrade.check(&mut checks);
        self.check_dead_bands(&mut checks);
        checks.finish()
    }
}

impl Policy {
    /// Between going up and going down there is a band in which neither happens; without it the profile would flap.
    fn check_dead_bands(&self, checks: &mut Checks) {
        let (up, down, emergency) = (&self.upgrade, &self.downgrade, &self.emergency);
        checks.expect(
            up.drawdown_pct < down.drawdown_pct,
            "upgrade.drawdown_pct",
            up.drawdown_pct.get(),
            "less than downgrade.drawdown_pct",
        );
        checks.expect(
            down.drawdown_pct <= emergency.drawdown_pct,
            "downgrade.drawdown_pct",
            down.drawdown_pct.get(),
            "at most emergency.drawdown_pct",
        );
        checks.expect(
            up.win_rate > down.win_rate,
            "upgrade.win_rate",
            up.win_rate.get(),
            "more than downgrade.win_rate",
        );
    }
}

impl Emergency {
    fn check(&self, checks: &mut Checks) {
        checks.share("emergency.drawdown_pct", self.drawdown_pct);
        checks.share("emergency.max_drawdown_pct", self.max_drawdown_pct);
    }
}

impl Downgrade {
    fn check(&self, checks: &mut Checks) {
        checks.count("downgrade.loss_days", self.loss_days, 1, MAX_DAYS);
        checks.share("downgrade.drawdown_pct", self.drawdown_pct);
        checks.share("downgrade.again_pct", self.again_pct);
        checks.share("downgrade.win_rate", self.win_rate);
    }
}

impl Upgrade {
    fn check(&self, checks: &mut Checks) {
        checks.count("upgrade.profit_days", self.profit_days, 1, MAX_DAYS);
        checks.share("upgrade.drawdown_pct", self.drawdown_pct);
        checks.share("upgrade.win_rate", self.win_rate);
        checks.expect(
            self.sharpe_ratio >= Ratio::ZERO,
            "upgrade.sharpe_ratio",
            self.sharpe_ratio.get(),
            "0 or more",
        );
    }
}

#[cfg(test)]
mod tests {
    use proto::policy::Policy as _;

    use super::*;

    #[test]
    fn the_defaults_have_no_mistakes() {
        assert_eq!(Policy::default().mistakes(), []);
        assert_eq!(toml::from_str::<Policy>("").unwrap(), Policy::default());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = r#"
            min_closed_trades = 0
            pause = "2s"
            [emergency]
            drawdown_pct = 8.0
            [downgrade]
            loss_days = 32
            [upgrade]
            drawdown_pct = 0.05
            win_rate = 0.4
            sharpe_ratio = -1.0
        "#;
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "min_closed_trades",
                "pause",
                "emergency.drawdown_pct",
                "downgrade.loss_days",
                "upgrade.sharpe_ratio",
                "upgrade.drawdown_pct",
                "upgrade.win_rate",
            ]
        );
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let refused = toml::from_str::<Policy>("[upgrade]\nprofit_day = 5").unwrap_err();
        assert!(refused.to_string().contains("profit_day"), "{refused}");
    }
}
