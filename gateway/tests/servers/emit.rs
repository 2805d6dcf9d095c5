//! From RULINGS to Redis, each decision once.

use anyhow::{Result, bail};
use proto::effective::Effective;
use proto::id::{PortfolioId, RulingHash};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::value::Mode;
use serde_json::Value;

use crate::support::{Fields, World, wait_for};
use crate::testing::{portfolio, ruling, snapshot_event};

const DECISIONS: &str = "quantum:stream:ai.federation.decision_made";

/// Appends rulings of one portfolio as an arbiter does.
struct Log {
    portfolio: PortfolioId,
    version: u64,
    previous: RulingHash,
}

impl Log {
    fn of(id: &str) -> Self {
        Self { portfolio: portfolio(id), version: 0, previous: RulingHash::default() }
    }

    fn next(&self, mode: Mode) -> Ruling {
        let version = self.version + 1;
        ruling(snapshot_event(&self.portfolio, version), version, self.previous, mode)
    }

    async fn append(&mut self, world: &World, mode: Mode) -> Result<()> {
        let ruling = self.next(mode);
        (self.version, self.previous) = (ruling.version.0, world.append(&ruling).await?);
        Ok(())
    }
}

/// Each decision as `portfolio/ruling MODE`.
fn told(entries: &[Fields]) -> Vec<String> {
    let told = |entry: &Fields| {
        let payload: Value = serde_json::from_str(&entry["payload"]).unwrap();
        let decision = &payload["data"];
        let portfolio = decision["portfolio"].as_str().unwrap();
        format!("{portfolio}/{} {}", decision["ruling"], decision["payload"]["mode"].as_str().unwrap())
    };
    entries.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_decision_is_told_once_whatever_is_killed() -> Result<()> {
    let mut world = World::servers().await?;
    let (mut a, mut b) = (Log::of("a"), Log::of("b"));
    let lost = a.next(Mode::Emergency);
    a.append(&world, Mode::Paused).await?;
    world.append(&lost).await?;
    b.append(&world, Mode::Shadow).await?;
    a.append(&world, Mode::Shadow).await?;
    world.start_gateway().await?;
    let entries = world.entries_when(DECISIONS, 3).await?;
    assert_eq!(told(&entries), ["a/1 PAUSED", "b/1 SHADOW", "a/2 SHADOW"], "the void ruling is passed over");

    world.kill_gateway().await?;
    a.append(&world, Mode::Live).await?;
    world.start_gateway().await?;
    b.append(&world, Mode::Live).await?;
    let entries = world.entries_when(DECISIONS, 5).await?;
    assert_eq!(told(&entries)[3..], ["a/3 LIVE", "b/2 LIVE"]);

    let mut redis = world.redis.clone();
    let document: String =
        redis::cmd("GET").arg("quantum:federation:effective:a").query_async(&mut redis).await?;
    let document: Effective = serde_json::from_str(&document)?;
    assert_eq!((document.ruling.0, document.values.mode), (3, Mode::Live));
    let ttl: i64 = redis::cmd("TTL").arg("quantum:federation:effective:a").query_async(&mut redis).await?;
    assert!((1..=90).contains(&ttl), "{ttl}");
    let health = world.entries_when("quantum:stream:federation.health", 2).await?;
    assert_eq!(health[0]["event_type"], "federation.health");
    let health: Value = serde_json::from_str(&health[1]["payload"])?;
    assert_eq!((&health["data"]["status"], &health["data"]["active_roles"]), (&"degraded".into(), &0.into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_its_data_gets_it_again() -> Result<()> {
    let world = World::start().await?;
    let mut a = Log::of("a");
    a.append(&world, Mode::Paused).await?;
    a.append(&world, Mode::Shadow).await?;
    world.entries_when(DECISIONS, 2).await?;
    let mut redis = world.redis.clone();
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
    a.append(&world, Mode::Live).await?;
    let entries = world.entries_when(DECISIONS, 3).await?;
    assert_eq!(told(&entries), ["a/1 PAUSED", "a/2 SHADOW", "a/3 LIVE"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_anew_stops_emit_until_a_person_says_so() -> Result<()> {
    let mut world = World::start().await?;
    Log::of("a").append(&world, Mode::Paused).await?;
    world.entries_when(DECISIONS, 1).await?;
    world.kill_gateway().await?;
    world.nats.connection()?.jetstream.delete_stream(world.nats.subjects.stream(Stream::Rulings)).await?;
    world.provision().await?;
    Log::of("a").append(&world, Mode::Shadow).await?;
    world.spawn_gateway()?;
    wait_for("emit to refuse", || async {
        let (status, text) = world.get("/readyz").await?;
        let said = text.to_string().contains("A person has to look; DEL quantum:federation:position");
        if status == 503 && said { Ok(Some(())) } else { bail!("{status} {text}") }
    })
    .await?;
    assert_eq!(world.entries(DECISIONS).await?.len(), 1);
    let mut redis = world.redis.clone();
    redis::cmd("DEL").arg("quantum:federation:position").query_async::<()>(&mut redis).await?;
    let entries = world.entries_when(DECISIONS, 2).await?;
    assert_eq!(told(&entries)[1..], ["a/1 SHADOW"]);
    Ok(())
}
