//! What people read and command.

use anyhow::{Context as _, Result};
use proto::decision::{Author, Priority};
use proto::event::{Body, Event};
use proto::hold::{Hold, Standing};
use proto::id::{EntryId, EventId, HoldId, RuleId, RulingHash};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Finding, Outcome, Ruling};
use proto::subject::Stream;
use proto::testing::MONDAY;
use proto::value::{Mode, Value as Governed};
use proto::wire::Message as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::{World, wait_for};
use crate::testing::{portfolio, ruling, snapshot_event};

/// Rules on a command as an arbiter would that grants it.
fn granted(event: Event) -> Ruling {
    let mut ruling = ruling(event, 1, RulingHash::default(), Mode::Paused);
    ruling.decisions[0].role_source = Author::Manual;
    let decision = ruling.decisions[0].decision_id;
    let proposal = Proposal {
        author: Author::Manual,
        rule: RuleId::new("manual.mode"),
        priority: Priority::High,
        ask: Ask::Set { value: Governed::Mode(Mode::Paused), duration: None },
        facts: Vec::new(),
    };
    ruling.outcomes.push(Outcome { proposal, result: Finding::Decided { decision } });
    ruling
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_an_event_and_answers_with_its_ruling() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"mode": "PAUSED", "reason": "news"});
    let order = || {
        let request = world.client.post(world.url("/api/federation/mode")).json(&body);
        world.send(request.header("Idempotency-Key", "k-1").header("X-Operator", "ada"))
    };
    let (status, pending) = order().await?;
    assert_eq!((status, &pending["success"]), (202, &json!(false)), "nobody rules yet: {pending}");
    let (_, again) = order().await?;
    assert_eq!(pending["event_id"], again["event_id"]);
    let other = json!({"mode": "LIVE", "reason": "x"});
    let other = || world.client.post(world.url("/api/federation/mode")).json(&other);
    let (status, problem) = world.send(other().header("Idempotency-Key", "k-1")).await?;
    assert_eq!(status, 422, "not ruled yet, and another order all the same: {problem}");
    let events = world.messages(Stream::Events).await?;
    assert_eq!(events.len(), 1, "the same key is the same event");
    let event = Event::from_bytes(events[0].1.to_string().as_bytes())?;
    let Body::Command(command) = &event.body else { panic!("no command: {event:?}") };
    assert_eq!(command.by.name, "ada");

    let ruling = granted(event);
    world.append(&ruling).await?;
    let (status, answer) = order().await?;
    assert_eq!(
        (status, &answer["success"], &answer["mode"]),
        (200, &json!(true), &json!("PAUSED")),
        "{answer}"
    );
    let id = ruling.decisions[0].decision_id.to_string();
    assert_eq!(answer["decision_id"], id.as_str());
    let (_, list) = world.get("/api/federation/decisions?role=manual").await?;
    assert_eq!((&list["total"], &list["decisions"][0]["decision_id"]), (&json!(1), &json!(id)));
    let (_, one) = world.get(&format!("/api/federation/decisions/{id}")).await?;
    assert_eq!(one["why"]["event"]["body"]["data"]["by"]["name"], "ada", "{one}");
    let (status, problem) = world.send(other().header("Idempotency-Key", "k-1")).await?;
    assert_eq!(status, 422, "{problem}");
    Ok(())
}

/// Sends an order under a key until it is stored, and reads the event that it became.
async fn stored_command(world: &World, path: &str, body: &Value, key: &str) -> Result<Event> {
    let (status, pending) = keyed(world, path, body, key).await?;
    assert_eq!(status, 202, "nobody rules yet: {pending}");
    let events = world.messages(Stream::Events).await?;
    Ok(Event::from_bytes(events.last().context("no event")?.1.to_string().as_bytes())?)
}

