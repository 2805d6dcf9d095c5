//! The types of decision.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// The types of decision, in the order in which decisions of equal priority and rank go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DecisionType {
    /// Trading stops.
    Freeze,
    /// A proposal was vetoed.
    Override,
    /// The mode changes, or a freeze is lifted.
    ModeChange,
    /// The capital profile changes.
    CapitalProfile,
    /// Risk limits change.
    RiskAdjustment,
    /// Emergency-stop thresholds change.
    EssPolicy,
    /// Symbols change.
    SymbolUniverse,
    /// Model weights change.
    StrategyAllocation,
    /// Cashflow changes.
    Cashflow,
    /// Something is to be looked into.
    ResearchTask,
}

impl DecisionType {
    /// All ten.
    pub const ALL: [Self; 10] = [
        Self::Freeze,
        Self::Override,
        Self::ModeChange,
        Self::CapitalProfile,
        Self::RiskAdjustment,
        Self::EssPolicy,
        Self::SymbolUniverse,
        Self::StrategyAllocation,
        Self::Cashflow,
        Self::ResearchTask,
    ];

    /// The name as it stands in records and subjects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "FREEZE",
            Self::Override => "OVERRIDE",
            Self::ModeChange => "MODE_CHANGE",
            Self::CapitalProfile => "CAPITAL_PROFILE",
            Self::RiskAdjustment => "RISK_ADJUSTMENT",
            Self::EssPolicy => "ESS_POLICY",
            Self::SymbolUniverse => "SYMBOL_UNIVERSE",
            Self::StrategyAllocation => "STRATEGY_ALLOCATION",
            Self::Cashflow => "CASHFLOW",
            Self::ResearchTask => "RESEARCH_TASK",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type that tells of a change of this governed value.
    pub const fn of_value(value: &Value) -> Self {
        match value {
            Value::Mode(_) => Self::ModeChange,
            Value::Profile(_) => Self::CapitalProfile,
            Value::Limits(_) => Self::RiskAdjustment,
            Value::Ess(_) => Self::EssPolicy,
            Value::Symbols(_) => Self::SymbolUniverse,
            Value::Cashflow(_) => Self::Cashflow,
            Value::Allocation(_) => Self::StrategyAllocation,
        }
    }
}

impl fmt::Display for DecisionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
