//! Operator commands: they are events, ruled in order like any other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::Severity;
use crate::id::HoldId;
use crate::number::{Fraction, Ratio, Usd};
use crate::subsystems::Subsystems;
use crate::time::Period;
use crate::value::Mode;

/// What an operator wants, and who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Who asks.
    pub by: Person,
    /// A second person who agreed, where the policy asks for two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Person>,
    /// Why, in the person's words.
    pub reason: String,
    /// What is asked.
    pub order: Order,
}

/// Somebody who may command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// The name that stands in the ruling.
    pub name: String,
    /// What the person may do.
    pub rank: Rank,
}

/// What a person may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// May look.
    Viewer,
    /// May tighten, and loosen what no hold bounds.
    Operator,
    /// May loosen against a hold.
    Approver,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Set the mode; for a time, or until released.
    SetMode {
        /// The mode.
        mode: Mode,
        /// For how long; none is until released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Period>,
        /// Holds that stand against it and end with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        releases: Vec<HoldId>,
    },
    /// Set some of the risk limits; the others stay as they are.
    SetLimits {
        /// The limits that are to change.
        limits: SomeLimits,
        /// For how long; none is until released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Period>,
        /// Holds that stand against it and end with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        releases: Vec<HoldId>,
    },
    /// Stop trading.
    Freeze {
        /// For how long; none is until released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Period>,
        /// How bad it is.
        severity: Severity,
        /// What stops.
        affected_subsystems: Subsystems,
    },
    /// End a hold.
    Release {
        /// Which.
        hold: HoldId,
    },
}

/// Some of the risk limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SomeLimits {
    /// See [`crate::value::Limits::max_leverage`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_leverage: Option<Ratio>,
    /// See [`crate::value::Limits::max_position_size_usd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_position_size_usd: Option<Usd>,
    /// See [`crate::value::Limits::max_drawdown_pct`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drawdown_pct: Option<Fraction>,
    /// See [`crate::value::Limits::max_exposure_pct`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_exposure_pct: Option<Fraction>,
    /// See [`crate::value::Limits::stop_loss_multiplier`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_loss_multiplier: Option<Ratio>,
}

impl SomeLimits {
    /// These limits, and `rest` where none is given.
    pub fn or(self, rest: crate::value::Limits) -> crate::value::Limits {
        crate::value::Limits {
            max_leverage: self.max_leverage.unwrap_or(rest.max_leverage),
            max_position_size_usd: self.max_position_size_usd.unwrap_or(rest.max_position_size_usd),
            max_drawdown_pct: self.max_drawdown_pct.unwrap_or(rest.max_drawdown_pct),
            max_exposure_pct: self.max_exposure_pct.unwrap_or(rest.max_exposure_pct),
            stop_loss_multiplier: self.stop_loss_multiplier.unwrap_or(rest.stop_loss_multiplier),
        }
    }
}
