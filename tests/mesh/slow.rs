//! What is slow keeps nothing else: a portfolio that falls behind, and a role that hangs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use local::Mesh;
use proto::decision::DecisionType;
use serde_json::Value;

use crate::oracle;
use crate::support::{World, patience, snapshot, snapshot_of};

const SNAPSHOT: &str = "portfolio.snapshot_updated";
const CIRCUIT: &str = "fed_role_circuit_open{role=\"researcher\"}";

/// A value of the arbiter's metrics.
async fn metric(world: &World, name: &str) -> Result<Option<f64>> {
    let url = world.mesh.admin_url("arbiter").context("the arbiter has no address")?;
    let text = world.http.get(format!("{url}/metrics")).send().await?.text().await?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Ok(value)
}

/// Publishes events until the metric is so.
async fn until_metric(world: &mut World, name: &str, is_so: fn(f64) -> bool) -> Result<()> {
    let began = Instant::now();
    while !metric(world, name).await?.is_some_and(is_so) {
        ensure!(began.elapsed() < patience(), "waited in vain for {name}");
        let entry = world.publish(SNAPSHOT, &snapshot(0.01)).await?;
        world.ruled("main", SNAPSHOT, &entry).await?;
    }
    Ok(())
}

async fn version(world: &World, portfolio: &str) -> Result<u64> {
    let answer: Value = world.get(&format!("/api/federation/portfolios/{portfolio}")).await?;
    let ledger = answer.get("ledger").unwrap_or(&answer);
    Ok(ledger["version"].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portfolio_that_falls_behind_keeps_no_other_and_loses_nothing() -> Result<()> {
    // Every round waits a second for the researcher; one slot, and a docket of two.
    let builder = Mesh::builder().arg("provision", "--slots").arg("provision", "1");
    let builder = builder.env("FED_ASK_TIMEOUT", "1s").env("FED_CIRCUIT_AFTER", "100000");
    let builder =
        builder.env("FED_CIRCUIT_PROBE", "1s").env("FED_QUEUE_MAX", "2").env("FED_IN_FLIGHT_MAX", "8");
    let mut world = World::start(builder).await?;
    world.mesh.pause("researcher")?;
    let events = 30;
    let mut last = String::new();
    for _ in 0..events {
        last = world.publish(SNAPSHOT, &snapshot_of("slow", 0.01)).await?;
    }
    let entry = world.publish(SNAPSHOT, &snapshot_of("other", 0.01)).await?;
    world.ruled("other", SNAPSHOT, &entry).await?;
    let ruled = version(&world, "slow").await?;
    assert!(ruled < events / 2, "{ruled} of {events} were ruled before the other portfolio's first");
    world.mesh.resume("researcher")?;
    world.ruled("slow", SNAPSHOT, &last).await?;
    assert_eq!(version(&world, "slow").await?, events, "each is ruled once");
    // Caught up: what comes now goes the usual way again.
    let entry = world.publish(SNAPSHOT, &snapshot_of("slow", 0.12)).await?;
    world.ruled("slow", SNAPSHOT, &entry).await?;
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_does_not_wait_for_a_researcher_that_hangs() -> Result<()> {
    let ask_timeout = Duration::from_secs(8);
    let builder = Mesh::builder().env("FED_ASK_TIMEOUT", "8s").env("FED_CIRCUIT_PROBE", "8s");
    let mut world = World::start(builder).await?;
    world.mesh.pause("researcher")?;
    // These wait for the researcher, and their cases are at the desks of all roles.
    for index in 0..8 {
        world.publish(SNAPSHOT, &snapshot_of(&format!("calm-{index}"), 0.01)).await?;
    }
    let began = Instant::now();
    for index in 0..8 {
        world.publish(SNAPSHOT, &snapshot_of(&format!("bad-{index}"), 0.12)).await?;
    }
    loop {
        let told = world.told().await?;
        let freezes = told.iter().filter(|told| told.decision.decision_type() == DecisionType::Freeze);
        if freezes.count() == 8 {
            break;
        }
        assert!(began.elapsed() < ask_timeout, "a freeze waits for the researcher");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    assert!(took < ask_timeout / 2, "the last of eight freezes came {took:?} after the first event");
    println!("eight freezes {took:?} after the first event, with a researcher that hangs");
    world.mesh.resume("researcher")?;
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_hangs_is_not_asked_until_it_answers_a_probe() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    assert_eq!(metric(&world, CIRCUIT).await?, Some(0.0));
    world.mesh.pause("researcher")?;
    until_metric(&mut world, CIRCUIT, |open| open == 1.0).await?;
    let skipped = "fed_role_answers_total{role=\"researcher\",outcome=\"circuit-open\"}";
    until_metric(&mut world, skipped, |count| count > 0.0).await?;
    let health = world.get("/health").await?;
    ensure!(health["why"]["researcher"].is_string(), "{health}");
    world.mesh.resume("researcher")?;
    until_metric(&mut world, CIRCUIT, |open| open == 0.0).await?;
    oracle::check(&world, None).await
}
