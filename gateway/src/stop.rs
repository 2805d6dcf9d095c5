//! The stop that needs almost nothing: where no ruling comes, the gateway tells the backend to freeze by itself.
//!
//! What it tells is what the court decides on the ledger that was seen last, with the ids that the court's own decision and
//! hold will have. The order stands in Redis beside it until the court has ruled it; that ruling's FREEZE is known there then
//! and is not told again.

mod takeover;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use court::Matter;
use court::policy::CourtPolicy;
use futures::future::BoxFuture;
use mesh::policy::{BadPolicy, Current, PolicyFile, Section};
use proto::decision::{Decision, DecisionType};
use proto::effective::Effective;
use proto::event::Event;
use proto::id::{PortfolioId, RulingHash, Sequence, Version};
use proto::ledger::Ledger;
use proto::ruling::{Hearing, Position};

use crate::emit::downstream::Document;

pub use takeover::TakeOver;

/// Where freezes stand that no ruling told of.
pub trait Brake: std::fmt::Debug + Send + Sync {
    /// Tells the backend of a freeze, once, and keeps its order.
    fn stop<'a>(&'a self, stop: &'a Stop) -> BoxFuture<'a, Result<()>>;

    /// The orders that are kept.
    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>>>;

    /// Forgets an order, once everything up to this ruling of its portfolio was told.
    fn forget<'a>(&'a self, order: &'a Event, ruled: Version) -> BoxFuture<'a, Result<()>>;

    /// Every portfolio that the backend was ever told of, each with the last document where that can be read.
    fn documents(&self) -> BoxFuture<'_, Result<BTreeMap<PortfolioId, Option<Effective>>>>;
}

/// An order that is kept until the court has ruled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The order.
    pub order: Event,
    /// Whether the backend was told a FREEZE of it.
    pub told: bool,
}

/// A freeze that no ruling tells of.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The order, as the court will rule it.
    pub order: Event,
    /// What the backend is told; nothing when it is frozen as strictly already.
    pub freeze: Option<Decision>,
    /// What is in effect then.
    pub document: Document,
}

/// The court's terms, for the one decision that it is not there for.
#[derive(Clone)]
pub struct Stops {
    section: Section<CourtPolicy>,
}

impl Stops {
    /// By the terms of this policy file.
    ///
    /// # Errors
    /// The court's section cannot be used.
    pub fn read(policy: &PolicyFile) -> Result<Self, BadPolicy> {
        Ok(Self { section: policy.section("court")? })
    }

    /// The freeze that an order comes to, on the ledger that was seen last: tightening needs nobody.
    ///
    /// # Errors
    /// None: what is in effect has a JSON form.
    pub fn on(&self, order: &Event, seen: Option<&Ledger>) -> Result<Stop> {
        let portfolio: &PortfolioId = &order.portfolio;
        let Current { policy, revision } = self.section.of(portfolio);
        let terms = policy.terms(revision);
        let before = seen.cloned().unwrap_or_else(|| court::genesis(&terms, portfolio.clone()));
        // Where the event will stand, and after which ruling, is not known here, and decides nothing.
        let position = Position { stream: String::new(), sequence: Sequence(0), through: Sequence(0) };
        let (previous, hearing) = (RulingHash::default(), Hearing::default());
        let ruling =
            court::rule(&terms, Matter { position, previous, event: order.clone(), before, hearing });
        let document = Document::of(&ruling.after).context("what is in effect has no JSON form")?;
        let is_freeze = |decision: &Decision| decision.decision_type() == DecisionType::Freeze;
        let freeze = ruling.decisions.into_iter().find(is_freeze);
        Ok(Stop { order: order.clone(), freeze, document })
    }
}

/// The ledger that a portfolio is taken to have where only its document is known: whoever set its values, they are in
/// effect, and so is every hold.
pub fn supposed(document: &Effective) -> Ledger {
    let Effective { portfolio, ruling, as_of, values, freeze, holds, .. } = document.clone();
    Ledger {
        version: ruling,
        at: as_of,
        freeze,
        holds: holds.into_iter().map(|hold| (hold.id, hold)).collect(),
        ..Ledger::begin(portfolio, values)
    }
}

impl std::fmt::Debug for Stops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stops").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proto::command::{Command, Order, Person, Rank};
    use proto::decision::Severity;
    use proto::event::Body;
    use proto::id::EventId;

    use super::*;
    use crate::testing::{portfolio, snapshot_event};

    fn order(number: u64, severity: Severity) -> Event {
        let by = Person { name: "ada".to_owned(), rank: Rank::Operator };
        let affected_subsystems = ["trading"].into();
        let order = Order::Freeze { duration: None, severity, affected_subsystems };
        let command = Command { by, approved_by: None, reason: "news".to_owned(), order };
        let event = snapshot_event(&portfolio("main"), number);
        Event { id: EventId::derive(&[&number.to_string()]), body: Body::Command(command), ..event }
    }

    #[test]
    fn a_document_tells_enough_of_a_ledger_to_freeze_by() {
        let stops = Stops::read(&PolicyFile::open(None).unwrap()).unwrap();
        let first = stops.on(&order(1, Severity::High), None).unwrap();
        assert!(first.freeze.is_some());
        let document: Effective = serde_json::from_str(&first.document.json).unwrap();
        let ledger = supposed(&document);
        assert_eq!(Effective::from(&ledger), document, "nothing of it is lost");
        assert_eq!(
            stops.on(&order(2, Severity::Medium), Some(&ledger)).unwrap().freeze,
            None,
            "it is frozen as strictly"
        );
        let stricter = stops.on(&order(3, Severity::Critical), Some(&ledger)).unwrap().freeze.unwrap();
        let unknown = stops.on(&order(3, Severity::Critical), None).unwrap().freeze.unwrap();
        assert_eq!(stricter.decision_id, unknown.decision_id, "the id does not depend on what is known");
    }
}
