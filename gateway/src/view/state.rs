//! The view's state: plain data, changed by one ruling at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proto::decision::Decision;
use proto::event::{Body, Event, Source};
use proto::id::{DecisionId, EntryId, EventId, HoldId, PortfolioId, Role, Sequence};
use proto::ledger::Ledger;
use proto::ruling::{Absence, Heard, Hearing, Position, Ruling};
use proto::time::Time;
use proto::value::Mode;

use super::filter::{Filter, Order};
use super::receipts::Receipts;
use crate::feed::FeedKind;

/// How many decisions are remembered.
const MAX_DECISIONS: usize = 10_000;
/// How many rulings on commands are remembered.
const MAX_COMMANDS: usize = 256;
/// How many portfolios without a ruling are remembered.
const MAX_MET: usize = 10_000;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct State {
    ledgers: BTreeMap<PortfolioId, Arc<Ledger>>,
    met: BTreeSet<PortfolioId>,
    decisions: VecDeque<Arc<Said>>,
    by_id: BTreeMap<DecisionId, Arc<Said>>,
    ever: u64,
    commands: BTreeMap<EventId, Arc<Ruling>>,
    command_order: VecDeque<EventId>,
    awaited: BTreeMap<(PortfolioId, String), Awaited>,
    ordered: BTreeMap<PortfolioId, Ordered>,
    ruled_to: Option<Position>,
    troubles: BTreeMap<(FeedKind, Trouble), String>,
    hung: BTreeSet<Role>,
    halted: BTreeMap<PortfolioId, String>,
    pub(super) receipts: Receipts,
}

/// What can be amiss with a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Its ids lie in the future.
    Ahead,
    /// The mesh lost what came of it.
    Lost,
}

/// An entry whose event is stored and has no ruling yet.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    entry: EntryId,
    since: Time,
}

/// A command that is stored and has no ruling yet.
#[derive(Debug, Clone, Copy)]
struct Ordered {
    sequence: Sequence,
    since: Time,
}

/// A decision, and where the ruling that holds it stands in RULINGS, where that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// The decision.
    pub decision: Decision,
    /// The sequence of its ruling.
    pub sequence: Option<Sequence>,
}

/// A page of decisions.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// How many pass the filter, on whatever page.
    pub total: usize,
    /// Those on this page.
    pub decisions: Vec<Arc<Said>>,
}

/// Numbers for the status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// How many decisions there ever were.
    pub decisions: u64,
    /// Portfolios with a ruling.
    pub portfolios: usize,
    /// Frozen portfolios.
    pub frozen: usize,
    /// Standing holds.
    pub holds: usize,
    /// Portfolios by effective mode.
    pub modes: BTreeMap<Mode, usize>,
}

impl State {
    pub(super) fn begin(&mut self, ever: u64, decisions: Vec<Decision>) {
        self.ever = ever;
        for decision in decisions {
            self.remember(decision, None);
        }
    }

    pub(super) fn take(&mut self, ruling: Ruling, sequence: Sequence) {
        for decision in &ruling.decisions {
            if self.remember(decision.clone(), Some(sequence)) {
                self.ever += 1;
            }
        }
        self.met.remove(&ruling.portfolio);
        self.note_ruled(&ruling.position);
        self.note_hearing(&ruling.hearing);
        self.no_longer_await(&ruling.after);
        if self.ordered.get(&ruling.portfolio).is_some_and(|one| one.sequence <= ruling.position.sequence) {
            self.ordered.remove(&ruling.portfolio);
        }
        self.ledgers.insert(ruling.portfolio.clone(), Arc::new(ruling.after.clone()));
        if matches!(ruling.event.body, Body::Command(_)) {
            self.remember_command(ruling);
        }
    }

    fn note_ruled(&mut self, position: &Position) {
        match &mut self.ruled_to {
            Some(ruled) if ruled.stream == position.stream => {
                ruled.sequence = ruled.sequence.max(position.sequence);
            }
            Some(_) => {
                // What was ordered on an EVENTS that is gone will not be ruled.
                self.ordered.clear();
                self.ruled_to = Some(position.clone());
            }
            None => self.ruled_to = Some(position.clone()),
        }
    }

