//! The task that follows from a finding, in words for people, written from the facts alone.

use std::borrow::Cow;

use proto::decision::ResearchTask;

use crate::rules::{Finding, Study};

/// What the task that a finding asks for is about.
pub(crate) fn subject(finding: &Finding) -> Cow<'static, str> {
    ResearchTask::subject_of(task_type(finding.study), finding.model.as_deref())
}

/// The task that a finding asks for.
pub(crate) fn task(finding: &Finding) -> ResearchTask {
    ResearchTask {
        task_type: task_type(finding.study).to_owned(),
        description: description(finding),
        priority: finding.priority,
        estimated_duration_hours: finding.hours,
        expected_impact: expected_impact(finding.study).to_owned(),
        model_name: finding.model.clone(),
    }
}

const fn task_type(study: Study) -> &'static str {
    match study {
        Study::HyperparameterTuning => "hyperparameter_tuning",
        Study::FeatureEngineering => "feature_engineering",
        Study::ModelRetraining => "model_retraining",
        Study::RiskAnalysis => "risk_analysis",
        Study::BacktestStrategy => "backtest_strategy",
        Study::PerformanceAnalysis => "performance_analysis",
    }
}

fn description(finding: &Finding) -> String {
    let work = match finding.study {
        Study::HyperparameterTuning => "Search better hyperparameters",
        Study::FeatureEngineering => "Find features that tell winning trades from losing ones",
        Study::ModelRetraining => "Train the model again on recent data",
        Study::RiskAnalysis => "Find the positions and strategies that caused the drawdown",
        Study::BacktestStrategy => "Test the active strategies against recent market data",
        Study::PerformanceAnalysis => "Find the subsystem that degrades the system",
    };
    let about = finding.model.as_ref().map(|model| format!(" for {model}")).unwrap_or_default();
    let seen: Vec<String> = finding.facts.iter().map(ToString::to_string).collect();
    format!("{work}{about}: {}.", seen.join(", "))
}

const fn expected_impact(study: Study) -> &'static str {
    match study {
        Study::HyperparameterTuning => "A Sharpe ratio above the threshold that the model missed.",
        Study::FeatureEngineering => "A win rate above the threshold that the model missed.",
        Study::ModelRetraining => "A model that knows the market as it is now.",
        Study::RiskAnalysis => "A smaller drawdown once its causes are known and reduced.",
        Study::BacktestStrategy => {
            "Strategies that lose in this market are known, and can be changed or stopped."
        }
        Study::PerformanceAnalysis => "The system back to HEALTHY once its bottleneck is removed.",
    }
}

#[cfg(test)]
mod tests {
    use proto::event::{EssState, ModelPerformance, Snapshot, SystemStatus};
    use proto::number::{Fraction, Ratio};
    use proto::testing::{health, model, snapshot};

    use super::*;
    use crate::policy::Policy;
    use crate::rules;

    #[test]
    fn a_task_about_a_model_names_it_and_what_was_seen() {
        let seen = ModelPerformance { sharpe_ratio: Some(Ratio::lit(0.4)), ..model("nhits") };
        let task = task(&rules::about_model(&Policy::default(), &seen).unwrap());
        assert_eq!(task.description, "Search better hyperparameters for nhits: sharpe_ratio 0.4 < 1.");
        assert_eq!(task.subject(), "hyperparameter_tuning/nhits");
    }

    #[test]
    fn a_task_about_a_portfolio_or_the_system_names_no_model() {
        let deep = Snapshot { drawdown_pct: Fraction::lit(0.12), ..snapshot() };
        let risk = task(&rules::about_portfolio(&Policy::default(), &deep).unwrap());
        assert_eq!(
            risk.description,
            "Find the positions and strategies that caused the drawdown: drawdown_pct 12 % > 6 %."
        );
        assert_eq!(risk.subject(), "risk_analysis");
        let slow = health(SystemStatus::Degraded, EssState::Caution);
        let bottleneck = task(&rules::about_system(&Policy::default(), &slow).unwrap());
        assert_eq!(
            bottleneck.description,
            "Find the subsystem that degrades the system: system_status DEGRADED, ess_state CAUTION."
        );
        assert_eq!(
            (bottleneck.subject().as_str(), bottleneck.estimated_duration_hours),
            ("performance_analysis", 2)
        );
    }
}
