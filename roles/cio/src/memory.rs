//! What the CIO remembers: the latest complete results of each model that it weights, and the names of others.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::ModelPerformance;
use proto::number::{Fraction, Ratio};
use proto::time::Time;
use serde::{Deserialize, Serialize};

/// How many unknown models are told apart.
const MAX_UNKNOWN_MODELS: usize = 32;

/// Observations only: what was proposed, and what became of it, stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The latest complete results of each known model.
    heard: BTreeMap<String, Results>,
    /// Models that were heard and are not known, the first [`MAX_UNKNOWN_MODELS`] of them.
    unknown: BTreeSet<String>,
}

/// A model's results, both of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) at: Time,
    pub(crate) sharpe_ratio: Ratio,
    pub(crate) win_rate: Fraction,
}

impl Memory {
    /// Takes a model's results in. Incomplete ones, and ones that come late, change nothing.
    pub(crate) fn observe(&mut self, at: Time, seen: &ModelPerformance, known: &[String]) {
        self.heard.retain(|model, _| known.contains(model));
        self.unknown.retain(|model| !known.contains(model));
        if !known.contains(&seen.model_name) {
            if self.unknown.len() < MAX_UNKNOWN_MODELS {
                self.unknown.insert(seen.model_name.clone());
            }
            return;
        }
        let (Some(sharpe_ratio), Some(win_rate)) = (seen.sharpe_ratio, seen.win_rate) else { return };
        let is_late = self.heard.get(&seen.model_name).is_some_and(|last| at < last.at);
        if !is_late {
            self.heard.insert(seen.model_name.clone(), Results { at, sharpe_ratio, win_rate });
        }
    }

    /// The latest complete results of a known model.
    pub(crate) fn results(&self, model: &str) -> Option<&Results> {
        self.heard.get(model)
    }

    /// How many models were heard that are not known.
    pub(crate) fn unknown_models(&self) -> u64 {
        self.unknown.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proto::testing::{MONDAY, model, morning};

    use super::*;

    fn results(name: &str, sharpe: f64) -> ModelPerformance {
        let (sharpe_ratio, win_rate) = (Some(Ratio::lit(sharpe)), Some(Fraction::lit(0.5)));
        ModelPerformance { sharpe_ratio, win_rate, ..model(name) }
    }

    fn sharpe(memory: &Memory) -> Option<f64> {
        memory.results("nhits").map(|results| results.sharpe_ratio.get())
    }

    #[test]
    fn the_latest_complete_results_are_remembered() {
        let known = ["nhits".to_owned()];
        let mut memory = Memory::default();
        memory.observe(MONDAY, &results("nhits", 1.0), &known);
        memory.observe(morning(2), &results("nhits", 2.0), &known);
        memory.observe(morning(1), &results("nhits", 3.0), &known);
        assert_eq!(sharpe(&memory), Some(2.0), "late results change nothing");
        memory.observe(morning(3), &ModelPerformance { win_rate: None, ..results("nhits", 4.0) }, &known);
        assert_eq!(sharpe(&memory), Some(2.0), "nor do incomplete ones");
        memory.observe(morning(3), &results("nhits", 0.0), &known);
        assert_eq!(sharpe(&memory), Some(0.0), "zero is a value");
    }

    #[test]
    fn unknown_models_are_counted_up_to_a_bound() {
        let known = ["nhits".to_owned()];
        let mut memory = Memory::default();
        for number in 0..100 {
            memory.observe(MONDAY, &results(&format!("model-{number}"), 1.0), &known);
        }
        assert_eq!(memory.unknown_models(), MAX_UNKNOWN_MODELS as u64);
        assert_eq!(memory.results("model-1"), None);
    }

    #[test]
    fn a_model_that_the_policy_drops_is_forgotten() {
        let mut memory = Memory::default();
        memory.observe(MONDAY, &results("nhits", 1.0), &["nhits".to_owned()]);
        memory.observe(MONDAY, &results("xgboost", 1.0), &["xgboost".to_owned()]);
        assert_eq!(sharpe(&memory), None);
    }
}
