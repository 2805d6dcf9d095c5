//! A recorded run replays byte for byte: an hour of what a backend says about fifty portfolios, as fast as the mesh takes it,
//! while roles and an arbiter are killed and return; then EVENTS and RULINGS are exported, and verified without the mesh.
//!
//! The hour lies in the past, in the ids of the entries. `make test` takes a part of it; `RECORDED_MINUTES=60` takes it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use local::Mesh;
use local::bins::Bins;
use proto::id::{DecisionId, EventId, PortfolioId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{World, patience};

/// Minutes of event time in `make test`.
const MINUTES: u64 = 5;
const PORTFOLIOS: u64 = 50;
/// How often a portfolio's snapshot, health and models are told of, in seconds of event time.
const SNAPSHOT_S: u64 = 10;
const HEALTH_S: u64 = 60;
const MODEL_S: u64 = 120;
/// Who is killed and returns, one after another.
const KILLED: [&str; 7] = ["researcher", "cio", "supervisor", "arbiter", "cro", "ceo", "cfo"];
/// How many events are ruled before one who was killed returns.
const AWAY: u64 = 60;
/// How many entries are published at once.
const AT_ONCE: usize = 200;
/// How many decisions Redis keeps at least.
const KEPT: usize = 10_000;
/// How long the mesh may rule nothing while there is something to rule.
const STANDSTILL: Duration = Duration::from_secs(60);

/// An entry of the hour.
struct Entry {
    millis: u64,
    number: u64,
    event_type: &'static str,
    payload: Value,
}

/// What the backend says in these minutes before now, in order.
fn said(minutes: u64, now_ms: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let begin = now_ms - minutes * 60_000;
    for second in 0..minutes * 60 {
        for portfolio in 0..PORTFOLIOS {
            // Each portfolio has a beat of its own.
            let beat = second + portfolio;
            let mut say = |event_type, payload| {
                let (millis, number) = (begin + second * 1000 + portfolio, entries.len() as u64);
                entries.push(Entry { millis, number, event_type, payload });
            };
            if beat.is_multiple_of(SNAPSHOT_S) {
                say("portfolio.snapshot_updated", snapshot(portfolio, beat / SNAPSHOT_S));
            }
            if beat.is_multiple_of(HEALTH_S) {
                say("system.health_updated", health(portfolio, beat / HEALTH_S));
            }
            if beat.is_multiple_of(MODEL_S) {
                say("model.performance_updated", model(portfolio, beat / MODEL_S));
            }
        }
    }
    entries
}

/// A portfolio goes calmly through its day, falls, and recovers, each at its own pace.
fn snapshot(portfolio: u64, step: u64) -> Value {
    let drawdown = [0.004, 0.01, 0.025, 0.045, 0.065, 0.08, 0.03, 0.012, 0.006, 0.003, 0.003, 0.12];
    let at = (step / (2 + portfolio % 5) + portfolio) % 12;
    json!({
        "portfolio_id": format!("p{portfolio}"),
        "total_equity": 10_000.0 + (step * 37 % 400) as f64,
        "drawdown_pct": drawdown[usize::try_from(at).unwrap()],
        "realized_pnl_today": (step * 13 % 300) as f64 - 60.0,
        "unrealized_pnl": (step * 7 % 50) as f64 - 20.0,
        "num_positions": step % 6,
        "total_exposure_usd": 2000.0 + (step * 211 % 8000) as f64,
        "win_rate_today": (45 + step % 30) as f64 / 100.0,
        "sharpe_ratio_7d": (step % 30) as f64 / 10.0,
        "closed_trades_today": step % 12,
    })
}

fn health(portfolio: u64, step: u64) -> Value {
    let statuses = ["OPTIMAL", "HEALTHY", "HEALTHY", "DEGRADED", "HEALTHY", "CRITICAL", "HEALTHY"];
    let states = ["NOMINAL", "NOMINAL", "NOMINAL", "CAUTION", "WARNING"];
    let pick = |from: &[&str], index: u64| from[usize::try_from(index).unwrap() % from.len()].to_owned();
    json!({
        "portfolio_id": format!("p{portfolio}"),
        "system_status": pick(&statuses, step + portfolio),
        "ess_state": pick(&states, step * 3 + portfolio),
    })
}

fn model(portfolio: u64, step: u64) -> Value {
    let models = ["xgboost", "lightgbm", "patchtst", "nhits"];
    json!({
        "portfolio_id": format!("p{portfolio}"),
        "model_name": models[usize::try_from(step + portfolio).unwrap() % models.len()],
        "sharpe_ratio": (step % 25) as f64 / 10.0,
        "win_rate": (40 + (step * 7 + portfolio) % 30) as f64 / 100.0,
        "profit_factor": 1.2,
        "total_trades": 100 + step,
        "days_since_training": step % 40,
    })
}

async fn publish(world: &mut World, entries: &[Entry]) -> Result<()> {
    for some in entries.chunks(AT_ONCE) {
        let mut pipe = redis::pipe();
        for entry in some {
            let Entry { millis, number, event_type, payload } = entry;
            pipe.cmd("XADD")
                .arg(format!("quantum:stream:{event_type}"))
                .arg(format!("{millis}-{number}"))
                .arg(&["event_type", event_type, "payload", &payload.to_string(), "trace_id", ""])
                .arg(&["correlation_id", &format!("recorded-{number}"), "timestamp", "", "source", "test"])
                .ignore();
        }
        let _: () = pipe.query_async(&mut world.redis).await.context("XADD")?;
    }
    Ok(())
}

async fn messages(world: &World, stream: &str) -> Result<u64> {
    Ok(world.jetstream().await?.get_stream(stream).await?.get_info().await?.state.messages)
}

/// Waits until so much is ruled; the mesh may take its time as long as it goes on.
async fn ruled(world: &World, count: u64) -> Result<()> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let rulings = messages(world, "RULINGS").await?;
        if rulings >= count {
            return Ok(());
        }
        if rulings > last {
            (last, since) = (rulings, Instant::now());
        }
        ensure!(since.elapsed() < STANDSTILL.max(patience()), "ruled {rulings} of {count}, and then no more");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Runs `federation-replay` and gives back its last lines of JSON.
async fn replay(args: &[&str]) -> Result<Vec<Value>> {
    let program = Bins::beside_this()?.path("federation-replay");
    let mut command = std::process::Command::new(&program);
    command.args(args);
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    let output = output.with_context(|| format!("{} is not built", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "federation-replay {args:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

async fn export(world: &World, stream: &str, file: &Path) -> Result<u64> {
    let file = file.to_str().context("a path")?;
    let (url, seed) = (world.mesh.nats_url(), world.mesh.seed("observer").context("no observer")?);
    let seed = seed.to_str().context("a path")?;
    let who = ["--nats-url", url, "--nats-nkey", seed];
    let told = replay(&[&["export", "--stream", stream, "--out", file, "--json"][..], &who].concat()).await?;
    told.last().and_then(|line| line["messages"].as_u64()).context("no count of messages")
}

/// What was read of EVENTS and RULINGS so far.
#[derive(Default)]
struct Read {
    events: BTreeSet<EventId>,
    ruled: BTreeSet<EventId>,
    decided: BTreeMap<PortfolioId, Vec<DecisionId>>,
    /// Up to where, by stream.
    through: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize)]
struct Named {
    id: EventId,
}

#[derive(Deserialize)]
struct Ruled {
    portfolio: PortfolioId,
    event: Named,
    decisions: Vec<Decided>,
}

#[derive(Deserialize)]
struct Decided {
    decision_id: DecisionId,
}

impl Read {
    /// Reads what came since.
    async fn read_on(&mut self, world: &World) -> Result<()> {
        let events = self.messages(world, "EVENTS").await?;
        for bytes in events {
            self.events.insert(serde_json::from_slice::<Named>(&bytes)?.id);
        }
        for bytes in self.messages(world, "RULINGS").await? {
            let Ruled { portfolio, event, decisions } = serde_json::from_slice(&bytes)?;
            ensure!(self.ruled.insert(event.id), "event {} of {portfolio} was ruled twice", event.id);
            let ids = decisions.iter().map(|decided| decided.decision_id);
            self.decided.entry(portfolio).or_default().extend(ids);
        }
        Ok(())
    }

    /// The messages that came since, each read from the leader: a consumer that begins far back in a long stream takes an old
    /// server longer to make than it may.
    async fn messages(&mut self, world: &World, name: &'static str) -> Result<Vec<Bytes>> {
        let stream = world.jetstream().await?.get_stream(name).await?;
        let last = stream.get_info().await?.state.last_sequence;
        let through = self.through.entry(name).or_default();
        let mut read = Vec::new();
        while *through < last {
            read.push(stream.get_raw_message(*through + 1).await?.payload);
            *through += 1;
        }
        Ok(read)
    }
}

/// Waits until every event is ruled, timers included; the mesh may take its time as long as it goes on.
async fn all_ruled(world: &World, read: &mut Read) -> Result<()> {
    let mut since = Instant::now();
    loop {
        let before = read.ruled.len();
        read.read_on(world).await?;
        if read.events.is_subset(&read.ruled) {
            return Ok(());
        }
        if read.ruled.len() > before {
            since = Instant::now();
        }
        let left = read.events.difference(&read.ruled).count();
        ensure!(
            since.elapsed() < STANDSTILL.max(patience()),
            "{left} events are not ruled, and no more come"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Redis has the decisions in order; it keeps about the last ten thousand of them.
async fn told_as_decided(world: &World, read: &mut Read) -> Result<usize> {
    let mut redis = crate::support::connect_redis(world.mesh.redis_url()).await?;
    let began = Instant::now();
    loop {
        let mut told: BTreeMap<PortfolioId, Vec<DecisionId>> = BTreeMap::new();
        for decision in crate::support::decisions(&mut redis).await? {
            told.entry(decision.decision.portfolio).or_default().push(decision.decision.decision_id);
        }
        // Timers may have gone off since: what was told is read before what it is told from.
        read.read_on(world).await?;
        let all: usize = read.decided.values().map(Vec::len).sum();
        let count: usize = told.values().map(Vec::len).sum();
        let agrees = |(portfolio, told): (&PortfolioId, &Vec<DecisionId>)| {
            read.decided.get(portfolio).is_some_and(|decided| decided.ends_with(told))
        };
        if told.iter().all(agrees) && (count == all || count >= KEPT) {
            return Ok(all);
        }
        ensure!(
            began.elapsed() < patience(),
            "Redis was told {count} of {all} decisions, or in another order"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_hour_replays_byte_for_byte() -> Result<()> {
    let minutes = std::env::var("RECORDED_MINUTES").ok().and_then(|text| text.parse().ok());
    let minutes: u64 = minutes.unwrap_or(MINUTES);
    let builder = Mesh::builder().env("FED_MAX_EVENT_AGE", format!("{}m", minutes + 60));
    // Every portfolio from its first ruling on, all of its events, and the duplicates of both.
    let builder = builder.arg("provision", "--history").arg("provision", "1000000");
    let mut world = World::start(builder).await?;
    let began = Instant::now();
    let now = u64::try_from(mesh::clock::now().as_millis())?;
    let entries = said(minutes, now);
    publish(&mut world, &entries).await?;
    let share = entries.len() as u64 / (KILLED.len() as u64 + 1);
    for (index, killed) in KILLED.iter().enumerate() {
        let before = share * (index as u64 + 1);
        ruled(&world, before).await?;
        world.mesh.kill(killed).await?;
        if *killed != "arbiter" {
            ruled(&world, messages(&world, "RULINGS").await?.min(entries.len() as u64 - AWAY) + AWAY).await?;
        }
        world.mesh.start_one(killed).await?;
    }
    // Timers are events too, and are ruled beside what was published.
    ruled(&world, entries.len() as u64).await?;
    let mut read = Read::default();
    all_ruled(&world, &mut read).await?;
    let took = began.elapsed();

    let folder = tempfile::tempdir()?;
    let (events, rulings) = (folder.path().join("events.jsonl.gz"), folder.path().join("rulings.jsonl.gz"));
    let exported = (export(&world, "EVENTS", &events).await?, export(&world, "RULINGS", &rulings).await?);
    ensure!(
        exported.0 >= entries.len() as u64 && exported.1 >= entries.len() as u64,
        "exported {exported:?}"
    );
    let verified = replay(&["verify", "--rulings", rulings.to_str().context("a path")?, "--json"]).await?;
    let counts = verified.first().context("no counts")?;
    assert_eq!(counts["rulings"], exported.1, "every ruling is sound: {counts}");
    assert_eq!((&counts["void"], &counts["trusted_portfolios"]), (&json!(0), &json!(0)), "{counts}");
    assert_eq!(counts["other_policy"], 0, "every verdict was given again: {counts}");
    assert!(counts["recomputed"].as_u64().unwrap() > exported.1, "{counts}");
    // Timers may have gone off since.
    all_ruled(&world, &mut read).await?;
    let decisions = told_as_decided(&world, &mut read).await?;
    println!(
        "{minutes} minutes of {PORTFOLIOS} portfolios: {} entries, {} events, {} rulings, {decisions} decisions in {:.0} s; \
         {} verdicts given again, byte for byte",
        entries.len(),
        exported.0,
        exported.1,
        took.as_secs_f64(),
        counts["recomputed"]
    );
    Ok(())
}
