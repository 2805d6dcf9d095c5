//! Weights of the models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Fraction;

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
