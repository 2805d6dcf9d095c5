//! What is worth looking into. Of the rules about one thing, the first that holds speaks.

use proto::decision::Priority;
use proto::event::{Health, ModelPerformance, Snapshot, SystemStatus};
use proto::id::RuleId;
use proto::proposal::Fact;

use crate::policy::Policy;

/// Tune a model whose Sharpe ratio is low.
pub const TUNE: RuleId = RuleId::new("researcher.tune");
/// Give better features to a model that loses more often than not.
pub const FEATURES: RuleId = RuleId::new("researcher.features");
/// Train a model again that was trained long ago.
pub const RETRAIN: RuleId = RuleId::new("researcher.retrain");
/// Look into the risk of a portfolio in drawdown.
pub const RISK: RuleId = RuleId::new("researcher.risk");
/// Test the strategy of a portfolio that loses more often than not.
pub const BACKTEST: RuleId = RuleId::new("researcher.backtest");
/// Look for what degrades the system.
pub const BOTTLENECK: RuleId = RuleId::new("researcher.bottleneck");

/// A rule that holds, and what it found; the words for people follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: RuleId,
    pub(crate) study: Study,
    pub(crate) priority: Priority,
    pub(crate) hours: u32,
    /// The model that it is about; none when it is about the portfolio or the system.
    pub(crate) model: Option<String>,
    pub(crate) facts: Vec<Fact>,
}

/// The kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Study {
    HyperparameterTuning,
    FeatureEngineering,
    ModelRetraining,
    RiskAnalysis,
    BacktestStrategy,
    PerformanceAnalysis,
}

/// About a model's results.
pub(crate) fn about_model(policy: &Policy, seen: &ModelPerformance) -> Option<Finding> {
    let finding = tune(policy, seen).or_else(|| features(policy, seen)).or_else(|| retrain(policy, seen))?;
    Some(Finding { model: Some(seen.model_name.clone()), ..finding })
}

/// About a portfolio's numbers.
pub(crate) fn about_portfolio(policy: &Policy, seen: &Snapshot) -> Option<Finding> {
    risk(policy, seen).or_else(|| backtest(policy, seen))
}

/// About the system's health: a worse word than DEGRADED is worth no less.
pub(crate) fn about_system(policy: &Policy, seen: &Health) -> Option<Finding> {
    let facts = || {
        vec![
            Fact::seen("system_status", seen.system_status.as_str()),
            Fact::seen("ess_state", seen.ess_state.as_str()),
        ]
    };
    let hours = policy.bottleneck.hours;
    (seen.system_status >= SystemStatus::Degraded)
        .then(|| finding(BOTTLENECK, Study::PerformanceAnalysis, Priority::High, hours, facts()))
}

fn tune(policy: &Policy, seen: &ModelPerformance) -> Option<Finding> {
    let at = &policy.tune;
    let fact = Fact::below("sharpe_ratio", seen.sharpe_ratio?, at.sharpe_ratio)?;
    Some(finding(TUNE, Study::HyperparameterTuning, Priority::High, at.hours, vec![fact]))
}

fn features(policy: &Policy, seen: &ModelPerformance) -> Option<Finding> {
    let at = &policy.features;
    let fact = Fact::below("win_rate", seen.win_rate?, at.win_rate)?;
    Some(finding(FEATURES, Study::FeatureEngineering, Priority::Normal, at.hours, vec![fact]))
}

fn retrain(policy: &Policy, seen: &ModelPerformance) -> Option<Finding> {
    let at = &policy.retrain;
    let fact = Fact::above("days_since_training", seen.days_since_training?, at.days_since_training)?;
    Some(finding(RETRAIN, Study::ModelRetraining, Priority::Normal, at.hours, vec![fact]))
}

fn risk(policy: &Policy, seen: &Snapshot) -> Option<Finding> {
    let at = &policy.risk;
    let fact = Fact::above("drawdown_pct", seen.drawdown_pct, at.drawdown_pct)?;
    Some(finding(RISK, Study::RiskAnalysis, Priority::High, at.hours, vec![fact]))
}

fn backtest(policy: &Policy, seen: &Snapshot) -> Option<Finding> {
    let at = &policy.backtest;
    let rate = seen.win_rate(policy.min_closed_trades)?;
    let fact = Fact::below("win_rate_today", rate, at.win_rate)?;
    Some(finding(BACKTEST, Study::BacktestStrategy, Priority::Normal, at.hours, vec![fact]))
}

