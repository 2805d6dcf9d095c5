//! Work is shared by leases, and moves to others when its holder is gone, leaves, or hangs; whoever else believes to hold
//! it, what was written is what the pure core says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use local::Mesh;
use tokio::task::JoinHandle;

use crate::oracle;
use crate::support::{World, connect_redis, snapshot_of, wait_for};

/// How long a killed holder's work may rest.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// How long the work of a holder that was asked to end may rest.
const AFTER_TERM: Duration = Duration::from_secs(1);
/// Longer than a lease lives, and its margin.
const HANG: Duration = Duration::from_secs(6);
/// Portfolios enough for every slot to have some.
const PORTFOLIOS: usize = 16;
/// So many events at least are published in each test.
const ENOUGH: usize = 5 * PORTFOLIOS;

/// The leases that each of these processes says it holds; none when one does not answer.
async fn held(world: &World, names: &[&str]) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut all = BTreeMap::new();
    for name in names {
        let url = format!("{}/metrics", world.mesh.admin_url(name)?);
        let text = world.http.get(url).send().await.ok()?.text().await.ok()?;
        let lease = |line: &str| {
            let (lease, value) = line.strip_prefix("fed_leases_held{lease=\"")?.split_once("\"} ")?;
            (value == "1").then(|| lease.to_owned())
        };
        all.insert((*name).to_owned(), text.lines().filter_map(lease).collect());
    }
    Some(all)
}

/// Waits until these processes hold so many leases, each one once; the counts in no order.
async fn until_shared(world: &World, names: &[&str], counts: &[usize]) -> Result<Duration> {
    let began = Instant::now();
    wait_for(&format!("{names:?} to hold {counts:?}"), || async {
        let Some(held) = held(world, names).await else { return Ok(None) };
        let mut found: Vec<usize> = held.values().map(BTreeSet::len).collect();
        found.sort_unstable();
        let different: BTreeSet<&String> = held.values().flatten().collect();
        Ok((found == counts && different.len() == counts.iter().sum::<usize>()).then_some(()))
    })
    .await?;
    Ok(began.elapsed())
}

/// The process of these that holds a lease.
async fn holder(world: &World, names: &[&str], lease: &str) -> Result<String> {
    wait_for(&format!("a holder of {lease}"), || async {
        let held = held(world, names).await.unwrap_or_default();
        Ok(held.into_iter().find(|(_, leases)| leases.contains(lease)).map(|(name, _)| name))
    })
    .await
}

/// A backend that publishes for every portfolio all the time.
struct Feed {
    stop: Arc<AtomicBool>,
    published: Arc<AtomicUsize>,
    task: JoinHandle<Result<usize>>,
}