    /// A role that an arbiter did not ask hangs, until one has heard it.
    fn note_hearing(&mut self, hearing: &Hearing) {
        for (role, heard) in &hearing.roles {
            match heard {
                Heard::Absent { why: Absence::CircuitOpen } => {
                    self.hung.insert(role.clone());
                }
                Heard::Verdict { .. } => {
                    self.hung.remove(role);
                }
                Heard::Absent {
                    why:
                        Absence::Timeout | Absence::Disabled | Absence::NoResponders | Absence::Invalid { .. },
                } => {}
            }
        }
    }

    pub(super) fn halt(&mut self, portfolio: PortfolioId, why: String) {
        self.halted.insert(portfolio, why);
    }

    pub(super) const fn halted(&self) -> &BTreeMap<PortfolioId, String> {
        &self.halted
    }

    pub(super) fn hung(&self) -> BTreeSet<Role> {
        self.hung.clone()
    }

    pub(super) fn ruled_to(&self) -> Option<Position> {
        self.ruled_to.clone()
    }

    pub(super) fn note_feed(&mut self, feed: FeedKind, trouble: Trouble, told: Option<String>) {
        match told {
            Some(told) => self.troubles.insert((feed, trouble), told),
            None => self.troubles.remove(&(feed, trouble)),
        };
    }

    pub(super) fn troubles(&self, feed: FeedKind, trouble: Trouble) -> Option<String> {
        self.troubles.get(&(feed, trouble)).cloned()
    }

    pub(super) fn troubled_feeds(&self) -> BTreeMap<String, String> {
        let mut feeds: BTreeMap<String, String> = BTreeMap::new();
        for ((feed, _), told) in &self.troubles {
            let all = feeds.entry(format!("feed {feed}")).or_default();
            let separator = if all.is_empty() { "" } else { "; " };
            all.push_str(separator);
            all.push_str(told);
        }
        feeds
    }

    /// The time of the latest entry of a stream that was ruled, or waits to be.
    pub(super) fn heard(&self, stream: &str) -> Option<Time> {
        let ruled = self.ledgers.values().filter_map(|ledger| ledger.ruled.entries.get(stream).copied());
        let waits = self.awaited.iter().filter(|((_, of), _)| of == stream).map(|(_, awaited)| awaited.entry);
        ruled.chain(waits).max().map(EntryId::time)
    }

    fn meet(&mut self, portfolio: PortfolioId) {
        if self.met.len() < MAX_MET && !self.ledgers.contains_key(&portfolio) {
            self.met.insert(portfolio);
        }
    }

    /// Takes note of an event that is stored. One for each portfolio and stream is enough: they are ruled in order.
    pub(super) fn expect(&mut self, event: &Event, now: Time) {
        let Source::Redis { stream, entry, .. } = &event.source else { return };
        self.meet(event.portfolio.clone());
        let ledger = self.ledgers.get(&event.portfolio);
        if !ledger.is_some_and(|ledger| ledger.ruled.knows(event)) {
            let key = (event.portfolio.clone(), stream.clone().into_owned());
            self.awaited.entry(key).or_insert(Awaited { entry: *entry, since: now });
        }
    }

    /// The same for a command that stands there in EVENTS.
    pub(super) fn expect_command(&mut self, event: &Event, sequence: Sequence, now: Time) {
        if !self.has_ruled(&event.portfolio, event.id) {
            self.ordered.entry(event.portfolio.clone()).or_insert(Ordered { sequence, since: now });
        }
    }

    fn no_longer_await(&mut self, ledger: &Ledger) {
        for (stream, ruled) in &ledger.ruled.entries {
            let key = (ledger.portfolio.clone(), stream.clone());
            if self.awaited.get(&key).is_some_and(|awaited| awaited.entry <= *ruled) {
                self.awaited.remove(&key);
            }
        }
    }

    /// Portfolios with an event that has waited for its ruling since before this time.
    pub(super) fn neglected(&self, before: Time) -> BTreeSet<PortfolioId> {
        let events = self.awaited.iter().map(|((portfolio, _), awaited)| (portfolio, awaited.since));
        let commands = self.ordered.iter().map(|(portfolio, ordered)| (portfolio, ordered.since));
        let neglected = events.chain(commands).filter(|(_, since)| *since < before);
        neglected.map(|(portfolio, _)| portfolio.clone()).collect()
    }

