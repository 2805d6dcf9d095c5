//! Emit: from RULINGS to Redis, each decision exactly once.
//!
//! One script writes a batch of decisions together with the position, so that a crash or a rollback on either side heals by
//! itself: every session reads the position back from Redis and goes on from there.

pub mod batch;
pub mod downstream;
pub mod encode;
pub mod fold;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures::FutureExt;
use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::crash::{self, Step};
use mesh::planted::{self, Bug};
use mesh::rulings::{Damage, Followed, Follower, follow};
use mesh::streams::{MeshConfig, describe};
use mesh::{Node, trace};
use proto::chain::{Chain, Link};
use proto::id::{PortfolioId, RulingHash, Sequence};
use proto::ruling::Ruling;
use proto::subject::Stream;
use tokio::time::MissedTickBehavior;
use tracing::{Span, debug, error, info, info_span, warn};

use self::batch::Batch;
use self::downstream::{Document, Downstream, Written};
use self::fold::{Fold, Standing};
use crate::backend::Backend;
use crate::keys::Keys;
use crate::metrics::{Metrics, Session};
use crate::retained::{holds, take_up};
use crate::status::Status;

/// How many rulings are written at once at most.
const BATCH: usize = 64;
/// How often the backend is told how the federation is.
const HEALTH_EVERY: Duration = Duration::from_secs(60);

/// What emit goes by.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names of everything in Redis.
    pub keys: Keys,
    /// How long an effective document lives unless it is renewed.
    pub document_ttl: Duration,
}

/// The writer of decisions.
pub struct Emit {
    options: Options,
    backend: Arc<dyn Backend>,
    node: Node,
    config: MeshConfig,
    status: Arc<Status>,
    metrics: Metrics,
    ready: Condition,
}

/// One connection's work: from a position that was read back, as long as nothing fails.
struct SessionState {
    downstream: Box<dyn Downstream>,
    follower: Follower,
    fold: Fold,
    through: Sequence,
    /// How often NATS had been connected to when the position was read back.
    connects: u64,
}

impl Emit {
    /// Wires the writer.
    pub fn new(
        options: Options,
        backend: Arc<dyn Backend>,
        node: Node,
        config: MeshConfig,
        status: Arc<Status>,
        metrics: Metrics,
    ) -> Self {
        let ready = node.admin.condition("emit");
        Self { options, backend, node, config, status, metrics, ready }
    }

    /// Writes until shutdown is requested; whatever fails is begun anew.
    ///
    /// # Errors
    /// None: it goes on for ever.
    pub async fn run(self) -> anyhow::Result<()> {
        let _while_held = self.ready.passing();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        while !self.node.shutdown.is_requested() {
            let Err(failed) = self.session(&mut backoff).await else { continue };
            warn!("emit begins anew: {failed:#}");
            self.ready.open(format!("{failed:#}"));
            self.metrics.redis_restarts.get_or_create(&Session { session: "emit" }).inc();
            tokio::select! { biased; () = self.node.shutdown.requested() => {}, () = backoff.wait() => {} }
        }
        Ok(())
    }

