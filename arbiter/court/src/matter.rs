//! A matter: one event with everything that was heard on it, before it is ruled.

use proto::decision::Decision;
use proto::event::Event;
use proto::id::{PortfolioId, RulingHash};
use proto::ledger::Ledger;
use proto::ruling::{Hearing, Outcome, Position, Ruling};
use proto::terms::Terms;
use proto::wire::Schema;

use crate::book;
use crate::voices::{Voices, heard};

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

impl Matter {
    /// All that was said on it.
    #[must_use]
    pub fn voices<'a>(&'a self, terms: &'a Terms) -> Voices<'a> {
        Voices::on(terms, &self.event, &self.before, heard(terms, &self.hearing))
    }

    /// The ruling on it: what went in, what came out, and the ledger after it, with what the roles remember.
    #[must_use]
    pub fn ruled(
        self,
        terms: &Terms,
        outcomes: Vec<Outcome>,
        decisions: Vec<Decision>,
        mut after: Ledger,
    ) -> Ruling {
        book::memories(&mut after, terms, &self.hearing.roles);
        Ruling {
            schema: Schema::Ruling,
            portfolio: after.portfolio.clone(),
            version: after.version,
            previous: self.previous,
            position: self.position,
            event: self.event,
            terms: terms.clone(),
            hearing: self.hearing,
            before: self.before,
            outcomes,
            decisions,
            after,
        }
    }
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