impl Feed {
    fn start(world: &World) -> Self {
        let (stop, url) = (Arc::new(AtomicBool::new(false)), world.mesh.redis_url().to_owned());
        let (stopped, counter) = (Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&counter);
        let task = tokio::spawn(async move {
            let mut redis = connect_redis(&url).await?;
            let mut published = 0;
            while !stopped.load(Ordering::Relaxed) {
                let drawdown = [0.01, 0.06, 0.12][published / PORTFOLIOS % 3];
                let payload = snapshot_of(&format!("p{}", published % PORTFOLIOS), drawdown);
                let event_type = "portfolio.snapshot_updated";
                let _: String = redis::cmd("XADD")
                    .arg(format!("quantum:stream:{event_type}"))
                    .arg("*")
                    .arg(&["event_type", event_type, "payload", &payload.to_string(), "trace_id", ""])
                    .arg(&["correlation_id", "test", "timestamp", "", "source", "test"])
                    .query_async(&mut redis)
                    .await
                    .context("XADD")?;
                published += 1;
                counted.store(published, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            Ok(published)
        });
        Self { stop, published: counter, task }
    }

    /// Ends it, and checks that the mesh did with all of it what the pure core says.
    async fn check(self, world: &World) -> Result<()> {
        wait_for("every portfolio to be calm, bad and calm again", || async {
            let enough = self.published.load(Ordering::Relaxed) >= ENOUGH || self.task.is_finished();
            Ok(enough.then_some(()))
        })
        .await?;
        self.stop.store(true, Ordering::Relaxed);
        let published = self.task.await??;
        // Each is ruled once: the oracle waits for a ruling of every event in EVENTS, so all have to be there.
        wait_for("every entry in EVENTS", || async {
            let jetstream = world.jetstream().await?;
            let events = jetstream.get_stream("EVENTS").await?.get_info().await?.state.messages;
            Ok((events >= published as u64).then_some(()))
        })
        .await?;
        oracle::check(world, None).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_shared_by_arbiters_and_move_when_one_is_killed_ends_or_joins() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    until_shared(&world, &["arbiter"], &[8]).await?;
    let feed = Feed::start(&world);
    world.mesh.start_one("arbiter-2").await?;
    world.mesh.start_one("arbiter-3").await?;
    let all = ["arbiter", "arbiter-2", "arbiter-3"];
    let joined = until_shared(&world, &all, &[2, 3, 3]).await?;

    world.mesh.kill("arbiter-2").await?;
    let killed = until_shared(&world, &["arbiter", "arbiter-3"], &[4, 4]).await?;
    assert!(killed < AFTER_KILL, "worked again {killed:?} after a kill");

    let began = Instant::now();
    world.mesh.stop("arbiter").await?;
    until_shared(&world, &["arbiter-3"], &[8]).await?;
    let ended = began.elapsed();
    assert!(ended < AFTER_TERM, "worked again {ended:?} after SIGTERM");

    world.mesh.start_one("arbiter-2").await?;
    let rejoined = until_shared(&world, &["arbiter-2", "arbiter-3"], &[4, 4]).await?;
    println!(
        "shares even: {joined:?} and {rejoined:?} after joining, {killed:?} after a kill, {ended:?} after SIGTERM"
    );
    feed.check(&world).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arbiter_that_hung_and_believes_to_hold_its_slots_does_no_harm() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    world.mesh.start_one("arbiter-2").await?;
    until_shared(&world, &["arbiter", "arbiter-2"], &[4, 4]).await?;
    let feed = Feed::start(&world);
    world.mesh.pause("arbiter")?;
    let began = Instant::now();
    let hung = until_shared(&world, &["arbiter-2"], &[8]).await?;
    assert!(hung < AFTER_KILL, "worked again {hung:?} after a holder hung");
    tokio::time::sleep(HANG.saturating_sub(began.elapsed())).await;
    world.mesh.resume("arbiter")?;
    until_shared(&world, &["arbiter", "arbiter-2"], &[4, 4]).await?;
    println!("taken over {hung:?} after SIGSTOP");
    feed.check(&world).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_both_directions_and_each_takes_over_from_the_other() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    world.mesh.start_one("gateway-2").await?;
    let both = ["gateway", "gateway-2"];
    until_shared(&world, &both, &[1, 1]).await?;
    let feed = Feed::start(&world);
    for lease in ["ingest", "emit"] {
        let name = holder(&world, &both, lease).await?;
        let other = both.into_iter().find(|other| *other != name).context("two gateways")?;

        world.mesh.kill(&name).await?;
        let killed = until_shared(&world, &[other], &[2]).await?;
        assert!(killed < AFTER_KILL, "{lease} taken over {killed:?} after a kill");
        world.mesh.start_one(&name).await?;
        until_shared(&world, &both, &[1, 1]).await?;

        let began = Instant::now();
        let name = holder(&world, &both, lease).await?;
        let other = both.into_iter().find(|other| *other != name).context("two gateways")?;
        world.mesh.stop(&name).await?;
        until_shared(&world, &[other], &[2]).await?;
        let ended = began.elapsed();
        assert!(ended < AFTER_TERM, "{lease} taken over {ended:?} after SIGTERM");
        world.mesh.start_one(&name).await?;
        until_shared(&world, &both, &[1, 1]).await?;
        println!("{lease} taken over {killed:?} after a kill, {ended:?} after SIGTERM");
    }
    let hung = holder(&world, &both, "emit").await?;
    world.mesh.pause(&hung)?;
    tokio::time::sleep(HANG).await;
    world.mesh.resume(&hung)?;
    until_shared(&world, &both, &[1, 1]).await?;
    feed.check(&world).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_each_that_all_work_everything_do_no_harm() -> Result<()> {
    let mut world = World::start(Mesh::builder().env("FED_LEASES", "off")).await?;
    world.mesh.start_one("arbiter-2").await?;
    world.mesh.start_one("gateway-2").await?;
    let feed = Feed::start(&world);
    feed.check(&world).await
}
