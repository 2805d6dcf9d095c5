//! The broker's side: what RULINGS takes in, and what is read from it.

use std::sync::Arc;

use mesh::rulings::fold::{self, Candidate};
use proto::chain::Chain;
use proto::id::Sequence;

use crate::model::Protocol;
use crate::variant::Variant;
use crate::world::{Decision, Letter, Ruling, World};

/// What the broker makes of a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is stored there.
    Stored(Sequence),
    /// Its message id was seen, or the subject's last message is another than expected.
    Refused,
}

/// The end of a portfolio's rulings.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) ruling: Arc<Ruling>,
    pub(crate) sequence: Sequence,
    pub(crate) last_on_subject: Sequence,
}

impl World {
    /// Every stored ruling of a portfolio, and where it stands.
    pub(crate) fn on_subject(
        &self,
        portfolio: usize,
    ) -> impl DoubleEndedIterator<Item = (Sequence, &Arc<Ruling>)> {
        let numbered = self.rulings.iter().enumerate();
        let numbered = numbered.map(|(index, ruling)| (Sequence(index as u64 + 1), ruling));
        numbered.filter(move |(_, ruling)| ruling.portfolio == portfolio)
    }

    /// The subject's last message; 0 before the first.
    pub(crate) fn last_on_subject(&self, portfolio: usize) -> Sequence {
        self.on_subject(portfolio).next_back().map(|(sequence, _)| sequence).unwrap_or_default()
    }

    /// Compare-and-set, and the window of message ids.
    pub(crate) fn offer(&mut self, letter: &Letter) -> Answer {
        if self.refuses(letter) { Answer::Refused } else { Answer::Stored(self.store(&letter.ruling)) }
    }

    /// Whether the broker should keep a ruling out.
    pub(crate) fn refuses(&self, letter: &Letter) -> bool {
        let Letter { ruling, expects } = letter;
        // Rivals for one place in the chain share the id.
        let id = |ruling: &Ruling| (ruling.portfolio, ruling.version, ruling.previous);
        let seen = self.rulings[self.remembered..].iter().any(|stored| id(stored) == id(ruling));
        seen || self.last_on_subject(ruling.portfolio) != *expects
    }

    /// Stores a ruling whatever stands there.
    pub(crate) fn store(&mut self, ruling: &Arc<Ruling>) -> Sequence {
        self.rulings.push(Arc::clone(ruling));
        self.end()
    }

    /// The last sequence of RULINGS.
    pub(crate) fn end(&self) -> Sequence {
        Sequence(self.rulings.len() as u64)
    }

    /// Republishes a decision; the broker drops one that it remembers.
    pub(crate) fn republish(&mut self, decision: Decision) {
        if !self.decisions[self.decisions_remembered..].contains(&decision) {
            self.decisions.push(decision);
        }
    }
}

impl Protocol {
    /// Reads where a portfolio stands in the log.
    pub(crate) fn head(&self, world: &World, portfolio: usize) -> Option<Head> {
        let retained: Vec<(Sequence, &Arc<Ruling>)> = world.on_subject(portfolio).collect();
        let index = if [Variant::NoFold, Variant::HashUnchecked].contains(&self.variant) {
            let mut chain = Chain::default();
            let counts: Vec<bool> =
                retained.iter().map(|(_, ruling)| self.variant.fold(&mut chain, ruling)).collect();
            counts.iter().rposition(|counts| *counts)
        } else {
            fold::head(&candidates(&retained)).map(|(index, _)| index)
        }?;
        let (sequence, ruling) = retained[index];
        Some(Head { ruling: Arc::clone(ruling), sequence, last_on_subject: world.last_on_subject(portfolio) })
    }

    /// The rulings that count, and where they stand.
    pub(crate) fn counted<'a>(&self, world: &'a World) -> Vec<(Sequence, &'a Arc<Ruling>)> {
        let mut chains = vec![Chain::default(); self.docket.portfolios()];
        let numbered = (1..).map(Sequence).zip(&world.rulings);
        numbered.filter(|(_, ruling)| self.variant.fold(&mut chains[ruling.portfolio], ruling)).collect()
    }
}

fn candidates(retained: &[(Sequence, &Arc<Ruling>)]) -> Vec<Candidate> {
    let candidate = |(sequence, ruling): &(Sequence, &Arc<Ruling>)| {
        let Ruling { version, previous, hash, .. } = ***ruling;
        Candidate { sequence: *sequence, version, previous, hash }
    };
    retained.iter().map(candidate).collect()
}
