//! A role killed or never started: the others go on, the status says so, nothing loosens, and it joins again.

use std::time::{Duration, Instant};

use anyhow::Result;
use local::Mesh;
use local::service::Service;
use serde_json::Value;

use crate::oracle;
use crate::support::{World, health, quick_policy, snapshot, wait_for};

/// Waits until the status tells this of a role, and says how long that took.
async fn active(world: &World, role: &str, expected: bool) -> Result<Duration> {
    let started = Instant::now();
    wait_for(&format!("{role} to be active: {expected}"), || async {
        let status = world.get("/api/federation/status").await?;
        Ok((status["roles"][role] == Value::Bool(expected)).then_some(()))
    })
    .await?;
    Ok(started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_role_may_die_and_the_others_go_on() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    for role in ["ceo", "cio", "cfo", "researcher", "cro", "supervisor"] {
        world.mesh.kill(role).await?;
        let seen_after = active(&world, role, false).await?;
        assert!(seen_after < Duration::from_secs(5), "{role} seen as away after {seen_after:?}");
        let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.01)).await?;
        world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
        assert_eq!(world.get("/health").await?["status"], "degraded", "{role}");
        world.mesh.start_one(role).await?;
        active(&world, role, true).await?;
    }
    wait_for("health to be healthy again", || async {
        Ok((world.get("/health").await?["status"] == "healthy").then_some(()))
    })
    .await?;
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_loosens_while_a_guardian_is_away() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let policy = quick_policy(folder.path())?;
    let mut world = World::start(Mesh::builder().policy(&policy)).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.01)).await?;
    world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    let entry = world.publish("system.health_updated", &health("DEGRADED", "NOMINAL")).await?;
    let ledger = world.ruled("main", "system.health_updated", &entry).await?;
    assert_eq!(ledger["effective"]["mode"], "SHADOW");

    for guardian in ["supervisor", "cro"] {
        world.mesh.kill(guardian).await?;
        for _ in 0..4 {
            let entry = world.publish("system.health_updated", &health("HEALTHY", "NOMINAL")).await?;
            let ledger = world.ruled("main", "system.health_updated", &entry).await?;
            assert_eq!(ledger["effective"]["mode"], "SHADOW", "{guardian} is away");
        }
        world.mesh.start_one(guardian).await?;
        active(&world, guardian, true).await?;
    }
    let entry = world.publish("system.health_updated", &health("HEALTHY", "NOMINAL")).await?;
    let ledger = world.ruled("main", "system.health_updated", &entry).await?;
    assert_eq!(ledger["effective"]["mode"], "LIVE", "both guardians are back");
    oracle::check(&world, Some(&policy)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_of_two_roles_governs_and_only_tightens() -> Result<()> {
    let mut world = World::start(Mesh::builder().roles([Service::Ceo, Service::Cro])).await?;
    world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let told = world.told_at_least(3).await?;
    assert!(told.iter().all(|told| ["ceo", "cro"].contains(&told.decision.role_source.to_string().as_str())));
    let status = world.get("/api/federation/status").await?;
    assert_eq!(status["roles"]["supervisor"], false, "{status}");
    assert_eq!(status["roles"]["ceo"], true, "{status}");
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_switched_off_and_on_over_http() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    let (code, answer) = world.post("/api/federation/roles/ceo/disable", Value::Null).await?;
    assert_eq!((code, &answer["success"]), (200, &Value::Bool(true)), "{answer}");
    assert_eq!(world.get("/api/federation/status").await?["roles"]["ceo"], false);
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let ledger = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(ledger["effective"]["profile"], "LOW", "a disabled role is not asked");
    let (code, _) = world.post("/api/federation/roles/ceo/enable", Value::Null).await?;
    assert_eq!(code, 200);
    active(&world, "ceo", true).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let ledger = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(ledger["effective"]["profile"], "MICRO");
    assert_eq!(world.post("/api/federation/roles/supervisor/disable", Value::Null).await?.0, 403);
    assert_eq!(world.post("/api/federation/roles/ai-ceo/disable", Value::Null).await?.0, 404);
    oracle::check(&world, None).await
}
