//! The numbers that the CIO goes by: section `[cio]` of the policy file.

use std::collections::BTreeSet;

use proto::number::{Fraction, Ratio};
use proto::policy::{Checks, Mistake};
use proto::time::Period;
use serde::{Deserialize, Serialize};

/// The most symbols that a universe may name.
const MAX_SYMBOLS: u32 = 500;
/// The most models that may be weighted.
const MAX_MODELS: u32 = 32;
/// The largest score floor: far below the largest score.
const MAX_SCORE_FLOOR: Ratio = Ratio::lit(10.0);
/// The largest weight of a win rate against Sharpe.
const MAX_WIN_RATE_FACTOR: Ratio = Ratio::lit(100.0);

/// The numbers that the CIO goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A win rate counts once so many trades closed today.
    pub min_closed_trades: u32,
    /// All symbols, the best known first.
    pub universe: Vec<String>,
    /// When only the first few symbols stay.
    pub contract: Contract,
    /// When more symbols come in.
    pub expand: Expand,
    /// How models are weighted.
    pub rebalance: Rebalance,
}

/// When only the first few symbols stay: either of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// Drawdown above this.
    pub drawdown_pct: Fraction,
    /// Win rate below this.
    pub win_rate: Fraction,
    /// So many symbols stay.
    pub symbols: u32,
}

/// When more symbols come in: all of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expand {
    /// Drawdown below this.
    pub drawdown_pct: Fraction,
    /// Win rate above this.
    pub win_rate: Fraction,
    /// Fewer open positions than this.
    pub positions: u32,
    /// So many symbols are active then.
    pub symbols: u32,
}

/// How models are weighted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rebalance {
    /// The models that trade. Others are counted, never weighted.
    pub models: Vec<String>,
    /// All of them were heard no longer ago than this.
    pub fresh: Period,
    /// The win rate that says neither good nor bad.
    pub even_win_rate: Fraction,
    /// How much a win rate above or below that weighs against Sharpe.
    pub win_rate_factor: Ratio,
    /// The least score of a model. A floor on the score: the share that follows depends on the others.
    pub score_floor: Ratio,
    /// A weight has to move by more than this share of the whole.
    pub move_pct: Fraction,
    /// A model counts as active from this weight on.
    pub active_pct: Fraction,
}

impl Default for Policy {
    fn default() -> Self {
        let bases =
            ["BTC", "ETH", "BNB", "SOL", "ADA", "DOT", "MATIC", "AVAX", "LINK", "UNI", "ATOM", "NEAR"];
        Self {
            min_closed_trades: 5,
            universe: bases.iter().map(|base| format!("{base}USDT")).collect(),
            contract: Contract::default(),
            expand: Expand::default(),
            rebalance: Rebalance::default(),
        }
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self { drawdown_pct: Fraction::lit(0.05), win_rate: Fraction::lit(0.45), symbols: 3 }
    }
}

impl Default for Expand {
    fn default() -> Self {
        Self { drawdown_pct: Fraction::lit(0.02), win_rate: Fraction::lit(0.60), positions: 8, symbols: 8 }
    }
}

impl Default for Rebalance {
    fn default() -> Self {
        Self {
            models: ["xgboost", "lightgbm", "nhits", "patchtst"].map(str::to_owned).to_vec(),
            fresh: Period::from_hours(7 * 24),
            even_win_rate: Fraction::lit(0.5),
            win_rate_factor: Ratio::lit(2.0),
            score_floor: Ratio::lit(0.1),
            move_pct: Fraction::lit(0.05),
            active_pct: Fraction::lit(0.10),
        }
    }
}

impl proto::policy::Policy for Policy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.count("min_closed_trades", self.min_closed_trades, 1, 10_000);
        check_names(&mut checks, "universe", &self.universe, MAX_SYMBOLS);
        let symbols = u32::try_from(self.universe.len()).unwrap_or(MAX_SYMBOLS).max(1);
        self.contract.check(&mut checks, symbols);
        self.expand.check(&mut checks, symbols);
        self.rebalance.check(&mut checks);
        self.check_dead_bands(&mut checks);
        checks.finish()
    }
}

impl Policy {
    /// Between contracting and expanding there is a band in which neither happens; without it symbols would flap.
    fn check_dead_bands(&self, checks: &mut Checks) {
        let (less, more) = (&self.contract, &self.expand);
        checks.expect(
            more.drawdown_pct < less.drawdown_pct,
            "expand.drawdown_pct",
            more.drawdown_pct.get(),
            "less than contract.drawdown_pct",
        );
        checks.expect(
            more.win_rate > less.win_rate,
            "expand.win_rate",
            more.win_rate.get(),
            "more than contract.win_rate",
        );
        checks.expect(
            more.symbols > less.symbols,
            "expand.symbols",
            more.symbols,
            "more than contract.symbols",
        );
    }
}

