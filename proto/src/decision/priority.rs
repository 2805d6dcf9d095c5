//! How urgent a decision is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How urgent a decision is, most urgent first; written as a number from 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8", extend("minimum" = 1, "maximum" = 4))]
pub enum Priority {
    /// 1
    Critical,
    /// 2
    High,
    /// 3
    Normal,
    /// 4
    Low,
}

impl TryFrom<u8> for Priority {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            1 => Ok(Self::Critical),
            2 => Ok(Self::High),
            3 => Ok(Self::Normal),
            4 => Ok(Self::Low),
            _ => Err(format!("priority {number} is not 1, 2, 3 or 4")),
        }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> u8 {
        match priority {
            Priority::Critical => 1,
            Priority::High => 2,
            Priority::Normal => 3,
            Priority::Low => 4,
        }
    }
}
