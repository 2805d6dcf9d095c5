//! The effective-policy document: all that is in effect for a portfolio, for a reader that missed every decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hold::{Freeze, Hold};
use crate::id::{PortfolioId, Version};
use crate::ledger::Ledger;
use crate::time::Time;
use crate::value::Values;

/// All that is in effect for a portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Effective {
    /// Whose it is.
    pub portfolio: PortfolioId,
    /// The ruling that it is the outcome of.
    pub ruling: Version,
    /// The time of the latest event ruled.
    pub as_of: Time,
    /// The values in effect.
    #[serde(flatten)]
    pub values: Values,
    /// Whether trading is frozen.
    pub frozen: bool,
    /// The freeze in effect; null when trading is free.
    pub freeze: Option<Freeze>,
    /// The standing restrictions.
    pub holds: Vec<Hold>,
}

impl From<&Ledger> for Effective {
    fn from(ledger: &Ledger) -> Self {
        Self {
            portfolio: ledger.portfolio.clone(),
            ruling: ledger.version,
            as_of: ledger.at,
            values: ledger.effective.clone(),
            frozen: ledger.freeze.is_some(),
            freeze: ledger.freeze.clone(),
            holds: ledger.holds.values().cloned().collect(),
        }
    }
}
