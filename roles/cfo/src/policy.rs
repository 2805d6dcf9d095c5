//! The numbers that the CFO goes by: section `[cfo]` of the policy file.

use proto::number::Fraction;
use proto::policy::{Checks, Mistake};
use proto::value::{Cashflow, add_up_to_one};
use serde::{Deserialize, Serialize};

/// The numbers that the CFO goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Lock profit away in a drawdown.
    pub preserve: Preserve,
    /// Build the reserve while cash is short.
    pub build_reserve: BuildReserve,
    /// Reinvest a strong day's profit.
    pub strong_profit: StrongProfit,
    /// Reinvest while cash lies idle.
    pub excess_reserve: ExcessReserve,
}

/// Lock profit away in a drawdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preserve {
    /// Drawdown above this.
    pub drawdown_pct: Fraction,
    /// Where profit goes then.
    pub cashflow: Cashflow,
}

/// Build the reserve while cash is short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildReserve {
    /// Cash below this share of equity.
    pub cash_pct: Fraction,
    /// Where profit goes then.
    pub cashflow: Cashflow,
}

/// Reinvest a strong day's profit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StrongProfit {
    /// Profit realised today above this share of equity,
    pub profit_pct: Fraction,
    /// and drawdown below this.
    pub drawdown_pct: Fraction,
    /// Where profit goes then.
    pub cashflow: Cashflow,
}

/// Reinvest while cash lies idle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExcessReserve {
    /// Cash above this share of equity.
    pub cash_pct: Fraction,
    /// Where profit goes then.
    pub cashflow: Cashflow,
}

const fn cashflow(profit_lock: f64, reinvest: f64, reserve_buffer: f64) -> Cashflow {
    Cashflow {
        profit_lock_pct: Fraction::lit(profit_lock),
        reinvest_pct: Fraction::lit(reinvest),
        reserve_buffer_pct: Fraction::lit(reserve_buffer),
    }
}

impl Default for Preserve {
    fn default() -> Self {
        Self { drawdown_pct: Fraction::lit(0.05), cashflow: cashflow(0.60, 0.25, 0.15) }
    }
}

impl Default for BuildReserve {
    fn default() -> Self {
        Self { cash_pct: Fraction::lit(0.05), cashflow: cashflow(0.20, 0.50, 0.30) }
    }
}

impl Default for StrongProfit {
    fn default() -> Self {
        Self {
            profit_pct: Fraction::lit(0.02),
            drawdown_pct: Fraction::lit(0.02),
            cashflow: cashflow(0.30, 0.60, 0.10),
        }
    }
}

impl Default for ExcessReserve {
    fn default() -> Self {
        Self { cash_pct: Fraction::lit(0.15), cashflow: cashflow(0.25, 0.70, 0.05) }
    }
}

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.share("preserve.drawdown_pct", self.preserve.drawdown_pct);
        checks.share("build_reserve.cash_pct", self.build_reserve.cash_pct);
        checks.share("strong_profit.profit_pct", self.strong_profit.profit_pct);
        checks.share("strong_profit.drawdown_pct", self.strong_profit.drawdown_pct);
        checks.share("excess_reserve.cash_pct", self.excess_reserve.cash_pct);
        check_cashflow(&mut checks, "preserve.cashflow", self.preserve.cashflow);
        check_cashflow(&mut checks, "build_reserve.cashflow", self.build_reserve.cashflow);
        check_cashflow(&mut checks, "strong_profit.cashflow", self.strong_profit.cashflow);
        check_cashflow(&mut checks, "excess_reserve.cashflow", self.excess_reserve.cashflow);
        self.check_dead_bands(&mut checks);
        checks.finish()
    }
}

impl Policy {
    /// Between opposite rules there is a band in which neither fires; without it the cashflow would flap.
    fn check_dead_bands(&self, checks: &mut Checks) {
        checks.expect(
            self.build_reserve.cash_pct < self.excess_reserve.cash_pct,
            "build_reserve.cash_pct",
            self.build_reserve.cash_pct.get(),
            "less than excess_reserve.cash_pct",
        );
        checks.expect(
            self.strong_profit.drawdown_pct < self.preserve.drawdown_pct,
            "strong_profit.drawdown_pct",
            self.strong_profit.drawdown_pct.get(),
            "less than preserve.drawdown_pct",
        );
    }
}

fn check_cashflow(checks: &mut Checks, field: &str, seen: Cashflow) {
    let shares = seen.shares();
    let holds = shares.iter().all(|share| *share >= Fraction::ZERO) && add_up_to_one(&shares);
    let text = shares.map(|share| share.get().to_string()).join(" + ");
    checks.expect(holds, field, text, "three shares, none below 0, that add up to 1");
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
            preserve = { drawdown_pct = 5.0 }
            build_reserve = { cash_pct = 0.2 }
            strong_profit.cashflow = { profit_lock_pct = 0.5, reinvest_pct = 0.6, reserve_buffer_pct = 0.1 }
            excess_reserve.cashflow = { profit_lock_pct = -0.1, reinvest_pct = 1.0, reserve_buffer_pct = 0.1 }
        "#;
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "preserve.drawdown_pct",
                "strong_profit.cashflow",
                "excess_reserve.cashflow",
                "build_reserve.cash_pct"
            ]
        );
        assert_eq!(mistakes[1].seen, "0.5 + 0.6 + 0.1");
    }

    #[test]
    fn equal_thresholds_leave_no_band_between_opposite_rules() {
        let table = [
            ("[build_reserve]\ncash_pct = 0.15", "build_reserve.cash_pct"),
            ("[strong_profit]\ndrawdown_pct = 0.05", "strong_profit.drawdown_pct"),
        ];
        for (text, field) in table {
            let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
            let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
            assert_eq!(fields, [field], "{text}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let refused = toml::from_str::<Policy>("[preserve]\ndrawdown = 0.05").unwrap_err();
        assert!(refused.to_string().contains("drawdown"), "{refused}");
    }
}
