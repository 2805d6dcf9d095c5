//! A backend that publishes all the time, and what became of all that it published.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::Context as JetStream;
use proto::decision::Decision;
use proto::event::{Event, Source};
use proto::id::{DecisionId, EntryId, PortfolioId};
use proto::letter::Letter;
use proto::wire::Message as _;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinHandle;

use crate::oracle::{self, counted, messages};
use crate::support::{World, connect_redis, health, snapshot_of, wait_for};

pub(crate) const SNAPSHOT: &str = "portfolio.snapshot_updated";
const HEALTH: &str = "system.health_updated";

/// Portfolios that stay calm, so that something can loosen for them; as many others do not.
const CALM: usize = 3;
/// The first portfolio gets so many snapshots at once now and then: more than a short docket holds.
const BURST: usize = 4;

/// What is published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long after each entry the next one follows.
    pub(crate) pause: Duration,
    /// Every so-many-eth entry is health that gets worse and better; 0 for none.
    pub(crate) health_every: usize,
    /// Every so-many-eth entry cannot be read; 0 for none.
    pub(crate) bad_every: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { pause: Duration::from_millis(25), health_every: 0, bad_every: 9 }
    }
}

/// What was published so far, by its entries.
#[derive(Debug, Default)]
pub(crate) struct Published {
    snapshots: BTreeSet<EntryId>,
    health: BTreeSet<EntryId>,
    bad: BTreeSet<EntryId>,
}

/// A backend at work.
pub(crate) struct Feed {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    task: JoinHandle<Result<Published>>,
}

impl Feed {
    pub(crate) fn start(world: &World, plan: Plan) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let url = world.mesh.redis_url().to_owned();
        let task = tokio::spawn(publish(url, plan, Arc::clone(&stop), Arc::clone(&count)));
        Self { stop, count, task }
    }

    /// How many entries are published.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until so many entries more than now are published.
    pub(crate) async fn more(&self, entries: usize) -> Result<()> {
        let enough = self.count() + entries;
        wait_for("more entries", || async {
            ensure!(!self.task.is_finished(), "the backend has ended");
            Ok((self.count() >= enough).then_some(()))
        })
        .await
    }

    /// Ends it, and checks what became of everything: each good entry is an event, each bad one a letter on both sides,
    /// once; and the mesh did with all of it what the pure core says, told it once and in order, and announced it so.
    pub(crate) async fn check(self, world: &World, policy: Option<&Path>) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let published = self.task.await??;
        let jetstream = world.jetstream().await?;
        let redis = connect_redis(world.mesh.redis_url()).await?;
        wait_for("an event or a letter for every entry", || async {
            Ok(published.arrived(&jetstream, redis.clone()).await?.then_some(()))
        })
        .await?;
        oracle::check(world, policy).await?;
        wait_for("every decision in DECISIONS, once and in order", || async {
            Ok(is_announced(&jetstream).await?.then_some(()))
        })
        .await?;
        Ok(published.snapshots.len() + published.health.len() + published.bad.len())
    }
}

async fn publish(
    url: String,
    plan: Plan,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> Result<Published> {
    let mut redis = connect_redis(&url).await?;
    let mut published = Published::default();
    let is_nth = |turn: usize, every: usize| every > 0 && turn % every == every - 1;
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if is_nth(turn, plan.bad_every) {
            published.bad.insert(add(&mut redis, SNAPSHOT, "{\"total_equity\":").await?);
        } else if is_nth(turn, plan.health_every) {
            let word = ["DEGRADED", "HEALTHY", "HEALTHY"][turn / plan.health_every % 3];
            let payload = health(word, "NOMINAL").to_string();
            published.health.insert(add(&mut redis, HEALTH, &payload).await?);
        } else {
            let number = turn % (2 * CALM);
            let drawdown = if number < CALM { 0.01 } else { [0.01, 0.06, 0.12][turn / (2 * CALM) % 3] };
            let payload = snapshot_of(&format!("p{number}"), drawdown).to_string();
            let is_burst = number == 0 && (turn / (2 * CALM)).is_multiple_of(4);
            for _ in 0..if is_burst { BURST } else { 1 } {
                published.snapshots.insert(add(&mut redis, SNAPSHOT, &payload).await?);
            }
        }
        count.store(turn + 1, Ordering::Relaxed);
        tokio::time::sleep(plan.pause).await;
    }
    Ok(published)
}

async fn add(redis: &mut MultiplexedConnection, event_type: &str, payload: &str) -> Result<EntryId> {
    let entry: String = redis::cmd("XADD")
        .arg(format!("quantum:stream:{event_type}"))
        .arg("*")
        .arg(&["event_type", event_type, "payload", payload, "trace_id", "", "correlation_id", "test"])
        .arg(&["timestamp", "", "source", "test"])
        .query_async(redis)
        .await
        .context("XADD")?;
    Ok(entry.parse()?)
}

impl Published {
    async fn arrived(&self, jetstream: &JetStream, mut redis: MultiplexedConnection) -> Result<bool> {
        let mut events: BTreeMap<String, BTreeMap<EntryId, BTreeSet<String>>> = BTreeMap::new();
        for (_, bytes) in messages(&jetstream.get_stream("EVENTS").await?).await? {
            let event = Event::from_bytes(&bytes)?;
            if let Source::Redis { stream, entry, .. } = event.source {
                events
                    .entry(stream.into_owned())
                    .or_default()
                    .entry(entry)
                    .or_default()
                    .insert(event.id.to_string());
            }
        }
        let of = |event_type: &str| events.get(&format!("quantum:stream:{event_type}"));
        let mut letters = Vec::new();
        for (_, bytes) in messages(&jetstream.get_stream("DEAD").await?).await? {
            letters.push(Letter::from_bytes(&bytes)?.entry);
        }
        let told: Vec<(String, BTreeMap<String, String>)> = redis::cmd("XRANGE")
            .arg(format!("quantum:dlq:{SNAPSHOT}"))
            .arg("-")
            .arg("+")
            .query_async(&mut redis)
            .await?;
        let told: Result<Vec<EntryId>, _> =
            told.iter().map(|(_, fields)| fields["dlq_entry"].parse()).collect();
        let bad: Vec<EntryId> = self.bad.iter().copied().collect();
        let snapshots_there = self.snapshots.iter().all(|entry| {
            of(SNAPSHOT).and_then(|entries| entries.get(entry)).is_some_and(|ids| ids.len() == 1)
        });
        let health_there =
            self.health.iter().all(|entry| of(HEALTH).is_some_and(|entries| entries.contains_key(entry)));
        Ok(snapshots_there && health_there && letters == bad && told? == bad)
    }
}

/// Whether DECISIONS holds each decision of each ruling that counts, once and in order for each portfolio.
async fn is_announced(jetstream: &JetStream) -> Result<bool> {
    let by_portfolio = |decisions: Vec<Decision>| {
        let mut ids: BTreeMap<PortfolioId, Vec<DecisionId>> = BTreeMap::new();
        for decision in decisions {
            ids.entry(decision.portfolio).or_default().push(decision.decision_id);
        }
        ids
    };
    let rulings = counted(messages(&jetstream.get_stream("RULINGS").await?).await?)?;
    let decided = rulings.into_iter().flat_map(|(ruling, _)| ruling.decisions).collect();
    let out = messages(&jetstream.get_stream("DECISIONS").await?).await?;
    let out: Result<Vec<Decision>, _> = out.iter().map(|(_, bytes)| Decision::from_bytes(bytes)).collect();
    Ok(by_portfolio(out?) == by_portfolio(decided))
}
