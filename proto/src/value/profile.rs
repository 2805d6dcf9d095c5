//! Capital profile.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Fraction;

/// Capital profile, from loosest to tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Profile {
    /// The most risk.
    Aggressive,
    /// The usual.
    Normal,
    /// The start.
    Low,
    /// The least risk.
    Micro,
}

impl Profile {
    /// All four, loosest first.
    pub const ALL: [Self; 4] = [Self::Aggressive, Self::Normal, Self::Low, Self::Micro];

    /// The word for it, as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aggressive => "AGGRESSIVE",
            Self::Normal => "NORMAL",
            Self::Low => "LOW",
            Self::Micro => "MICRO",
        }
    }

    /// The next profile with less risk; MICRO stays.
    #[must_use]
    pub const fn one_step_down(self) -> Self {
        match self {
            Self::Aggressive => Self::Normal,
            Self::Normal => Self::Low,
            Self::Low | Self::Micro => Self::Micro,
        }
    }

    /// The next profile with more risk; AGGRESSIVE stays.
    #[must_use]
    pub const fn one_step_up(self) -> Self {
        match self {
            Self::Micro => Self::Low,
            Self::Low => Self::Normal,
            Self::Normal | Self::Aggressive => Self::Aggressive,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a profile allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileTerms {
    /// The most that one trade may risk, as a share of equity.
    pub max_risk_per_trade_pct: Fraction,
    /// The most that one day may risk, as a share of equity.
    pub max_daily_risk_pct: Fraction,
    /// The most positions at once.
    pub max_positions: u32,
}
