//! Which decisions are asked for.

use proto::decision::{Author, Decision, DecisionType};
use proto::id::{DecisionId, PortfolioId};
use proto::time::Time;

/// How many decisions one page may have.
pub const MAX_LIMIT: usize = 1000;
/// How many it has when nobody says.
pub const DEFAULT_LIMIT: usize = 50;

/// Which decisions are asked for; what is none passes everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of this type.
    pub kind: Option<DecisionType>,
    /// By this role, or by hand.
    pub role: Option<Author>,
    /// For this portfolio.
    pub portfolio: Option<PortfolioId>,
    /// Not before this time.
    pub since: Option<Time>,
    /// Before this time.
    pub until: Option<Time>,
    /// Made before this decision: the cursor to the page before.
    pub before: Option<DecisionId>,
    /// In which order the page comes.
    pub order: Order,
    /// The latest so many.
    pub limit: usize,
}

/// The order of a page. The page itself is the latest in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Latest first.
    Descending,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            kind: None,
            role: None,
            portfolio: None,
            since: None,
            until: None,
            before: None,
            order: Order::default(),
            limit: DEFAULT_LIMIT,
        }
    }
}

impl Filter {
    /// Whether a decision passes, the cursor apart.
    pub fn passes(&self, decision: &Decision) -> bool {
        self.kind.is_none_or(|kind| decision.decision_type() == kind)
            && self.role.as_ref().is_none_or(|role| decision.role_source == *role)
            && self.portfolio.as_ref().is_none_or(|portfolio| decision.portfolio == *portfolio)
            && self.since.is_none_or(|since| decision.timestamp >= since)
            && self.until.is_none_or(|until| decision.timestamp < until)
    }
}
