//! The clerk of one portfolio: takes its events one after another, and keeps its ledger as the log has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh::crash::{self, Step};
use mesh::planted::{self, Bug};
use mesh::rulings::Head;
use proto::chain::Chain;
use proto::event::{Event, Source};
use proto::id::{PortfolioId, Sequence};
use proto::ledger::Ledger;
use proto::ruling::Ruling;
use tracing::{Instrument as _, debug, error, info, warn};

use crate::bailiff::Appended;
use crate::docket::{Docket, Docketed, Next};
use crate::slot::Slot;

/// How long nothing may come while a portfolio is caught up with, before EVENTS is asked whether it still has it.
const QUIET: Duration = Duration::from_secs(10);

/// Where a portfolio stands in the log.
#[derive(Default)]
struct Standing {
    chain: Chain,
    /// The last message on the portfolio's subject, void or not: what the next append expects.
    last: Sequence,
    /// None before the first ruling.
    ledger: Option<Ledger>,
    /// The event that was ruled last on this EVENTS.
    ruled: Sequence,
}

impl Standing {
    /// Whether an event was ruled. A ledger remembers commands and timers for a while only, and whoever takes a slot up may
    /// have to read further back than that; but the events of a portfolio are ruled in the order of EVENTS.
    fn has_ruled(&self, sequence: Sequence, event: &Event) -> bool {
        let is_forgotten = !matches!(event.source, Source::Redis { .. });
        (is_forgotten && sequence <= self.ruled)
            || self.ledger.as_ref().is_some_and(|ledger| court::already_ruled(ledger, event))
    }
}

/// Rules the events of one portfolio.
pub(crate) struct Clerk {
    slot: Arc<Slot>,
    portfolio: PortfolioId,
    standing: Standing,
    /// Its later events are not in hand, so nothing after the one that it rules is through.
    is_behind: bool,
}

impl Clerk {
    /// A clerk for a portfolio whose counted rulings end with this head, if it has any.
    pub(crate) fn new(slot: Arc<Slot>, portfolio: PortfolioId, head: Option<Head>) -> Self {
        let mut clerk = Self { slot, portfolio, standing: Standing::default(), is_behind: false };
        clerk.take_up(head);
        clerk
    }

    fn take_up(&mut self, head: Option<Head>) {
        let Some(head) = head else {
            self.standing = Standing::default();
            return;
        };
        let Head { chain, ruling, last_on_subject: last, .. } = head;
        self.slot.metrics.stands(&ruling.after);
        let ruled = if self.slot.is_here(&ruling.position) { ruling.position.sequence } else { Sequence(0) };
        self.standing = Standing { chain, last, ledger: Some(ruling.after), ruled };
        self.set_timer();
    }

    /// Rules events until there are no more, or shutdown is requested. A portfolio that cannot go on halts alone.
    pub(crate) async fn work(mut self, docket: Arc<Docket>) {
        loop {
            let next = docket.next().await;
            if self.slot.shutdown.is_requested() {
                return;
            }
            let (sequence, ended) = match next {
                Next::Over => return,
                Next::Rule(docketed) => (docketed.sequence, self.rule(*docketed).await),
                Next::CatchUp(from) => (from, self.catch_up(&docket, from).await),
            };
            if let Err(failed) = ended {
                error!(portfolio = %self.portfolio, %sequence, "this portfolio halts: {failed:#}");
                self.slot.halted(&self.portfolio, &failed);
                // It stays open, so that a restart takes it up again with all that follows.
                docket.halt(sequence);
                return;
            }
        }
    }

    async fn rule(&mut self, docketed: Docketed) -> anyhow::Result<()> {
        let sequence = docketed.sequence;
        self.settle(docketed).await?;
        self.slot.done(sequence);
        crash::at(Step::EventDone);
        Ok(())
    }

    /// Reads and rules what was dropped while the docket was full, one event at a time, until the slot's reader goes on.
    async fn catch_up(&mut self, docket: &Docket, from: Sequence) -> anyhow::Result<()> {
        let mut reader = self.slot.events_of(&self.portfolio, from);
        // The last event that was read stays open until the next is known: what lies between is another portfolio's.
        let mut open = from;
        self.is_behind = true;
        crash::at(Step::CatchUpBegun);
        loop {
            let record = tokio::select! {
                biased;
                () = self.slot.shutdown.requested() => return Ok(()),
                record = reader.next() => record?,
                () = tokio::time::sleep(QUIET) => {
                    if !self.let_go(docket).await { continue }
                    break;
                }
            };
            let sequence = record.sequence;
            self.slot.take(sequence);
            if sequence != open {
                self.slot.done(open);
                open = sequence;
            }
            if let Some(event) = self.slot.event(&record) {
                self.settle(Docketed { sequence, event, headers: record.headers, place: None }).await?;
            }
            if docket.caught_up(sequence) {
                break;
            }
        }
        self.is_behind = false;
        self.set_timer();
        self.slot.done(open);
        crash::at(Step::CaughtUp);
        info!(portfolio = %self.portfolio, through = %open, "caught up");
        Ok(())
    }

