//! Thresholds of the emergency stop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Fraction;

/// Drawdowns at which the backend's emergency-stop system changes state. Smaller is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EssThresholds {
    /// CAUTION from this drawdown on.
    pub caution_threshold_pct: Fraction,
    /// WARNING from this drawdown on; above caution.
    pub warning_threshold_pct: Fraction,
    /// CRITICAL from this drawdown on; above warning.
    pub critical_threshold_pct: Fraction,
}

impl EssThresholds {
    /// The tighter of both in each field; the order caution < warning < critical survives it.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            caution_threshold_pct: self.caution_threshold_pct.min(other.caution_threshold_pct),
            warning_threshold_pct: self.warning_threshold_pct.min(other.warning_threshold_pct),
            critical_threshold_pct: self.critical_threshold_pct.min(other.critical_threshold_pct),
        }
    }
}
