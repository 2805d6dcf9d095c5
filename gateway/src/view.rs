//! What the gateway knows of the mesh: folded from RULINGS and DECISIONS at start, and kept up as rulings come.

pub mod filter;
pub mod follow;
pub mod receipts;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use mesh::rulings::Followed;
use proto::decision::Decision;
use proto::event::Event;
use proto::id::{DecisionId, EventId, HoldId, PortfolioId, Role, Sequence};
use proto::ledger::Ledger;
use proto::receipt::Receipt;
use proto::ruling::{Position, Ruling};
use proto::subject::Subjects;
use proto::time::Time;
use tokio::sync::watch;
use tracing::error;

use crate::feed::FeedKind;
use filter::Filter;
use state::State;
pub use state::{Counts, Page, Said, Trouble};

/// What is known, for all who ask; and who waits is told of each change.
#[derive(Debug)]
pub struct View {
    state: RwLock<State>,
    changes: watch::Sender<u64>,
}

impl Default for View {
    fn default() -> Self {
        Self { state: RwLock::default(), changes: watch::Sender::new(0) }
    }
}

impl View {
    /// Takes the decisions that were made before the first ruling that is followed, oldest first, and how many there
    /// ever were.
    pub fn begin(&self, ever: u64, decisions: Vec<Decision>) {
        self.change(|state| state.begin(ever, decisions));
    }

    /// Takes a ruling that counts.
    pub fn take(&self, ruling: Ruling, sequence: Sequence) {
        self.change(|state| state.take(ruling, sequence));
    }

    /// Takes note of an event that is stored now, and is to be ruled.
    pub fn expect(&self, event: &Event, now: Time) {
        self.change(|state| state.expect(event, now));
    }

    /// Takes note of a command that stands there in EVENTS, and is to be ruled.
    pub fn expect_command(&self, event: &Event, sequence: Sequence, now: Time) {
        self.change(|state| state.expect_command(event, sequence, now));
    }

    /// Portfolios with an event that has waited for its ruling since before this time: nobody governs them.
    pub fn neglected(&self, before: Time) -> BTreeSet<PortfolioId> {
        self.read(|state| state.neglected(before))
    }

    /// A portfolio's rulings are damaged: what comes of it is not taken any more.
    pub fn halt(&self, portfolio: PortfolioId, why: String) {
        if !self.is_halted(&portfolio) {
            error!(%portfolio, "this portfolio halts: {why}");
            self.change(|state| state.halt(portfolio, why));
        }
    }

    /// Whether a portfolio's rulings are damaged.
    pub fn is_halted(&self, portfolio: &PortfolioId) -> bool {
        self.read(|state| state.halted().contains_key(portfolio))
    }

    /// Whether a ruling is not to be taken: its portfolio's rulings are damaged, or this one shows that they are.
    pub fn passes_over(&self, subjects: &Subjects, followed: &Followed) -> bool {
        let Some((_, portfolio)) = subjects.parse_ruling(&followed.subject) else { return false };
        if let Some(damage) = followed.damage() {
            self.halt(portfolio.clone(), damage.to_string());
        }
        self.is_halted(&portfolio)
    }

    /// The portfolios whose rulings are damaged, and how.
    pub fn halted(&self) -> BTreeMap<PortfolioId, String> {
        self.read(|state| state.halted().clone())
    }

    /// Takes note of what is amiss with a feed, or that nothing is any more.
    pub fn note_feed(&self, feed: FeedKind, trouble: Trouble, told: Option<String>) {
        if self.read(|state| state.troubles(feed, trouble)) != told {
            self.change(|state| state.note_feed(feed, trouble, told));
        }
    }

    /// What is amiss with the feeds, by feed.
    pub fn troubled_feeds(&self) -> BTreeMap<String, String> {
        self.read(State::troubled_feeds)
    }

    /// The time of the latest entry of a stream of the backend that was ruled, or waits to be.
    pub fn heard(&self, stream: &str) -> Option<Time> {
        self.read(|state| state.heard(stream))
    }

    /// Roles that did not answer in time again and again: arbiters do not ask them, but for a probe now and then.
    pub fn hung(&self) -> BTreeSet<Role> {
        self.read(State::hung)
    }

    /// Up to where EVENTS was ruled, by the stream that the latest ruling names.
    pub fn ruled_to(&self) -> Option<Position> {
        self.read(State::ruled_to)
    }

    /// Every portfolio that has a ruling, or was seen since the start.
    pub fn known(&self) -> BTreeSet<PortfolioId> {
        self.read(State::known)
    }

    /// A portfolio's ledger.
    pub fn ledger(&self, portfolio: &PortfolioId) -> Option<Arc<Ledger>> {
        self.read(|state| state.ledger(portfolio))
    }

    /// Every ledger, by portfolio.
    pub fn ledgers(&self) -> Vec<Arc<Ledger>> {
        self.read(State::ledgers)
    }

    /// The portfolio that a hold stands on.
    pub fn holder(&self, hold: HoldId) -> Option<PortfolioId> {
        self.read(|state| state.holder(hold))
    }

    /// The ruling on an operator's command, while it is remembered.
    pub fn ruled(&self, command: EventId) -> Option<Arc<Ruling>> {
        self.read(|state| state.ruled(command))
    }

    /// Whether a command was ruled, as far as its portfolio's ledger remembers.
    pub fn has_ruled(&self, portfolio: &PortfolioId, command: EventId) -> bool {
        self.read(|state| state.has_ruled(portfolio, command))
    }

    /// Decisions that pass a filter, oldest first unless it says otherwise.
    pub fn decisions(&self, filter: &Filter) -> Page {
        self.read(|state| state.decisions(filter))
    }

    /// A decision that is still remembered.
    pub fn decision(&self, id: DecisionId) -> Option<Arc<Said>> {
        self.read(|state| state.decision(id))
    }

    /// Whose a decision is, while it is remembered.
    pub fn whose(&self, decision: DecisionId) -> Option<PortfolioId> {
        self.read(|state| state.decision(decision).map(|said| said.decision.portfolio.clone()))
    }

    /// Takes what the backend did with a decision; the events come in the order of EVENTS.
    pub fn note_receipt(&self, portfolio: PortfolioId, receipt: Receipt) {
        self.change(|state| state.receipts.note(portfolio, receipt));
    }

    /// The latest receipt of a decision, while it is remembered.
    pub fn receipt(&self, decision: DecisionId) -> Option<Receipt> {
        self.read(|state| state.receipts.of(decision))
    }

    /// What the backend was told and does not do, by portfolio.
    pub fn disobeyed(&self) -> BTreeMap<PortfolioId, String> {
        self.read(State::disobeyed)
    }

    /// Numbers for the status.
    pub fn counts(&self) -> Counts {
        self.read(State::counts)
    }

    /// When the latest decision was made.
    pub fn last_decision_at(&self) -> Option<Time> {
        self.read(State::last_decision_at)
    }

    /// Wakes whenever something changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn read<T>(&self, ask: impl FnOnce(&State) -> T) -> T {
        ask(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, apply: impl FnOnce(&mut State)) {
        apply(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}
