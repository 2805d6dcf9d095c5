//! The numbers that the researcher goes by: section `[researcher]` of the policy file.

use proto::number::{Fraction, Ratio};
use proto::policy::{Checks, Mistake};
use proto::time::Period;
use serde::{Deserialize, Serialize};

/// The longest that a task may be estimated to take.
const MAX_HOURS: u32 = 24 * 30;
/// The court gives a subject out once a day, and forgets after a week that it did.
const LEAST_AGAIN_AFTER: Period = Period::from_hours(24);
const MOST_AGAIN_AFTER: Period = Period::from_hours(7 * 24);

/// The numbers that the researcher goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A task about the same subject is given out again after this, not before.
    pub again_after: Period,
    /// A win rate of the portfolio counts once so many trades closed today.
    pub min_closed_trades: u32,
    /// Tune a model whose Sharpe ratio is low.
    pub tune: Tune,
    /// Give better features to a model that loses more often than not.
    pub features: Features,
    /// Train a model again that was trained long ago.
    pub retrain: Retrain,
    /// Look into the risk of a portfolio in drawdown.
    pub risk: Risk,
    /// Test the strategy of a portfolio that loses more often than not.
    pub backtest: Backtest,
    /// Look for what degrades the system.
    pub bottleneck: Bottleneck,
}

macro_rules! rule_policy {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

rule_policy! {
    /// Tune a model whose Sharpe ratio is low.
    Tune {
        /// Sharpe ratio below this.
        sharpe_ratio: Ratio = Ratio::lit(1.0),
        /// How long it should take.
        hours: u32 = 8,
    }
}
rule_policy! {
    /// Give better features to a model that loses more often than not.
    Features {
        /// Win rate below this.
        win_rate: Fraction = Fraction::lit(0.50),
        /// How long it should take.
        hours: u32 = 12,
    }
}
rule_policy! {
    /// Train a model again that was trained long ago.
    Retrain {
        /// More days since training than this.
        days_since_training: Ratio = Ratio::lit(30.0),
        /// How long it should take.
        hours: u32 = 4,
    }
}
rule_policy! {
    /// Look into the risk of a portfolio in drawdown.
    Risk {
        /// Drawdown above this.
        drawdown_pct: Fraction = Fraction::lit(0.06),
        /// How long it should take.
        hours: u32 = 4,
    }
}
rule_policy! {
    /// Test the strategy of a portfolio that loses more often than not.
    Backtest {
        /// Win rate below this.
        win_rate: Fraction = Fraction::lit(0.45),
        /// How long it should take.
        hours: u32 = 6,
    }
}
rule_policy! {
    /// Look for what degrades the system.
    Bottleneck {
        /// How long it should take.
        hours: u32 = 2,
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            again_after: Period::from_hours(24),
            min_closed_trades: 5,
            tune: Tune::default(),
            features: Features::default(),
            retrain: Retrain::default(),
            risk: Risk::default(),
            backtest: Backtest::default(),
            bottleneck: Bottleneck::default(),
        }
    }
}

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.period("again_after", self.again_after, LEAST_AGAIN_AFTER, MOST_AGAIN_AFTER);
        checks.count("min_closed_trades", self.min_closed_trades, 1, 10_000);
        self.check_thresholds(&mut checks);
        self.check_hours(&mut checks);
        checks.finish()
    }
}

impl Policy {
    fn check_thresholds(&self, checks: &mut Checks) {
        let days = self.retrain.days_since_training;
        checks.expect(
            days > Ratio::ZERO,
            "retrain.days_since_training",
            days.get(),
            "a number of days above 0",
        );
        checks.share("features.win_rate", self.features.win_rate);
        checks.share("risk.drawdown_pct", self.risk.drawdown_pct);
        checks.share("backtest.win_rate", self.backtest.win_rate);
    }

    fn check_hours(&self, checks: &mut Checks) {
        checks.count("tune.hours", self.tune.hours, 1, MAX_HOURS);
        checks.count("features.hours", self.features.hours, 1, MAX_HOURS);
        checks.count("retrain.hours", self.retrain.hours, 1, MAX_HOURS);
        checks.count("risk.hours", self.risk.hours, 1, MAX_HOURS);
        checks.count("backtest.hours", self.backtest.hours, 1, MAX_HOURS);
        checks.count("bottleneck.hours", self.bottleneck.hours, 1, MAX_HOURS);
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
            again_after = "30d"
            min_closed_trades = 0
            tune = { hours = 0 }
            features = { win_rate = 50.0 }
            retrain = { days_since_training = 0.0 }
        "#;
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "again_after",
                "min_closed_trades",
                "retrain.days_since_training",
                "features.win_rate",
                "tune.hours"
            ]
        );
    }

    #[test]
    fn each_bound_of_a_number_is_as_written() {
        let table: [(&str, &[&str]); 6] = [
            ("again_after = \"24h\"", &[]),
            ("again_after = \"23h\"", &["again_after"]),
            ("again_after = \"168h\"", &[]),
            ("again_after = \"169h\"", &["again_after"]),
            ("tune = { hours = 720 }", &[]),
            ("tune = { hours = 721 }", &["tune.hours"]),
        ];
        for (text, expected) in table {
            let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
            let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
            assert_eq!(fields, expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let refused = toml::from_str::<Policy>("[risk]\ndrawdown = 0.06").unwrap_err();
        assert!(refused.to_string().contains("drawdown"), "{refused}");
    }
}
