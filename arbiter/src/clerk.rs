//! The clerk of one portfolio: takes its events one after another, and keeps its ledger as the log has it.

use std::sync::Arc;
use std::time::Instant;

use async_nats::HeaderMap;
use proto::chain::Chain;
use proto::event::Event;
use proto::id::{PortfolioId, Sequence};
use proto::ledger::Ledger;
use proto::ruling::Ruling;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::{Instrument as _, debug, error, info};

use crate::bailiff::Appended;
use crate::slot::Slot;

/// An event on its way to its ruling.
pub(crate) struct Docketed {
    pub(crate) sequence: Sequence,
    pub(crate) event: Event,
    pub(crate) headers: HeaderMap,
    /// Its place among what the slot may have in hand at once.
    pub(crate) place: OwnedSemaphorePermit,
}

/// Where a portfolio stands in the log.
#[derive(Default)]
struct Standing {
    chain: Chain,
    /// The last message on the portfolio's subject, void or not: what the next append expects.
    last: Sequence,
    /// None before the first ruling.
    ledger: Option<Ledger>,
}

/// Rules the events of one portfolio.
pub(crate) struct Clerk {
    slot: Arc<Slot>,
    portfolio: PortfolioId,
    standing: Standing,
}

impl Clerk {
    /// A clerk for a portfolio whose counted rulings end with this head, if it has any.
    pub(crate) fn new(slot: Arc<Slot>, portfolio: PortfolioId, head: Option<mesh::rulings::Head>) -> Self {
        let mut clerk = Self { slot, portfolio, standing: Standing::default() };
        clerk.take_up(head);
        clerk
    }

    fn take_up(&mut self, head: Option<mesh::rulings::Head>) {
        let Some(head) = head else {
            self.standing = Standing::default();
            return;
        };
        self.slot.metrics.stands(&head.ruling.after);
        self.standing =
            Standing { chain: head.chain, last: head.last_on_subject, ledger: Some(head.ruling.after) };
        self.set_timer();
    }

    /// Rules events until there are no more, or shutdown is requested. A portfolio that cannot go on halts alone.
    pub(crate) async fn work(mut self, mut docket: mpsc::Receiver<Docketed>) {
        while let Some(docketed) = docket.recv().await {
            if self.slot.shutdown.is_requested() {
                return;
            }
            let sequence = docketed.sequence;
            if let Err(failed) = self.settle(docketed).await {
                error!(portfolio = %self.portfolio, %sequence, "this portfolio halts: {failed:#}");
                self.slot.halted(&self.portfolio, &failed);
                // What comes in stays open, so that a restart takes it up again.
                while docket.recv().await.is_some() {}
                return;
            }
            self.slot.done(sequence);
        }
    }

    /// Rules one event, or finds that it was ruled.
    async fn settle(&mut self, docketed: Docketed) -> anyhow::Result<()> {
        let Docketed { sequence, event, headers, place: _place } = docketed;
        loop {
            if self.standing.ledger.as_ref().is_some_and(|ledger| court::already_ruled(ledger, &event)) {
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
            let head = self.slot.head(&self.portfolio).await;
            if let Some(head) = &head {
                // Whoever ruled may have stopped before its decisions were out, and what follows would hide that.
                self.slot.announce_missing(&head.ruling).await;
            }
            self.take_up(head);
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
        let position = self.slot.position(sequence);
        let ruling = self.slot.court.hold(&terms, event, before, position, self.standing.chain.hash).await?;
        let bailiff = &self.slot.bailiff;
        let append = tracing::info_span!("append", otel.kind = "producer", messaging.system = "nats");
        let Appended::Won { sequence, hash } =
            bailiff.append(self.slot.number, &ruling, self.standing.last).instrument(append).await?
        else {
            return Ok(false);
        };
        self.standing.chain.fold(ruling.version, ruling.previous, hash);
        self.standing.last = sequence;
        log(&ruling);
        let age = self.slot.nats.clock.now().since(event.at);
        self.slot.metrics.ruled(&ruling, began.elapsed().as_secs_f64(), seconds(age));
        bailiff.announce(&ruling.decisions).await;
        self.standing.ledger = Some(ruling.after);
        self.set_timer();
        Ok(true)
    }

    fn set_timer(&self) {
        let Some(ledger) = &self.standing.ledger else { return };
        let due = court::next_due(&self.slot.terms.of(&self.portfolio), ledger);
        self.slot.timers.set(&self.portfolio, due);
    }
}

fn seconds(period: proto::time::Period) -> f64 {
    std::time::Duration::from(period).as_secs_f64()
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