    /// Whether EVENTS has let go what was still to be read: its limits were too small for how far this was behind.
    async fn let_go(&self, docket: &Docket) -> bool {
        let Some(last) = docket.last_dropped() else { return true };
        match self.slot.is_gone(last).await {
            Ok(true) => {
                error!(portfolio = %self.portfolio, %last, "EVENTS let events go before they were ruled");
                docket.caught_up(last)
            }
            Ok(false) => false,
            Err(failed) => {
                warn!(portfolio = %self.portfolio, "EVENTS cannot be asked: {failed:#}");
                false
            }
        }
    }

    /// Rules one event, or finds that it was ruled.
    async fn settle(&mut self, docketed: Docketed) -> anyhow::Result<()> {
        let Docketed { sequence, event, headers, place: _place } = docketed;
        loop {
            let looks = !planted::is(Bug::DuplicatesByMessageIdOnly);
            if looks && self.standing.has_ruled(sequence, &event) {
                debug!(portfolio = %self.portfolio, event = %event.id, "already ruled");
                self.slot.metrics.duplicate();
                self.set_timer();
                return Ok(());
            }
            let span = tracing::info_span!(
                "round",
                otel.kind = "consumer",
                messaging.system = "nats",
                messaging.operation.name = "process",
                portfolio = %self.portfolio,
                event = %event.id,
                event_type = %event.kind(),
                trace_id = %event.trace_id,
            );
            mesh::trace::adopt_or_trace(&span, &headers, event.trace_id);
            if self.round(sequence, &event).instrument(span).await? {
                return Ok(());
            }
            let head = self.slot.head(&self.portfolio).await?;
            if let Some(head) = &head {
                // Whoever ruled may have stopped before its decisions were out, and what follows would hide that.
                self.slot.announce_missing(&head.ruling).await;
            }
            self.take_up(head);
            if planted::is(Bug::EventSkippedAfterALoss) {
                return Ok(());
            }
        }
    }

    /// One round; false when another arbiter ruled first.
    async fn round(&mut self, sequence: Sequence, event: &Event) -> anyhow::Result<bool> {
        let began = Instant::now();
        let terms = self.slot.terms.of(&self.portfolio);
        let genesis;
        let before = match &self.standing.ledger {
            Some(ledger) => ledger,
            None => {
                genesis = court::genesis(&terms, self.portfolio.clone());
                &genesis
            }
        };
        let mut position = self.slot.position(sequence);
        if self.is_behind {
            position.through = position.through.min(sequence);
        }
        let ruling = self.slot.court.hold(&terms, event, before, position, self.standing.chain.hash).await?;
        crash::at(Step::Ruled);
        let bailiff = &self.slot.bailiff;
        let append = tracing::info_span!("append", otel.kind = "producer", messaging.system = "nats");
        let Appended::Won { sequence: last, hash } =
            bailiff.append(self.slot.number, &ruling, self.standing.last).instrument(append).await?
        else {
            return Ok(false);
        };
        crash::at(Step::RulingAppended);
        self.standing.chain.fold(ruling.version, ruling.previous, hash);
        self.standing.last = last;
        self.standing.ruled = sequence;
        log(&ruling);
        let age = self.slot.nats.clock.now().since(event.at);
        self.slot.metrics.ruled(&ruling, began.elapsed().as_secs_f64(), seconds(age));
        bailiff.announce(&ruling.decisions).await;
        crash::at(Step::RulingAnnounced);
        self.standing.ledger = Some(ruling.after);
        self.set_timer();
        Ok(true)
    }

    /// Not while events are read that were dropped: what they set off is due by now, and would wait behind all of them.
    fn set_timer(&self) {
        if self.is_behind {
            return;
        }
        let Some(ledger) = &self.standing.ledger else { return };
        let due = court::next_due(&self.slot.terms.of(&self.portfolio), ledger);
        self.slot.timers.set(&self.portfolio, due);
    }
}

fn seconds(period: proto::time::Period) -> f64 {
    Duration::from(period).as_secs_f64()
}

fn log(ruling: &Ruling) {
    let Ruling { portfolio, version, .. } = ruling;
    debug!(%portfolio, %version, outcomes = ruling.outcomes.len(), "ruled");
    for decision in &ruling.decisions {
        info!(
            %portfolio,
            decision_type = %decision.decision_type(),
            role = %decision.role_source,
            rule = %decision.rule,
            decision_id = %decision.decision_id,
            trace_id = %decision.trace_id,
            "decided: {}",
            decision.reason,
        );
    }
}

#[cfg(test)]
mod tests {
    use proto::event::Body;
    use proto::id::EntryId;
    use proto::testing::{self, MONDAY};

    use super::*;

    #[test]
    fn what_a_ledger_has_forgotten_is_known_by_where_it_stood() {
        let standing =
            Standing { ledger: Some(testing::ledger()), ruled: Sequence(7), ..Standing::default() };
        let timer = Event::clock_due(&PortfolioId::main(), MONDAY);
        let entry = EntryId { millis: 1, number: 0 };
        let source = Source::Redis { stream: "snapshots".into(), entry, through: entry };
        let snapshot = Event { source, ..testing::event(MONDAY, Body::Snapshot(testing::snapshot())) };
        for (sequence, event, expected) in [
            (6, &timer, true),
            (7, &timer, true),
            (8, &timer, false),
            // An entry is known by its stream's position, which no ledger forgets.
            (7, &snapshot, false),
        ] {
            let ruled = standing.has_ruled(Sequence(sequence), event);
            assert_eq!(ruled, expected, "{:?} at {sequence}", event.kind());
        }
    }
}
