//! Where profit goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Fraction;

/// Where profit goes; the three add up to one. A smaller share to reinvest is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cashflow {
    /// Locked away.
    pub profit_lock_pct: Fraction,
    /// Traded with again.
    pub reinvest_pct: Fraction,
    /// Kept as reserve.
    pub reserve_buffer_pct: Fraction,
}

impl Cashflow {
    /// Its three shares.
    pub const fn shares(self) -> [Fraction; 3] {
        [self.profit_lock_pct, self.reinvest_pct, self.reserve_buffer_pct]
    }

    /// The one that reinvests less; this one when they reinvest the same.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        if other.reinvest_pct < self.reinvest_pct { other } else { self }
    }
}