    async fn session(&self, backoff: &mut Backoff) -> anyhow::Result<()> {
        let mut session = self.begin().await?;
        self.ready.hold();
        let mut renew = tokio::time::interval(self.options.document_ttl / 3);
        let mut health = tokio::time::interval(HEALTH_EVERY);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.node.shutdown.requested() => return Ok(()),
                _ = renew.tick() => {
                    self.check_connection(&session)?;
                    self.renew(session.downstream.as_mut()).await?;
                }
                _ = health.tick() => session.downstream.tell(&self.status.health_entry(self.node.nats.clock.now())?).await?,
                first = session.follower.next() => self.take(&mut session, first?).await?,
            }
            backoff.reset();
        }
    }

    /// A NATS that came back may have lost rulings, and then goes on below what was read: the position is read back.
    fn check_connection(&self, session: &SessionState) -> anyhow::Result<()> {
        let same = self.node.nats.broker.connects() == session.connects;
        ensure!(same, "NATS was connected to anew, and may have lost what it had");
        Ok(())
    }

    async fn begin(&self) -> anyhow::Result<SessionState> {
        let connects = self.node.nats.broker.connects();
        let mut downstream = self.backend.downstream().await?;
        let position = downstream.position().await?;
        let identity = self.config.identity(Stream::Rulings);
        if let Some(other) = position.stream.as_deref().filter(|other| *other != identity) {
            bail!(self.other_stream(other));
        }
        let rulings = describe(&self.node.nats, &self.node.nats.subjects.stream(Stream::Rulings)).await?;
        let last = Sequence(rulings.state.last_sequence);
        ensure!(
            position.sequence <= last,
            "Redis was written up to ruling {}, but RULINGS ends at {last}: it lost rulings. A person has to look; {}",
            position.sequence,
            self.how_to_go_on()
        );
        // A process that remembers where it was remembers nothing at its start.
        let forgets = planted::is(Bug::PositionKeptInMemory);
        let through = if forgets { last } else { position.sequence };
        info!(after = %through, "emitting");
        let follower = follow(&self.node.nats, &self.config, Sequence(through.0 + 1));
        Ok(SessionState { downstream, follower, fold: Fold::new(position.chains), through, connects })
    }

    fn other_stream(&self, other: &str) -> String {
        let identity = self.config.identity(Stream::Rulings);
        format!(
            "Redis was written from the RULINGS created at {other}, and this one was created at {identity}. A person has \
             to look; {}",
            self.how_to_go_on()
        )
    }

    fn how_to_go_on(&self) -> String {
        format!("DEL {} in Redis writes all retained rulings to it", self.options.keys.position())
    }

    /// Takes a ruling, and whatever others are there already.
    async fn take(&self, session: &mut SessionState, first: Followed) -> anyhow::Result<()> {
        self.check_connection(session)?;
        let forgets = planted::is(Bug::PositionKeptInMemory);
        let mut batch = Batch::after(if forgets { Sequence(0) } else { session.through });
        let mut spans = Vec::new();
        self.add(session, &mut batch, &mut spans, first).await?;
        for _ in 1..BATCH {
            let Some(next) = session.follower.next().now_or_never() else { break };
            self.add(session, &mut batch, &mut spans, next?).await?;
        }
        let batch = batch.with_last_documents();
        crash::at(Step::BatchReady);
        self.write(session, &batch).await?;
        crash::at(Step::BatchWritten);
        session.through = batch.through;
        self.count(&batch);
        Ok(())
    }

    async fn write(&self, session: &mut SessionState, batch: &Batch) -> anyhow::Result<()> {
        let identity = self.config.identity(Stream::Rulings);
        let downstream = session.downstream.as_mut();
        let written = if planted::is(Bug::EmitWithoutAtomicScript) {
            let decisions = Batch { through: batch.base, ..batch.clone() };
            downstream.write(identity, &decisions).await?;
            let position = Batch { rulings: Vec::new(), ..batch.clone() };
            downstream.write(identity, &position).await?
        } else {
            downstream.write(identity, batch).await?
        };
        match written {
            Written::Done => Ok(()),
            Written::OtherStream => bail!(self.other_stream("another time")),
            Written::Behind => bail!("Redis lost what was written to it"),
        }
    }

    async fn add(
        &self,
        session: &mut SessionState,
        batch: &mut Batch,
        spans: &mut Vec<Span>,
        followed: Followed,
    ) -> anyhow::Result<()> {
        crash::at(Step::RulingRead);
        if self.status.view.passes_over(&self.node.nats.subjects, &followed) {
            batch.pass(followed.sequence);
            return Ok(());
        }
        let hash = RulingHash::of(&followed.bytes);
        let ruling = match followed.ruling {
            Ok(ruling) => ruling,
            Err(failed) => {
                self.unreadable(&session.fold, &followed.bytes, followed.sequence, &failed.into())?;
                batch.pass(followed.sequence);
                return Ok(());
            }
        };
        if !self.counts(&mut session.fold, &ruling, followed.sequence, hash).await? {
            batch.pass(followed.sequence);
            return Ok(());
        }
        if !ruling.decisions.is_empty() {
            let span = info_span!(
                parent: None, "emit", otel.kind = "producer", trace_id = %ruling.event.trace_id,
                portfolio = %ruling.portfolio, ruling = %ruling.version, decisions = ruling.decisions.len(),
                messaging.system = "redis", messaging.operation.name = "emit",
                messaging.destination.name = %self.options.keys.stream(crate::keys::DECISION_MADE),
            );
            trace::adopt_or_trace(&span, &followed.headers, ruling.event.trace_id);
            spans.push(span);
        }
        batch.add(followed.sequence, ruling, hash).context("a decision has no JSON form")
    }

    async fn counts(
        &self,
        fold: &mut Fold,
        ruling: &Ruling,
        sequence: Sequence,
        hash: RulingHash,
    ) -> anyhow::Result<bool> {
        match fold.take(ruling, hash) {
            Standing::Counts => return Ok(true),
            Standing::Void | Standing::Ahead if planted::is(Bug::VoidIsTold) => return Ok(true),
            Standing::Void => {
                if !self.is_held(&ruling.portfolio, fold.chain(&ruling.portfolio), sequence).await? {
                    return Ok(false);
                }
            }
            Standing::Ahead => {
                let before = fold.chain(&ruling.portfolio).version;
                let taken_up =
                    match take_up(&self.node.nats, self.config.slots, fold, ruling, sequence, hash).await {
                        Err(failed) if failed.is::<Damage>() => {
                            self.status.view.halt(ruling.portfolio.clone(), failed.to_string());
                            return Ok(false);
                        }
                        taken_up => taken_up?,
                    };
                let after = fold.chain(&ruling.portfolio).version;
                if after != before && before.0 > 0 {
                    let portfolio = &ruling.portfolio;
                    error!(%portfolio, %before, %after, "the log had lost rulings before they were emitted");
                    self.metrics.emit_gaps.inc();
                }
                if taken_up {
                    return Ok(true);
                }
            }
        }
        warn!(portfolio = %ruling.portfolio, version = %ruling.version, %sequence, "void ruling: passed over");
        self.metrics.void_rulings.inc();
        Ok(false)
    }

    /// A void ruling lost to one that counts, unless it is the log that lost the one that was told: then its portfolio halts.
    async fn is_held(&self, portfolio: &PortfolioId, told: Chain, seen: Sequence) -> anyhow::Result<bool> {
        let held = told.version.0 == 0 || holds(&self.node.nats, &self.config, portfolio, told, seen).await?;
        let version = told.version;
        if !held {
            let why = format!("RULINGS lost ruling {version}, which Redis was told, and went on without it");
            self.status.view.halt(portfolio.clone(), why);
        }
        Ok(held)
    }

    /// A message that cannot be read is passed over, unless it is the ruling that the chain goes on with.
    fn unreadable(
        &self,
        fold: &Fold,
        bytes: &[u8],
        sequence: Sequence,
        failed: &anyhow::Error,
    ) -> anyhow::Result<()> {
        self.metrics.unreadable_rulings.inc();
        let link = serde_json::from_slice::<Link>(bytes).ok();
        let counts = link.filter(|link| fold.chain(&link.portfolio).accepts(link.version, link.previous));
        if let Some(link) = counts {
            let Link { portfolio, version, .. } = link;
            bail!(
                "ruling {version} of {portfolio} (sequence {sequence}) cannot be read by this version: {failed:#}"
            );
        }
        error!(%sequence, "a message in RULINGS is no ruling: passed over: {failed:#}");
        Ok(())
    }

    fn count(&self, batch: &Batch) {
        self.metrics.emitted_sequence.set(i64::try_from(batch.through.0).unwrap_or(i64::MAX));
        let now = self.node.nats.clock.now();
        for decision in batch.rulings.iter().flat_map(|ruling| &ruling.decisions) {
            self.metrics.emitted(decision, now);
            info!(
                portfolio = %decision.portfolio, decision_id = %decision.decision_id, role = %decision.role_source,
                rule = %decision.rule, trace_id = %decision.trace_id,
                "Decision emitted: {}: {}", decision.decision_type(), decision.reason
            );
        }
    }

    /// Renews the documents of portfolios that somebody governs: a reader that finds none goes to its own safe state.
    async fn renew(&self, downstream: &mut dyn Downstream) -> anyhow::Result<()> {
        if !self.node.nats.is_connected() {
            debug!("not connected to NATS: the documents are not renewed");
            return Ok(());
        }
        let neglected = self.status.neglected(self.node.nats.clock.now());
        if !neglected.is_empty() {
            error!(portfolios = ?neglected, "nobody rules on their events: their documents are not renewed");
        }
        let halted = self.status.view.halted();
        let is_governed =
            |portfolio: &PortfolioId| !neglected.contains(portfolio) && !halted.contains_key(portfolio);
        let mut ledgers = self.status.view.ledgers();
        ledgers.retain(|ledger| is_governed(&ledger.portfolio));
        let documents: Result<Vec<Document>, _> = ledgers.iter().map(|ledger| Document::of(ledger)).collect();
        downstream.renew(&documents?).await?;
        crash::at(Step::DocumentsRenewed);
        Ok(())
    }
}
