//! Risk limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Fraction, Ratio, Usd};

/// Risk limits. Smaller is tighter, but for the stop-loss multiplier, where larger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most leverage, gross notional as a multiple of equity. Beside `max_exposure_pct` the tighter counts.
    pub max_leverage: Ratio,
    /// The largest position.
    pub max_position_size_usd: Usd,
    /// The drawdown at which the backend stops by itself.
    pub max_drawdown_pct: Fraction,
    /// The most exposure, gross notional as a share of equity. Beside `max_leverage` the tighter counts.
    pub max_exposure_pct: Fraction,
    /// How much closer than usual stop-losses stand; larger is tighter.
    pub stop_loss_multiplier: Ratio,
}

impl Limits {
    /// The tighter of both in each field.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            max_leverage: self.max_leverage.min(other.max_leverage),
            max_position_size_usd: self.max_position_size_usd.min(other.max_position_size_usd),
            max_drawdown_pct: self.max_drawdown_pct.min(other.max_drawdown_pct),
            max_exposure_pct: self.max_exposure_pct.min(other.max_exposure_pct),
            stop_loss_multiplier: self.stop_loss_multiplier.max(other.stop_loss_multiplier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn limits(leverage: f64, stop: f64) -> Limits {
        Limits {
            max_leverage: Ratio::lit(leverage),
            max_position_size_usd: Usd::lit(1000.0),
            max_drawdown_pct: Fraction::lit(0.08),
            max_exposure_pct: Fraction::lit(0.9),
            stop_loss_multiplier: Ratio::lit(stop),
        }
    }

    #[test]
    fn limits_meet_field_by_field_and_a_larger_stop_loss_multiplier_is_tighter() {
        let (a, b) = (limits(3.0, 1.0), limits(5.0, 1.5));
        assert_eq!(a.meet(b), limits(3.0, 1.5));
        assert!(Value::Limits(a).is_looser_than(&Value::Limits(b)));
        assert!(Value::Limits(b).is_looser_than(&Value::Limits(a)), "each is looser in one field");
        assert!(!Value::Limits(a).is_looser_than(&Value::Limits(a)));
    }
}