impl Contract {
    fn check(&self, checks: &mut Checks, symbols: u32) {
        checks.share("contract.drawdown_pct", self.drawdown_pct);
        checks.share("contract.win_rate", self.win_rate);
        checks.count("contract.symbols", self.symbols, 1, symbols);
    }
}

impl Expand {
    fn check(&self, checks: &mut Checks, symbols: u32) {
        checks.share("expand.drawdown_pct", self.drawdown_pct);
        checks.share("expand.win_rate", self.win_rate);
        checks.count("expand.positions", self.positions, 1, 10_000);
        checks.count("expand.symbols", self.symbols, 1, symbols);
    }
}

impl Rebalance {
    fn check(&self, checks: &mut Checks) {
        check_names(checks, "rebalance.models", &self.models, MAX_MODELS);
        checks.period("rebalance.fresh", self.fresh, Period::from_mins(1), Period::from_hours(366 * 24));
        checks.share("rebalance.even_win_rate", self.even_win_rate);
        checks.expect(
            self.win_rate_factor >= Ratio::ZERO && self.win_rate_factor <= MAX_WIN_RATE_FACTOR,
            "rebalance.win_rate_factor",
            self.win_rate_factor.get(),
            "0 to 100",
        );
        checks.expect(
            self.score_floor > Ratio::ZERO && self.score_floor <= MAX_SCORE_FLOOR,
            "rebalance.score_floor",
            self.score_floor.get(),
            "above 0, at most 10",
        );
        checks.share("rebalance.move_pct", self.move_pct);
        checks.share("rebalance.active_pct", self.active_pct);
    }
}

/// A list of names: some, but not too many; none empty, none twice.
fn check_names(checks: &mut Checks, field: &str, names: &[String], most: u32) {
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
    checks.count(field, count, 1, most);
    let mut known = BTreeSet::new();
    for name in names {
        checks.expect(!name.is_empty() && known.insert(name), field, format!("{name:?}"), "each name once");
    }
}

#[cfg(test)]
mod tests {
    use proto::policy::Policy as _;

    use super::*;

    fn fields(text: &str) -> Vec<String> {
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        mistakes.into_iter().map(|mistake| mistake.field).collect()
    }

    #[test]
    fn the_defaults_have_no_mistakes() {
        assert_eq!(Policy::default().mistakes(), []);
        assert_eq!(toml::from_str::<Policy>("").unwrap(), Policy::default());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = r#"
            min_closed_trades = 0
            universe = ["BTCUSDT", "BTCUSDT", "", "ETHUSDT"]
            [contract]
            win_rate = 45.0
            [expand]
            drawdown_pct = 0.05
            symbols = 3
            [rebalance]
            models = []
            fresh = "1s"
            score_floor = 0.0
        "#;
        assert_eq!(
            fields(text),
            [
                "min_closed_trades",
                "universe",
                "universe",
                "contract.win_rate",
                "rebalance.models",
                "rebalance.fresh",
                "rebalance.score_floor",
                "expand.drawdown_pct",
                "expand.win_rate",
                "expand.symbols",
            ]
        );
    }

    #[test]
    fn each_bound_of_a_number_is_as_written() {
        let table: [(&str, &[&str]); 6] = [
            ("[expand]\nwin_rate = 0.45", &["expand.win_rate"]),
            ("[rebalance]\nfresh = \"8784h\"", &[]),
            ("[rebalance]\nfresh = \"8785h\"", &["rebalance.fresh"]),
            ("[rebalance]\nwin_rate_factor = 0.0", &[]),
            ("[rebalance]\nwin_rate_factor = -0.5", &["rebalance.win_rate_factor"]),
            ("[rebalance]\nwin_rate_factor = 100.5", &["rebalance.win_rate_factor"]),
        ];
        for (text, expected) in table {
            assert_eq!(fields(text), expected, "{text}");
        }
    }

    #[test]
    fn more_symbols_than_there_are_is_a_mistake() {
        assert_eq!(fields("[expand]\nsymbols = 13"), ["expand.symbols"]);
        assert_eq!(fields("universe = []"), ["universe", "contract.symbols", "expand.symbols"]);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let refused = toml::from_str::<Policy>("[rebalance]\nmodel = []").unwrap_err();
        assert!(refused.to_string().contains("model"), "{refused}");
    }
}
