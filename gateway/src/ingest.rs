//! Ingest: from Redis to EVENTS, each stream in order, and everything that cannot be used to DEAD.
//!
//! The position of a stream is kept in EVENTS and DEAD alone: every session reads it back, so that a crash, a lost
//! connection or a rollback on either side heals by itself. What is read twice gets the same ids twice.

pub mod decode;
pub mod letter;
pub mod plan;
mod publish;
pub mod upstream;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mesh::Node;
use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::streams::MeshConfig;
use proto::event::Event;
use proto::id::EntryId;
use proto::letter::Letter;
use proto::subject::Stream;
use proto::time::Period;
use proto::wire::Message as _;
use tracing::{error, info, warn};

use self::decode::{Age, Decoded, Defect, decode};
use self::publish::Publisher;
use self::upstream::{BATCH, Batch, Start, Upstream};
use crate::backend::Backend;
use crate::feed::Feed;
use crate::metrics::{Metrics, OfType, Session};
use crate::view::View;

/// What ingest goes by.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Older events build memory but may not loosen.
    pub max_event_age: Period,
    /// Times further ahead than this are not believed.
    pub max_skew: Period,
}

/// The reader of one feed.
pub struct Ingest {
    feed: Feed,
    options: Options,
    backend: Arc<dyn Backend>,
    node: Node,
    config: MeshConfig,
    view: Arc<View>,
    metrics: Metrics,
    ready: Condition,
}

/// One connection's work: from a position that was read back, as long as nothing fails.
struct SessionState {
    upstream: Box<dyn Upstream>,
    publisher: Publisher,
    after: EntryId,
}

impl Ingest {
    /// Wires the reader of a feed.
    pub fn new(
        feed: Feed,
        options: Options,
        backend: Arc<dyn Backend>,
        node: Node,
        config: MeshConfig,
        view: Arc<View>,
        metrics: Metrics,
    ) -> Self {
        let ready = node.admin.condition(format!("ingest {}", feed.kind));
        Self { feed, options, backend, node, config, view, metrics, ready }
    }

    /// Reads until shutdown is requested; whatever fails is begun anew.
    ///
    /// # Errors
    /// None: it goes on for ever.
    pub async fn run(self) -> anyhow::Result<()> {
        let _while_held = self.ready.passing();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        while !self.node.shutdown.is_requested() {
            let Err(failed) = self.session(&mut backoff).await else { continue };
            warn!(stream = self.feed.stream, "ingest begins anew: {failed:#}");
            self.ready.open(format!("{failed:#}"));
            self.metrics.redis_restarts.get_or_create(&Session { session: "ingest" }).inc();
            tokio::select! { biased; () = self.node.shutdown.requested() => {}, () = backoff.wait() => {} }
        }
        Ok(())
    }

    async fn session(&self, backoff: &mut Backoff) -> anyhow::Result<()> {
        let mut session = self.begin().await?;
        self.ready.hold();
        let mut behind = false;
        loop {
            if behind {
                let extent = session.upstream.extent().await?;
                self.note_gap(session.after, extent.and_then(|extent| extent.gap_after(session.after)));
            }
            let batch = tokio::select! {
                biased;
                () = self.node.shutdown.requested() => return Ok(()),
                batch = session.upstream.read(session.after) => batch?,
            };
            behind = batch.entries.len() == BATCH;
            self.take(&mut session, batch).await?;
            backoff.reset();
        }
    }

    async fn begin(&self) -> anyhow::Result<SessionState> {
        let (position, last_letter) = self.position().await?;
        let mut upstream = self.backend.upstream(&self.feed.stream).await?;
        let (now, extent) = (upstream.now().await?, upstream.extent().await?);
        let start = Start::of(position, extent, now, self.options.max_event_age);
        if start.rolled_back {
            error!(stream = self.feed.stream, position = ?position, after = %start.after, "Redis lost entries that were read before");
            self.count_gap();
        }
        self.note_gap(start.after, start.gap_before);
        info!(stream = self.feed.stream, after = %start.after, "reading");
        let publisher = Publisher {
            nats: self.node.nats.clone(),
            slots: self.config.slots,
            view: self.view.clone(),
            metrics: self.metrics.clone(),
            kind: self.feed.kind,
            last_letter: last_letter.map(|last| last.min(start.after)),
        };
        Ok(SessionState { upstream, publisher, after: start.after })
    }

    /// Up to where the stream is through, and its last letter.
    async fn position(&self) -> anyhow::Result<(Option<EntryId>, Option<EntryId>)> {
        let nats = &self.node.nats;
        let subject = nats.subjects.events_of_kind(self.feed.kind.event_kind());
        let event = nats.last_message(Stream::Events, &subject).await?;
        let event = event.map(|message| Event::from_bytes(&message.payload)).transpose();
        let event = event.context("the last event of this type cannot be read")?;
        let subject = nats.subjects.dead(self.feed.kind.event_type());
        let letter = nats.last_message(Stream::Dead, &subject).await?;
        let letter = letter.map(|message| Letter::from_bytes(&message.payload)).transpose();
        let letter = letter.context("the last letter of this type cannot be read")?;
        let position = plan::position(&self.feed.stream, event.as_ref(), letter.as_ref());
        let last_letter =
            letter.filter(|letter| letter.stream == self.feed.stream).map(|letter| letter.entry);
        Ok((position, last_letter))
    }

    async fn take(&self, session: &mut SessionState, batch: Batch) -> anyhow::Result<()> {
        let Some(last) = batch.entries.last().map(|entry| entry.id) else { return Ok(()) };
        let age = Age {
            now: batch.now,
            max_event_age: self.options.max_event_age,
            max_skew: self.options.max_skew,
        };
        let read: Vec<_> = batch
            .entries
            .into_iter()
            .map(|entry| {
                let read = decode(&self.feed, &entry, &age);
                self.count_defect(&read);
                (entry, read)
            })
            .collect();
        let for_everybody =
            |read: &Result<Decoded, _>| read.as_ref().is_ok_and(|read| read.portfolio.is_none());
        let anybody = read.iter().any(|(_, read)| for_everybody(read));
        let known = if anybody { self.view.known() } else { BTreeSet::new() };
        let plan = plan::plan(&self.feed, session.after, &known, &read);
        session.publisher.publish(session.upstream.as_mut(), plan).await?;
        session.after = last;
        Ok(())
    }

    fn count_defect(&self, read: &Result<Decoded, Defect>) {
        if let Err(defect) = read {
            let event_type = self.feed.kind.event_type();
            let reason = defect.reason().as_str().to_owned();
            self.metrics.dead_letters.get_or_create(&crate::metrics::Dead { event_type, reason }).inc();
        }
    }

    fn note_gap(&self, after: EntryId, gap_before: Option<EntryId>) {
        if let Some(oldest) = gap_before {
            error!(stream = self.feed.stream, %after, %oldest, "upstream gap: entries may have been trimmed unread");
            self.count_gap();
        }
    }

    fn count_gap(&self) {
        self.metrics.upstream_gaps.get_or_create(&OfType { event_type: self.feed.kind.event_type() }).inc();
    }
}
