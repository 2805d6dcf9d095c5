//! A matter: one event with everything that was heard on it, before it is ruled.

use proto::event::Event;
use proto::id::{PortfolioId, RulingHash};
use proto::ledger::Ledger;
use proto::ruling::{Hearing, Position, Ruling};
use proto::terms::Terms;

/// What a ruling is made from, besides the terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matter {
    /// Where the event stood in EVENTS.
    pub position: Position,
    /// The hash of the portfolio's ruling before.
    pub previous: RulingHash,
    /// What happened.
    pub event: Event,
    /// The state before.
    pub before: Ledger,
    /// Who was heard, and who was not.
    pub hearing: Hearing,
}

impl From<&Ruling> for Matter {
    /// What a ruling was made from: it holds all of it.
    fn from(ruling: &Ruling) -> Self {
        Self {
            position: ruling.position.clone(),
            previous: ruling.previous,
            event: ruling.event.clone(),
            before: ruling.before.clone(),
            hearing: ruling.hearing.clone(),
        }
    }
}

/// The ledger of a portfolio that has no ruling yet: the base values, and nobody heard.
#[must_use]
pub fn genesis(terms: &Terms, portfolio: PortfolioId) -> Ledger {
    Ledger::begin(portfolio, terms.base.clone())
}
