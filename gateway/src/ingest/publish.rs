//! Publishing a batch: each portfolio's events one after another, portfolios side by side.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use async_nats::HeaderMap;
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use mesh::planted::{self, Bug};
use mesh::publish::{OUTLAST_ELECTION, Stored, publish_until_stored, with_id};
use mesh::trace;
use proto::event::{Body, Event};
use proto::id::{EntryId, EventId, PortfolioId, SlotCount};
use proto::letter::Letter;
use proto::receipt::{Receipt, ReceiptStatus};
use proto::wire::Message as _;
use tracing::{Instrument, info, info_span, warn};

use super::plan::{Plan, message_id};
use super::standing::{Anchor, Anchors, GIVEN_TO};
use super::upstream::Upstream;
use crate::feed::FeedKind;
use crate::metrics::{Metrics, OfType, Outcome, Received, seconds};
use crate::view::View;

/// How many portfolios are published for at once.
const CHAINS_AT_ONCE: usize = 64;

/// Publishes what one feed brings.
pub(super) struct Publisher {
    pub(super) nats: Nats,
    pub(super) slots: SlotCount,
    pub(super) view: Arc<View>,
    pub(super) metrics: Metrics,
    pub(super) kind: FeedKind,
    /// The identity of the EVENTS that it publishes to.
    pub(super) events: String,
    /// The last letter that is in DEAD: entries up to it have theirs.
    pub(super) last_letter: Option<EntryId>,
    /// What was seen stored before this batch.
    pub(super) anchors: Anchors,
    /// The latest event of this batch that was seen stored.
    pub(super) newest: Mutex<Option<Anchor>>,
}

impl Publisher {
    /// Publishes what was planned; returns when everything is stored.
    pub(super) async fn publish(&mut self, upstream: &mut dyn Upstream, plan: Plan) -> anyhow::Result<()> {
        for letter in plan.letters {
            self.write_letter(upstream, &letter).await?;
        }
        let chains = plan.chains.into_iter().map(|chain| Ok(self.publish_chain(chain)));
        stream::iter(chains).try_for_each_concurrent(CHAINS_AT_ONCE, |chain| chain).await?;
        let newest = self.newest.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.anchors.event = newest.or(self.anchors.event.take());
        Ok(())
    }

    async fn publish_chain(&self, chain: Vec<Event>) -> anyhow::Result<()> {
        for event in chain {
            self.publish_event(event).await?;
        }
        Ok(())
    }

    async fn publish_event(&self, mut event: Event) -> anyhow::Result<()> {
        if planted::is(Bug::NoDerivedIds) {
            event.id = EventId::derive(&[&self.nats.broker.unique()]);
        }
        let span = info_span!(
            parent: None, "ingest", otel.kind = "producer", trace_id = %event.trace_id,
            portfolio = %event.portfolio, messaging.system = "nats", messaging.operation.name = "ingest",
            messaging.destination.template = "event.{slot}.{portfolio}.{type}", messaging.message.id = %event.id,
        );
        trace::adopt_trace(&span, event.trace_id);
        let id = if planted::is(Bug::NoDerivedIds) { event.id } else { message_id(&event) };
        let mut headers = with_id(&id.to_string());
        headers.insert(GIVEN_TO, self.events.as_str());
        trace::inject(&span, &mut headers);
        self.store(event, headers).instrument(span).await
    }

    async fn store(&self, event: Event, headers: HeaderMap) -> anyhow::Result<()> {
        let subject =
            self.nats.subjects.event(event.portfolio.slot(self.slots), &event.portfolio, event.kind());
        let payload = Bytes::from(event.to_bytes().context("an event has no JSON form")?);
        let stored = publish_until_stored(&self.nats, &subject, &headers, &payload, OUTLAST_ELECTION).await;
        let stored = stored.with_context(|| format!("cannot publish event {}", event.id))?;
        crash::at(Step::EventStored);
        self.anchor(stored, message_id(&event))?;
        self.view.expect(&event, self.nats.clock.now());
        self.note(&event, stored);
        Ok(())
    }