async fn keyed(world: &World, path: &str, body: &Value, key: &str) -> Result<(u16, Value)> {
    world.send(world.client.post(world.url(path)).json(body).header("Idempotency-Key", key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_after_a_restart() -> Result<()> {
    let mut world = World::start().await?;
    let (path, body) = ("/api/federation/mode", json!({"mode": "PAUSED", "reason": "news"}));
    let mut command = granted(stored_command(&world, path, &body, "k-1").await?);
    command.after.ruled.recent.push(command.event.id);
    let hash = world.append(&command).await?;
    let mut next = ruling(snapshot_event(&command.portfolio, 9), 2, hash, Mode::Live);
    next.after.ruled = command.after.ruled.clone();
    world.append(&next).await?;
    world.kill_gateway().await?;
    world.start_gateway().await?;
    let (status, answer) = keyed(&world, path, &body, "k-1").await?;
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["decision_id"], json!(command.decisions[0].decision_id));
    assert_eq!(world.messages(Stream::Events).await?.len(), 1, "it was not given again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_under_the_same_key_is_answered_again() -> Result<()> {
    let world = World::start().await?;
    let hold = manual_hold();
    let id = hold.id;
    let mut frozen = ruling(snapshot_event(&portfolio("main"), 1), 1, RulingHash::default(), Mode::Paused);
    frozen.after.holds.insert(id, hold);
    let hash = world.append(&frozen).await?;
    wait_for("the hold", || async {
        let (_, told) = world.get("/api/federation/portfolios/main/holds").await?;
        Ok((told["total"] == 1).then_some(()))
    })
    .await?;
    let (path, body) = (format!("/api/federation/holds/{id}/release"), json!({"reason": "over"}));
    let event = stored_command(&world, &path, &body, "k-1").await?;
    let mut released = ruling(event, 2, hash, Mode::Live);
    released.after.ruled.recent.push(released.event.id);
    world.append(&released).await?;
    wait_for("the release", || async {
        let (_, told) = world.get("/api/federation/portfolios/main/holds").await?;
        Ok((told["total"] == 0).then_some(()))
    })
    .await?;
    let (status, answer) = keyed(&world, &path, &body, "k-1").await?;
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    assert_eq!(keyed(&world, &path, &body, "k-2").await?.0, 404, "another order has nothing to release");
    Ok(())
}

fn manual_hold() -> Hold {
    Hold {
        id: HoldId::derive(&["h"]),
        owner: Author::Manual,
        cause: RuleId::new("manual.mode"),
        bound: Bound::Loosening,
        duration: None,
        until: None,
        requires_manual_review: true,
        standing: Standing::Present,
        placed_at: MONDAY,
        person: None,
        event_id: EventId::derive(&["h"]),
        decision_id: None,
        reason: "r".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_read_back_after_a_restart() -> Result<()> {
    let mut world = World::servers().await?;
    let first = ruling(snapshot_event(&portfolio("alpha"), 1), 1, RulingHash::default(), Mode::Paused);
    let hash = world.append(&first).await?;
    let decision = first.decisions[0].to_bytes()?;
    let subject = world.nats.subjects.decision(&first.portfolio, first.decisions[0].decision_type());
    world.nats.connection()?.jetstream.publish(subject, decision.into()).await?.await?;
    world.start_gateway().await?;
    let (_, status) = world.get("/api/federation/status").await?;
    assert_eq!(status["total_decisions"], 1, "{status}");
    assert_eq!(status["last_update"], json!(first.decisions[0].timestamp));
    assert_eq!(status["portfolios"]["mode"], json!({"PAUSED": 1}));
    let second = ruling(snapshot_event(&portfolio("alpha"), 2), 2, hash, Mode::Live);
    world.append(&second).await?;
    wait_for("the second ruling", || async {
        let (_, told) = world.get("/api/federation/portfolios/alpha").await?;
        Ok((told["ledger"]["version"] == 2).then_some(()))
    })
    .await?;
    assert_eq!(world.get("/api/federation/status").await?.1["total_decisions"], 2);
    // The first is known from DECISIONS alone: its ruling has to be looked for.
    let id = first.decisions[0].decision_id;
    let (_, one) = world.get(&format!("/api/federation/decisions/{id}")).await?;
    assert_eq!(one["why"]["ruling"], 1, "{one}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_switched_and_shown() -> Result<()> {
    let world = World::start().await?;
    let (_, health) = world.get("/health").await?;
    assert_eq!((&health["status"], &health["why"]["cro"]), (&json!("degraded"), &json!("nobody answers")));
    let nothing = Value::Null;
    let (status, answer) = world.post("/api/federation/roles/cro/disable", &nothing).await?;
    assert_eq!((status, &answer["enabled"]), (200, &json!(false)), "{answer}");
    let (_, told) = world.get("/api/federation/status").await?;
    assert_eq!(told["role_details"]["cro"]["enabled"], false, "in force before success is said");
    assert_eq!(told["roles"].as_object().unwrap().len(), 6);
    assert_eq!(world.post("/api/federation/roles/cro/enable", &nothing).await?.0, 200);
    assert_eq!(world.post("/api/federation/roles/supervisor/disable", &nothing).await?.0, 403);
    assert_eq!(world.post("/api/federation/roles/ai-cro/disable", &nothing).await?.0, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_fell_silent_is_told_of() -> Result<()> {
    let world = World::start().await?;
    let feed = "feed portfolio.snapshot_updated";
    assert_eq!(world.get("/health").await?.1["why"][feed], Value::Null, "who never spoke is not silent");
    let mut spoke = ruling(snapshot_event(&portfolio("alpha"), 1), 1, RulingHash::default(), Mode::Paused);
    let stream = "quantum:stream:portfolio.snapshot_updated".to_owned();
    spoke
        .after
        .ruled
        .entries
        .insert(stream, EntryId { millis: MONDAY.as_millis().unsigned_abs(), number: 0 });
    world.append(&spoke).await?;
    wait_for("the silence to be told", || async {
        let (status, health) = world.get("/health").await?;
        let told = health["why"][feed].as_str().unwrap_or_default().starts_with("silent since 2026-");
        Ok((status == 200 && health["status"] == "degraded" && told).then_some(()))
    })
    .await?;
    wait_for("operators to be served all the same", || async {
        Ok((world.get("/readyz").await?.0 == 200).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_a_problem_document() -> Result<()> {
    let mut world = World::start().await?;
    let mode = world.url("/api/federation/mode");
    let post = |url: &str| world.client.post(url);
    let unknown = HoldId::derive(&["x"]);
    let release = world.url(&format!("/api/federation/holds/{unknown}/release"));
    let requests = [
        (400, post(&mode).header("Content-Type", "application/json").body("{")),
        (403, post(&mode).header("Origin", "https://evil.example").json(&json!({}))),
        (404, post(&release).json(&json!({"reason": "r"}))),
        (404, post(&mode).json(&json!({"mode": "LIVE", "reason": "r", "portfolio": "typo"}))),
        (404, world.client.get(world.url("/api/federation/nothing"))),
        (404, world.client.get(world.url("/api/federation/portfolios/alpha"))),
        (405, world.client.get(&mode)),
        (413, post(&mode).json(&json!({"mode": "LIVE", "reason": "x".repeat(70_000)}))),
        (415, post(&mode).body(r#"{"mode": "EMERGENCY", "reason": "csrf"}"#)),
        (422, post(&mode).json(&json!({"mode": "SLEEPY", "duration_minutes": -5}))),
        (422, world.client.get(world.url("/api/federation/decisions?limit=0"))),
        (422, world.client.get(world.url("/api/federation/decisions/7"))),
        (422, world.client.get(world.url("/api/federation/portfolios/%ff"))),
    ];
    for (expected, request) in requests {
        let (status, problem) = world.send(request).await?;
        assert_eq!((status, &problem["status"]), (expected, &json!(expected)), "{problem}");
        assert!(problem["detail"].is_string() && problem["type"].is_string(), "{problem}");
    }
    assert_eq!(world.messages(Stream::Events).await?.len(), 0, "none of them got through");
    world.kill_nats().await?;
    let order = json!({"mode": "PAUSED", "reason": "stop"});
    wait_for("the mesh to be unreachable", || async {
        let (status, _) = world.post("/api/federation/mode", &order).await?;
        Ok((status == 503).then_some(()))
    })
    .await?;
    let (status, answer) = world.post("/api/federation/freeze", &json!({"reason": "stop"})).await?;
    assert_eq!((status, &answer["result"]), (202, &json!("stopped")), "a freeze needs no mesh: {answer}");
    assert_eq!(world.get("/livez").await?.0, 200);
    assert_eq!(world.get("/readyz").await?.0, 503);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_page_may_read_and_only_ours_may_command() -> Result<()> {
    let world = World::start().await?;
    let page = "https://dashboard.example";
    let read = world.client.get(world.url("/api/federation/status")).header("Origin", page).send().await?;
    let allowed = read.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
    assert_eq!(allowed, Some(page));
    let ask = world.client.request(reqwest::Method::OPTIONS, world.url("/api/federation/mode"));
    let ask = ask.header("Origin", page).header("Access-Control-Request-Method", "POST").send().await?;
    assert!(ask.headers().get("access-control-allow-origin").is_none(), "{ask:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_the_gateway_ends_in_order() -> Result<()> {
    let mut world = World::start().await?;
    assert_eq!(world.get("/health").await?.0, 200);
    let status = world.stop_gateway().await?;
    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_does_not_keep_the_gateway() -> Result<()> {
    let mut world = World::start().await?;
    let address = world.url("").trim_start_matches("http://").to_owned();
    let mut hanging = tokio::net::TcpStream::connect(address).await?;
    let head = "POST /api/federation/freeze HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    hanging.write_all(format!("{head}Content-Length: 9\r\n\r\n{{").as_bytes()).await?;
    assert_eq!(world.get("/health").await?.0, 200, "it is taken before the signal comes");
    let status = world.stop_gateway().await?;
    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_accounts_only_who_shows_a_token_reads_and_only_operators_command() -> Result<()> {
    let mut world = World::servers().await?;
    // The hashes of the words "operator" and "viewer".
    let accounts = [
        ("ada", "operator", "06e55b633481f7bb072957eabcf110c972e86691c3cfedabe088024bffe42f23"),
        ("vic", "viewer", "d35ca5051b82ffc326a3b0b6574a9a3161dee16b9478a199ee39cd803ce5b799"),
    ];
    let entries = accounts.map(|(name, rank, hash)| {
        format!("[[account]]\nname = {name:?}\nrank = {rank:?}\ntoken_sha256 = {hash:?}\n")
    });
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), entries.concat())?;
    world.start_gateway_with(&["--accounts", &file.path().display().to_string()]).await?;
    let (read, order) = ("/api/federation/status", "/api/federation/freeze");
    for (token, expected) in
        [(None, [401, 401]), (Some("viewer"), [200, 403]), (Some("operator"), [200, 202])]
    {
        let shown = |request: reqwest::RequestBuilder| match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let (seen, _) = world.send(shown(world.client.get(world.url(read)))).await?;
        let body = json!({"reason": "drill"});
        let (commanded, answer) = world.send(shown(world.client.post(world.url(order)).json(&body))).await?;
        assert_eq!([seen, commanded], expected, "{token:?}: {answer}");
    }
    assert_eq!(world.get("/health").await?.0, 200, "probes need no token");
    let events = world.messages(Stream::Events).await?;
    let event = Event::from_bytes(events[0].1.to_string().as_bytes())?;
    let Body::Command(command) = &event.body else { panic!("no command: {event:?}") };
    assert_eq!((events.len(), command.by.name.as_str()), (1, "ada"), "who it was stands in the event");
    Ok(())
}
