//! Ingest: from Redis to EVENTS, each stream in order, and everything that cannot be used to DEAD.
//!
//! The position of a stream is kept in EVENTS and DEAD alone: every session reads it back, so that a crash, a lost
//! connection or a rollback on either side heals by itself. What is read twice gets the same ids twice. While nothing of a
//! stream is stored there is no position: where it was first read from stands in Redis.

pub mod decode;
pub mod letter;
pub mod plan;
mod publish;
mod reading;
mod receipts;
mod standing;
pub mod upstream;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use mesh::Node;
use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::crash::{self, Step};
use mesh::planted::{self, Bug};
use mesh::streams::MeshConfig;
use proto::id::EntryId;
use proto::time::{Period, Time};
use tracing::{error, info, warn};

use self::decode::{Age, Decoded, Defect, decode};
use self::publish::Publisher;
use self::reading::{Reading, Removed};
use self::standing::{Anchors, Lost, MadeAnew, Standing, standing, still};
use self::upstream::{BATCH, Batch, Start, Upstream};
use crate::backend::Backend;
use crate::feed::{Feed, FirstStart};
use crate::metrics::{Gap, GapKind, Metrics, OfType, Session, seconds};
use crate::view::{Trouble, View};

/// What ingest goes by.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Older events build memory but may not loosen.
    pub max_event_age: Period,
    /// Times further ahead than this are not believed.
    pub max_skew: Period,
    /// Where a feed begins that was never read.
    pub first_start: FirstStart,
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
    reading: Reading,
    /// How often NATS had been connected to when the position was read back.
    connects: u64,
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
        let mut anchors = Anchors::default();
        let mut stands_still = false;
        while !self.node.shutdown.is_requested() {
            let Err(failed) = self.session(&mut anchors, &mut backoff).await else { continue };
            warn!(stream = self.feed.stream, "ingest begins anew: {failed:#}");
            self.ready.open(format!("{failed:#}"));
            self.metrics.redis_restarts.get_or_create(&Session { session: "ingest" }).inc();
            let made_anew = failed.is::<MadeAnew>();
            if made_anew && !stands_still {
                self.count_gap(GapKind::MadeAnew);
            }
            stands_still = made_anew;
            tokio::select! { biased; () = self.node.shutdown.requested() => {}, () = backoff.wait() => {} }
        }
        Ok(())
    }

    async fn session(&self, anchors: &mut Anchors, backoff: &mut Backoff) -> anyhow::Result<()> {
        let mut session = self.begin(anchors).await?;
        self.ready.hold();
        loop {
            let batch = tokio::select! {
                biased;
                () = self.node.shutdown.requested() => return Ok(()),
                batch = session.upstream.read(session.reading.after) => batch?,
            };
            let same = self.node.nats.broker.connects() == session.connects;
            ensure!(same, "NATS was connected to anew, and may have lost what it had");
            let (brought, now) = (batch.entries.len(), batch.now);
            // A feed that nothing comes from looks as well: what was stored and not ruled is gone with the stream.
            if brought > 0 || self.node.nats.is_connected() {
                still(&self.node.nats, &session.publisher.events).await?;
            }
            if brought > 0 {
                crash::at(Step::EntriesRead);
            }
            let mut reading = session.reading;
            // Also when none came: those that there were may be gone.
            let ids: Vec<EntryId> = batch.entries.iter().map(|entry| entry.id).collect();
            let removed = reading.took(&ids, session.upstream.extent().await?);
            self.note_removed(removed.filter(|_| !planted::is(Bug::TrimmedIsTakenForRead)));
            let taken = self.take(&mut session, batch).await;
            anchors.clone_from(&session.publisher.anchors);
            taken?;
            session.reading = reading;
            self.note_ahead(session.reading.after, now);
            if brought < BATCH {
                self.view.note_feed(self.feed.kind, Trouble::Lost, None);
            }
            backoff.reset();
        }
    }

    async fn begin(&self, anchors: &Anchors) -> anyhow::Result<SessionState> {
        let nats = &self.node.nats;
        let connects = nats.broker.connects();
        let (standing, events) =
            standing(nats, &self.config, &self.feed, self.view.ruled_to(), anchors).await?;
        let mut upstream = self.backend.upstream(&self.feed.stream).await?;
        let (now, extent) = (upstream.now().await?, upstream.extent().await?);
        let Standing { position, seen, .. } = standing;
        let mut start = Start::of(position, seen, extent, now, self.options.first_start);
        if position.is_none() {
            start = start.since(upstream.began(&events, start.after).await?, extent);
        }
        self.note_start(&standing, &start);
        if let Some(extent) = extent {
            self.note_ahead(extent.last_generated, now);
        }
        let publisher = Publisher {
            nats: nats.clone(),
            slots: self.config.slots,
            view: self.view.clone(),
            metrics: self.metrics.clone(),
            kind: self.feed.kind,
            events,
            last_letter: standing.last_letter.map(|last| last.min(seen.map_or(last, |seen| seen.min(last)))),
            // What was lost is counted once: from here on the streams are believed as they are.
            anchors: if standing.lost.is_some() { Anchors::default() } else { anchors.clone() },
            newest: Mutex::default(),
        };
        let reading = Reading::begin(start.after, extent);
        Ok(SessionState { upstream, publisher, reading, connects })
    }

    fn note_start(&self, standing: &Standing, start: &Start) {
        let stream = &self.feed.stream;
        let Start { after, rolled_back, gap_before } = start;
        if *rolled_back {
            error!(stream, seen = ?standing.seen, %after, "Redis lost entries that were read before");
            self.count_gap(GapKind::RedisRolledBack);
        }
        if let Some(lost) = standing.lost {
            let (kind, what) = match lost {
                Lost::Events => (GapKind::EventsLost, "EVENTS lost events"),
                Lost::Letters => (GapKind::LettersLost, "DEAD lost letters"),
            };
            error!(stream, seen = ?standing.seen, "{what} that were stored: everything that Redis has is read again");
            self.count_gap(kind);
            let told = format!("{what} that were stored: they are read again from {stream}");
            self.view.note_feed(self.feed.kind, Trouble::Lost, Some(told));
        }
        self.note_removed(gap_before.map(|before| Removed { entries: None, before }));
        info!(stream, %after, "reading");
    }

    async fn take(&self, session: &mut SessionState, batch: Batch) -> anyhow::Result<()> {
        if batch.entries.is_empty() {
            return Ok(());
        }
        let age = Age {
            now: batch.now,
            max_event_age: self.options.max_event_age,
            max_skew: self.options.max_skew,
        };
        let mut read: Vec<_> = batch
            .entries
            .into_iter()
            .map(|entry| {
                let read = decode(&self.feed, &entry, &age);
                crash::at(Step::EntryDecoded);
                (entry, read)
            })
            .collect();
        receipts::attribute(&self.view, &mut read).await;
        read.iter().for_each(|(_, read)| self.count_defect(read));
        let for_everybody =
            |read: &Result<Decoded, _>| read.as_ref().is_ok_and(|read| read.portfolio.is_none());
        let anybody = read.iter().any(|(_, read)| for_everybody(read));
        let known = if anybody { self.view.known() } else { BTreeSet::new() };
        let plan = plan::plan(&self.feed, session.reading.after, &known, &read);
        session.publisher.publish(session.upstream.as_mut(), plan).await?;
        crash::at(Step::EntriesStored);
        Ok(())
    }

    fn count_defect(&self, read: &Result<Decoded, Defect>) {
        if let Err(defect) = read {
            let event_type = self.feed.kind.event_type();
            let reason = defect.reason().as_str().to_owned();
            self.metrics.dead_letters.get_or_create(&crate::metrics::Dead { event_type, reason }).inc();
        }
    }

    fn note_removed(&self, removed: Option<Removed>) {
        let Some(Removed { entries, before }) = removed else { return };
        let stream = &self.feed.stream;
        match entries {
            Some(entries) => error!(stream, entries, %before, "upstream gap: entries were trimmed unread"),
            None => error!(stream, %before, "upstream gap: entries may have been trimmed unread"),
        }
        self.count_gap(GapKind::Trimmed);
    }

    fn count_gap(&self, kind: GapKind) {
        let gap = Gap { event_type: self.feed.kind.event_type(), kind: kind.as_str() };
        self.metrics.upstream_gaps.get_or_create(&gap).inc();
    }

    /// A stream's ids never go back: after one of the far future all that follow are of the far future too, and refused.
    fn note_ahead(&self, last: EntryId, now: Time) {
        let ahead = last.time().since(now);
        let event_type = self.feed.kind.event_type();
        let shown = seconds(ahead.as_millis().max(0));
        self.metrics.upstream_ahead.get_or_create(&OfType { event_type }).set(shown);
        let told = (ahead > self.options.max_skew).then(|| {
            let stream = &self.feed.stream;
            format!(
                "the ids of {stream} have reached {}, {ahead} ahead of Redis: its entries are refused. Delete the stream",
                last.time()
            )
        });
        self.view.note_feed(self.feed.kind, Trouble::Ahead, told);
    }
}
