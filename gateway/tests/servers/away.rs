//! A gateway that starts while a server is away serves HTTP, and freezes.

use anyhow::{Context as _, Result};
use court::Matter;
use proto::event::Event;
use proto::id::{RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::ruling::{Hearing, Position, Ruling};
use proto::subject::Stream;
use proto::testing::terms;
use proto::value::Mode;
use proto::wire::Message as _;
use serde_json::{Value, json};

use crate::support::{World, wait_for};
use crate::testing::{portfolio, ruling, snapshot_event};

const DECISIONS: &str = "quantum:stream:ai.federation.decision_made";
const FREEZE: &str = "/api/federation/freeze";

async fn alive(world: &World) -> Result<()> {
    wait_for("HTTP", || async { Ok((world.get("/livez").await?.0 == 200).then_some(())) }).await
}

async fn kept(world: &World) -> Result<usize> {
    let mut redis = world.redis.clone();
    Ok(redis::cmd("HLEN").arg("quantum:federation:stops").query_async(&mut redis).await?)
}

/// The FREEZE decisions that the backend was told, as `portfolio id`.
async fn freezes(world: &World) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for entry in world.entries(DECISIONS).await? {
        let payload: Value = serde_json::from_str(&entry["payload"])?;
        let data = &payload["data"];
        if data["decision_type"] == "FREEZE" {
            told.push(format!("{} {}", data["portfolio"], data["decision_id"]).replace('"', ""));
        }
    }
    Ok(told)
}

/// Rules on an order as the court does when nobody was heard.
fn ruled(event: Event, before: Ledger, previous: RulingHash) -> Ruling {
    let position = Position { stream: String::new(), sequence: Sequence(0), through: Sequence(0) };
    court::rule(&terms(), Matter { position, previous, event, before, hearing: Hearing::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_needs_no_nats_that_was_ever_there() -> Result<()> {
    let mut world = World::start().await?;
    let first = ruling(snapshot_event(&portfolio("alpha"), 1), 1, RulingHash::default(), Mode::Paused);
    let hash = world.append(&first).await?;
    world.entries_when(DECISIONS, 1).await?;
    world.kill_gateway().await?;
    world.kill_nats().await?;
    world.spawn_gateway()?;
    alive(&world).await?;
    let (status, said) = world.get("/readyz").await?;
    assert!(status == 503 && said.to_string().contains("nats: not connected yet"), "{said}");
    let (status, health) = world.get("/health").await?;
    assert_eq!((status, &health["status"]), (200, &json!("degraded")), "{health}");
    let order = json!({"mode": "PAUSED", "reason": "news"});
    for (status, problem) in [
        world.get("/api/federation/status").await?,
        world.get("/api/federation/portfolios/alpha").await?,
        world.post("/api/federation/mode", &order).await?,
    ] {
        assert_eq!((status, &problem["status"]), (503, &json!(503)), "{problem}");
        assert!(problem["detail"].to_string().contains("nats: not connected yet"), "{problem}");
    }

    let freeze = |body: Value| {
        let request = world.client.post(world.url(FREEZE)).json(&body);
        world.send(request.header("Idempotency-Key", "k-1"))
    };
    let (status, answer) = freeze(json!({"reason": "news"})).await?;
    assert_eq!(
        (status, &answer["result"], &answer["portfolio"]),
        (202, &json!("stopped"), &json!("alpha")),
        "{answer}"
    );
    let decision = answer["decision_id"].as_str().context("no decision")?.to_owned();
    let told = vec![format!("alpha {decision}")];
    assert_eq!(freezes(&world).await?, told);
    assert_eq!(kept(&world).await?, 1);
    let mut redis = world.redis.clone();
    let document: String =
        redis::cmd("GET").arg("quantum:federation:effective:alpha").query_async(&mut redis).await?;
    let document: Value = serde_json::from_str(&document)?;
    assert_eq!(
        (&document["frozen"], &document["mode"]),
        (&json!(true), &json!("PAUSED")),
        "the rest is as it was"
    );
    let (_, again) = freeze(json!({"reason": "news"})).await?;
    assert_eq!(again["decision_id"], decision.as_str(), "the same key is the same order");
    assert_eq!(freeze(json!({"reason": "others"})).await?.0, 422);
    assert_eq!((freezes(&world).await?, kept(&world).await?), (told.clone(), 1));

    world.start_nats()?;
    let events = world.messages_when(Stream::Events, 1).await?;
    let order = Event::from_bytes(events[0].1.to_string().as_bytes())?;
    assert_eq!(answer["event_id"], json!(order.id), "the court gets the order");
    let ruling = ruled(order, first.after.clone(), hash);
    assert_eq!(ruling.decisions[0].decision_id.to_string(), decision, "and makes the decision that was told");
    world.append(&ruling).await?;
    wait_for("the order to be forgotten", || async { Ok((kept(&world).await? == 0).then_some(())) }).await?;
    assert_eq!(freezes(&world).await?, told, "told once");
    wait_for("the gateway to be ready", || async { Ok((world.get("/readyz").await?.0 == 200).then_some(())) })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portfolio_that_nobody_knows_yet_is_frozen_too() -> Result<()> {
    let mut world = World::servers().await?;
    world.kill_nats().await?;
    world.spawn_gateway()?;
    alive(&world).await?;
    let (status, answer) = world.post(FREEZE, &json!({"reason": "news"})).await?;
    assert_eq!((status, &answer["portfolio"]), (202, &json!("main")), "{answer}");
    let (status, answer) = world.post(FREEZE, &json!({"reason": "news", "portfolio": "new"})).await?;
    assert_eq!((status, &answer["portfolio"]), (202, &json!("new")), "{answer}");
    assert_eq!(freezes(&world).await?.len(), 2);
    let (_, all) = world.post(FREEZE, &json!({"reason": "again"})).await?;
    assert_eq!(all["decisions"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(freezes(&world).await?.len(), 2, "who is frozen as strictly already is told nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_http_is_served_and_says_so() -> Result<()> {
    let mut world = World::servers().await?;
    world.kill_redis().await?;
    world.spawn_gateway()?;
    alive(&world).await?;
    wait_for("the gateway to say what is wrong", || async {
        let (status, said) = world.get("/readyz").await?;
        let said = said.to_string();
        let all =
            ["emit: cannot connect to Redis", "ingest portfolio.snapshot_updated: cannot connect to Redis"];
        Ok((status == 503 && all.iter().all(|what| said.contains(what))).then_some(()))
    })
    .await?;
    assert_eq!(world.get("/api/federation/status").await?.0, 200, "what the mesh knows is told");
    let (status, problem) = world.post(FREEZE, &json!({"reason": "news"})).await?;
    assert_eq!(status, 503, "nobody rules, and the backend cannot be told: {problem}");
    assert!(problem["detail"].to_string().contains("Redis cannot be told either"), "{problem}");
    assert_eq!(world.messages(Stream::Events).await?.len(), 1, "the court gets the order all the same");
    world.start_redis()?;
    wait_for("the gateway to be ready", || async { Ok((world.get("/readyz").await?.0 == 200).then_some(())) })
        .await
}