fn finding(rule: RuleId, study: Study, priority: Priority, hours: u32, facts: Vec<Fact>) -> Finding {
    Finding { rule, study, priority, hours, model: None, facts }
}

#[cfg(test)]
mod tests {
    use proto::event::EssState;
    use proto::number::{Fraction, Ratio};
    use proto::testing::{health, model, snapshot};

    use super::*;

    fn results(sharpe: Option<f64>, win_rate: Option<f64>, days: Option<f64>) -> ModelPerformance {
        ModelPerformance {
            sharpe_ratio: sharpe.map(Ratio::lit),
            win_rate: win_rate.map(Fraction::lit),
            days_since_training: days.map(Ratio::lit),
            ..model("nhits")
        }
    }

    #[test]
    fn the_first_rule_that_holds_speaks_of_a_model() {
        let good = (Some(1.0), Some(0.5), Some(30.0));
        let table = [
            ("all at the thresholds", good, None),
            ("nothing sent", (None, None, None), None),
            ("low Sharpe", (Some(0.99), Some(0.5), Some(30.0)), Some((TUNE, 8))),
            ("low Sharpe goes first", (Some(0.99), Some(0.1), Some(99.0)), Some((TUNE, 8))),
            ("low win rate", (Some(1.0), Some(0.49), Some(30.0)), Some((FEATURES, 12))),
            ("low win rate, Sharpe not sent", (None, Some(0.49), None), Some((FEATURES, 12))),
            ("low win rate goes before age", (Some(1.0), Some(0.49), Some(99.0)), Some((FEATURES, 12))),
            ("trained long ago", (Some(1.0), Some(0.5), Some(30.5)), Some((RETRAIN, 4))),
            ("trained long ago, nothing else sent", (None, None, Some(31.0)), Some((RETRAIN, 4))),
        ];
        for (name, (sharpe, win_rate, days), expected) in table {
            let finding = about_model(&Policy::default(), &results(sharpe, win_rate, days));
            let found = finding.map(|finding| (finding.rule, finding.hours));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn h23_zero_is_a_value() {
        let rule = |seen| about_model(&Policy::default(), &seen).map(|finding| finding.rule);
        assert_eq!(rule(results(Some(0.0), None, None)), Some(TUNE));
        assert_eq!(rule(results(Some(2.0), Some(0.0), None)), Some(FEATURES));
        assert_eq!(rule(results(Some(2.0), Some(0.6), Some(0.0))), None, "trained today");
    }

    #[test]
    fn the_first_rule_that_holds_speaks_of_a_portfolio() {
        let seen = |drawdown, win_rate: Option<f64>, closed_trades_today| Snapshot {
            drawdown_pct: Fraction::lit(drawdown),
            win_rate_today: win_rate.map(Fraction::lit),
            closed_trades_today,
            ..snapshot()
        };
        let table = [
            ("a calm day", seen(0.03, None, None), None),
            ("drawdown at the threshold", seen(0.06, None, None), None),
            ("drawdown above it", seen(0.061, None, None), Some((RISK, Priority::High, 4))),
            ("drawdown goes first", seen(0.061, Some(0.1), None), Some((RISK, Priority::High, 4))),
            ("win rate at the threshold", seen(0.03, Some(0.45), None), None),
            ("low win rate", seen(0.03, Some(0.44), None), Some((BACKTEST, Priority::Normal, 6))),
            ("H22: nothing closed", seen(0.03, Some(0.0), None), None),
            ("H22: few closed", seen(0.03, Some(0.0), Some(4)), None),
            ("H22: enough closed", seen(0.03, Some(0.0), Some(5)), Some((BACKTEST, Priority::Normal, 6))),
        ];
        for (name, seen, expected) in table {
            let finding = about_portfolio(&Policy::default(), &seen);
            let found = finding.map(|finding| (finding.rule, finding.priority, finding.hours));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_degraded_system_or_a_worse_one_has_a_bottleneck() {
        use SystemStatus::{Critical, Degraded, Emergency, Healthy, Optimal};
        for (status, expected) in
            [(Optimal, false), (Healthy, false), (Degraded, true), (Critical, true), (Emergency, true)]
        {
            let finding = about_system(&Policy::default(), &health(status, EssState::Nominal));
            assert_eq!(finding.is_some(), expected, "{status:?}");
        }
    }
}