    /// Remembers the latest event. A new one that does not stand after those of earlier batches stands where one of them
    /// did: it was lost.
    fn anchor(&self, stored: Stored, id: EventId) -> anyhow::Result<()> {
        let sequence = stored.sequence();
        if let (Stored::New(_), Some(before)) = (stored, &self.anchors.event) {
            let last = before.sequence;
            ensure!(
                sequence > last,
                "EVENTS lost events: one was stored at {last}, and then one at {sequence}"
            );
        }
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|newest| newest.sequence < sequence) {
            *newest = Some(Anchor { sequence, id: id.to_string() });
        }
        Ok(())
    }

    fn note(&self, event: &Event, stored: Stored) {
        let event_type = self.kind.event_type();
        let outcome = match stored {
            Stored::New(_) => "new",
            Stored::Duplicate(_) => "duplicate",
        };
        self.metrics.events.get_or_create(&Outcome { event_type, outcome }).inc();
        self.metrics.last_event.get_or_create(&OfType { event_type }).set(seconds(event.at.as_millis()));
        self.metrics.ingest_seconds.observe(seconds(self.nats.clock.now().since(event.at).as_millis()));
        if event.stale {
            self.metrics.stale_events.get_or_create(&OfType { event_type }).inc();
        }
        match &event.body {
            Body::Health(health) => self.note_words(&health.unknown_words),
            Body::Receipt(receipt) => self.note_receipt(&event.portfolio, receipt),
            Body::Snapshot(_) | Body::Model(_) | Body::ClockDue(_) | Body::Command(_) => {}
        }
        let (portfolio, id, stale) = (&event.portfolio, event.id, event.stale);
        info!(%portfolio, event_id = %id, trace_id = %event.trace_id, stale, outcome, "{}", self.kind.received());
    }

    fn note_words(&self, unknown: &[String]) {
        if !unknown.is_empty() {
            warn!(words = ?unknown, "status words that nobody knows: read as DEGRADED and WARNING at the least");
            let event_type = self.kind.event_type();
            self.metrics.unknown_words.get_or_create(&OfType { event_type }).inc();
        }
    }

    fn note_receipt(&self, portfolio: &PortfolioId, receipt: &Receipt) {
        let Receipt { decision_id, status, detail, .. } = receipt;
        self.metrics.receipts.get_or_create(&Received { status: status.as_str() }).inc();
        if *status != ReceiptStatus::Applied {
            let why = detail.as_deref().unwrap_or("it does not say why");
            warn!(%portfolio, %decision_id, status = status.as_str(), "the backend does not do what was decided: {why}");
        }
    }

    /// A letter goes to Redis first: the one in DEAD is the position, and must not be ahead.
    async fn write_letter(&mut self, upstream: &mut dyn Upstream, letter: &Letter) -> anyhow::Result<()> {
        if self.last_letter.is_some_and(|last| letter.entry <= last) {
            return Ok(());
        }
        if planted::is(Bug::LetterInDeadFirst) {
            self.store_letter(letter).await?;
            upstream.write_letter(letter).await?;
        } else {
            upstream.write_letter(letter).await?;
            crash::at(Step::LetterTold);
            self.store_letter(letter).await?;
        }
        crash::at(Step::LetterStored);
        self.last_letter = Some(letter.entry);
        Ok(())
    }

    async fn store_letter(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let told: Vec<String> = letter.mistakes.iter().map(ToString::to_string).collect();
        warn!(stream = letter.stream, entry = %letter.entry, reason = letter.reason, "dead letter: {}", told.join("; "));
        let id = EventId::derive(&["letter", &letter.stream, &letter.entry.to_string()]);
        let subject = self.nats.subjects.dead(&letter.event_type);
        let payload = Bytes::from(letter.to_bytes().context("a letter has no JSON form")?);
        let headers = with_id(&id.to_string());
        let stored = publish_until_stored(&self.nats, &subject, &headers, &payload, OUTLAST_ELECTION).await;
        let stored = stored.with_context(|| format!("cannot publish the letter of {}", letter.entry))?;
        self.anchors.letter = Some(Anchor { sequence: stored.sequence(), id: id.to_string() });
        Ok(())
    }
}