    /// Remembers a decision; false when it was known.
    fn remember(&mut self, decision: Decision, sequence: Option<Sequence>) -> bool {
        let id = decision.decision_id;
        let known = self.by_id.contains_key(&id);
        if !known {
            let said = Arc::new(Said { decision, sequence });
            self.by_id.insert(id, said.clone());
            self.decisions.push_back(said);
        }
        if self.decisions.len() > MAX_DECISIONS
            && let Some(oldest) = self.decisions.pop_front()
        {
            self.by_id.remove(&oldest.decision.decision_id);
        }
        !known
    }

    fn remember_command(&mut self, ruling: Ruling) {
        let id = ruling.event.id;
        if self.commands.insert(id, Arc::new(ruling)).is_none() {
            self.command_order.push_back(id);
        }
        if self.command_order.len() > MAX_COMMANDS
            && let Some(oldest) = self.command_order.pop_front()
        {
            self.commands.remove(&oldest);
        }
    }

    pub(super) fn known(&self) -> BTreeSet<PortfolioId> {
        self.ledgers.keys().chain(&self.met).cloned().collect()
    }

    pub(super) fn ledger(&self, portfolio: &PortfolioId) -> Option<Arc<Ledger>> {
        self.ledgers.get(portfolio).cloned()
    }

    pub(super) fn ledgers(&self) -> Vec<Arc<Ledger>> {
        self.ledgers.values().cloned().collect()
    }

    pub(super) fn holder(&self, hold: HoldId) -> Option<PortfolioId> {
        let mut ledgers = self.ledgers.iter();
        ledgers.find(|(_, ledger)| ledger.holds.contains_key(&hold)).map(|(portfolio, _)| portfolio.clone())
    }

    pub(super) fn ruled(&self, command: EventId) -> Option<Arc<Ruling>> {
        self.commands.get(&command).cloned()
    }

    /// Whether a command was ruled, as far as its portfolio's ledger remembers.
    pub(super) fn has_ruled(&self, portfolio: &PortfolioId, command: EventId) -> bool {
        let ledger = self.ledgers.get(portfolio);
        self.commands.contains_key(&command)
            || ledger.is_some_and(|ledger| ledger.ruled.recent.contains(&command))
    }

    pub(super) fn decision(&self, id: DecisionId) -> Option<Arc<Said>> {
        self.by_id.get(&id).cloned()
    }

    /// What the backend was told and does not do, by portfolio: of each type of decision its latest receipt counts.
    pub(super) fn disobeyed(&self) -> BTreeMap<PortfolioId, String> {
        let type_of = |id| self.by_id.get(&id).map(|said| said.decision.decision_type());
        self.receipts.disobeyed(type_of)
    }

    pub(super) fn decisions(&self, filter: &Filter) -> Page {
        let passing = || self.decisions.iter().filter(|said| filter.passes(&said.decision));
        let cursor = |said: &&Arc<Said>| Some(said.decision.decision_id) != filter.before;
        let total = passing().count();
        // The cursor is looked for among all: it need not pass the filter itself.
        let end = match filter.before {
            Some(_) => self.decisions.iter().take_while(cursor).count(),
            None => self.decisions.len(),
        };
        let upto = self.decisions.iter().take(end).rev().filter(|said| filter.passes(&said.decision));
        let mut decisions: Vec<Arc<Said>> = upto.take(filter.limit).cloned().collect();
        match filter.order {
            Order::Ascending => decisions.reverse(),
            Order::Descending => {}
        }
        Page { total, decisions }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { decisions: self.ever, portfolios: self.ledgers.len(), ..Counts::default() };
        for ledger in self.ledgers.values() {
            counts.frozen += usize::from(ledger.freeze.is_some());
            counts.holds += ledger.holds.len();
            *counts.modes.entry(ledger.effective.mode).or_default() += 1;
        }
        counts
    }

    pub(super) fn last_decision_at(&self) -> Option<Time> {
        self.decisions.iter().map(|said| said.decision.timestamp).max()
    }
}

#[cfg(test)]
mod tests;
