//! The stop that needs almost nothing: a freeze by hand reaches the backend whatever is gone, and is ruled when it is back.

use anyhow::{Context, Result};
use local::Mesh;
use proto::decision::DecisionType;
use serde_json::{Value, json};

use crate::oracle;
use crate::support::{World, snapshot, wait_for};

/// Presses the button, and checks that the backend was told before anybody ruled.
async fn freeze(world: &mut World) -> Result<Value> {
    let (status, answer) = world.post("/api/federation/freeze", json!({"reason": "drill"})).await?;
    assert_eq!(
        (status, &answer["success"], &answer["result"]),
        (202, &json!(true), &json!("stopped")),
        "{answer}"
    );
    let told = world.told_at_least(1).await?;
    assert_eq!(told.len(), 1);
    assert_eq!(json!(told[0].decision.decision_id), answer["decision_id"]);
    assert_eq!(told[0].decision.decision_type(), DecisionType::Freeze);
    assert!(effective(world).await?.context("no document")?["frozen"] == true);
    Ok(answer)
}

async fn effective(world: &mut World) -> Result<Option<Value>> {
    let document: Option<String> =
        redis::cmd("GET").arg("quantum:federation:effective:main").query_async(&mut world.redis).await?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}

/// Waits until the court has taken the freeze over, and checks that nothing was told twice.
async fn taken_over(world: &mut World, answer: &Value) -> Result<()> {
    let (http, url) = (world.http.clone(), world.mesh.http_url());
    let ledger = wait_for("the court to take the freeze over", || async {
        let told: Value =
            http.get(format!("{url}/api/federation/portfolios/main")).send().await?.json().await?;
        let ledger = told.get("ledger").unwrap_or(&told).clone();
        Ok(ledger["freeze"].is_object().then_some(ledger))
    })
    .await?;
    let hold = ledger["freeze"]["holds"][0].as_str().context("no hold")?;
    assert_eq!(ledger["holds"][hold]["event_id"], answer["event_id"], "the hold is that of the order");
    assert_eq!(
        ledger["latest"]["FREEZE"], answer["decision_id"],
        "the court made the decision that was told"
    );
    let mut redis = world.redis.clone();
    wait_for("the kept order to be forgotten", || {
        let mut redis = redis.clone();
        async move {
            let kept: usize =
                redis::cmd("HLEN").arg("quantum:federation:stops").query_async(&mut redis).await?;
            Ok((kept == 0).then_some(()))
        }
    })
    .await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.0)).await?;
    world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    let freezes = crate::support::decisions(&mut redis).await?;
    let freezes = freezes.iter().filter(|told| told.decision.decision_type() == DecisionType::Freeze).count();
    assert_eq!(freezes, 1, "told once");
    assert!(effective(world).await?.context("no document")?["frozen"] == true);
    oracle::check(world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_reaches_the_backend_with_the_arbiter_and_every_role_gone() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    for gone in ["arbiter", "supervisor", "cro", "ceo", "cio", "cfo", "researcher"] {
        world.mesh.kill(gone).await?;
    }
    let answer = freeze(&mut world).await?;
    for back in ["supervisor", "cro", "ceo", "cio", "cfo", "researcher", "arbiter"] {
        world.mesh.start_one(back).await?;
    }
    taken_over(&mut world, &answer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_reaches_the_backend_with_nats_gone() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    world.mesh.kill("nats").await?;
    let answer = freeze(&mut world).await?;
    world.mesh.start_one("nats").await?;
    taken_over(&mut world, &answer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_reaches_the_backend_from_a_gateway_that_never_saw_nats() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    for gone in ["gateway", "arbiter", "nats"] {
        world.mesh.kill(gone).await?;
    }
    world.mesh.spawn_one("gateway")?;
    let (http, url) = (world.http.clone(), world.mesh.http_url());
    wait_for("HTTP", || async {
        let answer = http.get(format!("{url}/livez")).send().await;
        Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
    })
    .await?;
    let answer = freeze(&mut world).await?;
    world.mesh.start_one("nats").await?;
    world.mesh.start_one("arbiter").await?;
    taken_over(&mut world, &answer).await
}
