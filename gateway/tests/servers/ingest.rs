//! From Redis to EVENTS and DEAD.

use anyhow::{Context, Result, bail};
use mesh::streams::{accept, describe};
use proto::id::{RulingHash, Sequence};
use proto::subject::Stream;
use proto::value::Mode;
use serde_json::json;

use crate::support::{World, wait_for};
use crate::testing::{portfolio, ruling, snapshot_event};

const SNAPSHOT: &str = "portfolio.snapshot_updated";
const HEALTH: &str = "system.health_updated";

fn snapshot(portfolio: &str, drawdown_pct: f64) -> String {
    json!({
        "portfolio_id": portfolio, "total_equity": 10_000.0, "drawdown_pct": drawdown_pct,
        "realized_pnl_today": 0.0, "unrealized_pnl": 0.0, "num_positions": 1, "total_exposure_usd": 100.0
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_entries_are_events_and_bad_ones_are_letters() -> Result<()> {
    let mut world = World::start().await?;
    let first = world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    let bad = world.xadd(SNAPSHOT, &snapshot("alpha", 3.5)).await?;
    world.xadd(SNAPSHOT, &snapshot("beta", 0.02)).await?;
    let events = world.messages_when(Stream::Events, 2).await?;
    assert_eq!(events[0].0, "fed.event.6.alpha.portfolio.snapshot_updated");
    assert_eq!(events[0].1["source"]["entry"], first.as_str());
    assert_eq!(events[0].1["correlation_id"], "test");

    let letters = world.messages_when(Stream::Dead, 1).await?;
    assert_eq!((&letters[0].1["reason"], &letters[0].1["entry"]), (&json!("out-of-range"), &json!(bad)));
    let dlq = world.entries_when("quantum:dlq:portfolio.snapshot_updated", 1).await?;
    assert_eq!((dlq[0]["dlq_reason"].as_str(), &dlq[0]["dlq_entry"]), ("out-of-range", &bad));
    assert!(dlq[0]["dlq_mistakes"].contains("looks like percent"), "{dlq:?}");
    assert_eq!(dlq[0]["payload"], snapshot("alpha", 3.5));

    world.xadd(HEALTH, r#"{"system_status": "HEALTHY", "ess_state": "NOMINAL"}"#).await?;
    let events = world.messages_when(Stream::Events, 4).await?;
    let mut concerned: Vec<&str> =
        events[2..].iter().filter_map(|(_, event)| event["portfolio"].as_str()).collect();
    concerned.sort_unstable();
    assert_eq!(concerned, ["alpha", "beta"], "health concerns everybody who is known");
    let (_, metrics) = world.get("/metrics").await?;
    let metrics = metrics.to_string();
    for line in [
        r#"fed_gateway_dead_letters_total{event_type=\"portfolio.snapshot_updated\",reason=\"out-of-range\"} 1"#,
        r#"fed_gateway_events_total{event_type=\"system.health_updated\",outcome=\"new\"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_goes_on_where_it_was() -> Result<()> {
    let mut world = World::start().await?;
    for portfolio in ["alpha", "beta", "alpha"] {
        world.xadd(SNAPSHOT, &snapshot(portfolio, 0.01)).await?;
    }
    world.xadd(SNAPSHOT, "{").await?;
    world.messages_when(Stream::Events, 3).await?;
    world.messages_when(Stream::Dead, 1).await?;
    world.kill_gateway().await?;
    // What comes meanwhile waits in Redis.
    for _ in 0..300 {
        world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    }
    world.xadd(SNAPSHOT, "{").await?;
    world.start_gateway().await?;
    let events = world.messages_when(Stream::Events, 303).await?;
    let ids: std::collections::BTreeSet<String> =
        events.iter().map(|(_, event)| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 303, "each entry once");
    let of_alpha: Vec<proto::id::EntryId> = events
        .iter()
        .filter(|(_, event)| event["portfolio"] == "alpha")
        .map(|(_, event)| event["source"]["entry"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(of_alpha.is_sorted(), "a portfolio's events come in order");
    world.messages_when(Stream::Dead, 2).await?;
    world.entries_when("quantum:dlq:portfolio.snapshot_updated", 2).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_came_to_nothing_is_gone_on_from() -> Result<()> {
    let mut world = World::start().await?;
    world.kill_gateway().await?;
    let entry = world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    // It would begin now, and the entry came before.
    world.start_gateway_with(&["--first-start", "1ms"]).await?;
    let events = world.messages_when(Stream::Events, 1).await?;
    assert_eq!(events[0].1["source"]["entry"], entry.as_str());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_stream_and_an_evicting_redis_are_noticed() -> Result<()> {
    let mut world = World::start().await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    world.messages_when(Stream::Events, 1).await?;
    world.kill_gateway().await?;
    for _ in 0..3 {
        world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    }
    let mut redis = world.redis.clone();
    let stream = format!("quantum:stream:{SNAPSHOT}");
    let _: u64 = redis::cmd("XTRIM").arg(stream).arg("MAXLEN").arg(1).query_async(&mut redis).await?;
    let set_policy = |policy: &'static str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory-policy").arg(policy);
        let mut redis = world.redis.clone();
        async move { command.query_async::<()>(&mut redis).await }
    };
    set_policy("allkeys-lru").await?;
    world.spawn_gateway()?;
    wait_for("the gateway to say what is wrong", || async {
        let (status, text) = world.get("/readyz").await?;
        let said = text.to_string().contains("expected noeviction");
        if status == 503 && said { Ok(Some(())) } else { bail!("{status} {text}") }
    })
    .await?;
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("maxmemory-policy").arg("noeviction");
    command.query_async::<()>(&mut redis).await?;
    world.messages_when(Stream::Events, 2).await?;
    wait_for("the gap to be counted", || async {
        let (_, metrics) = world.get("/metrics").await?;
        let line =
            r#"fed_gateway_upstream_gaps_total{event_type=\"portfolio.snapshot_updated\",kind=\"trimmed\"}"#;
        Ok(metrics.to_string().contains(line).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trimmed_between_two_reads_is_noticed() -> Result<()> {
    let mut world = World::start().await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    world.messages_when(Stream::Events, 1).await?;
    let (stream, mut at_once) = (format!("quantum:stream:{SNAPSHOT}"), redis::pipe());
    at_once.atomic();
    for _ in 0..3 {
        at_once.cmd("XADD").arg(&stream).arg("*");
        at_once.arg(&["event_type", SNAPSHOT, "payload", &snapshot("alpha", 0.02)]).ignore();
    }
    at_once.cmd("XTRIM").arg(&stream).arg("MAXLEN").arg(1).ignore();
    let _: () = at_once.query_async(&mut world.redis).await?;
    world.messages_when(Stream::Events, 2).await?;
    // What is trimmed after it was read is no gap: the stream goes on, an entry at a time.
    for count in 3..6 {
        let again = world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
        world.messages_when(Stream::Events, count).await?;
        let trim = redis::cmd("XTRIM").arg(&stream).arg("MINID").arg(again).to_owned();
        let _: u64 = trim.query_async(&mut world.redis).await?;
    }
    told(&world, r#"event_type="portfolio.snapshot_updated",kind="trimmed"} 1\n"#, "").await
}

/// Waits until `/metrics` has this line and `/health` says this.
async fn told(world: &World, metric: &str, health: &str) -> Result<()> {
    wait_for(&format!("{metric} and {health:?}"), || async {
        let (_, metrics) = world.get("/metrics").await?;
        let (_, said) = world.get("/health").await?;
        let (metrics, said) = (metrics.to_string().replace("\\\"", "\""), said.to_string());
        if metrics.contains(metric) && said.contains(health) { Ok(Some(())) } else { bail!("{said}") }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_letters_that_nats_lost_are_read_again() -> Result<()> {
    let mut world = World::start().await?;
    let first = world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    world.messages_when(Stream::Events, 1).await?;
    world.save_nats().await?;
    let second = world.xadd(SNAPSHOT, &snapshot("alpha", 0.02)).await?;
    let bad = world.xadd(SNAPSHOT, "{").await?;
    let third = world.xadd(SNAPSHOT, &snapshot("alpha", 0.03)).await?;
    world.messages_when(Stream::Events, 3).await?;
    world.messages_when(Stream::Dead, 1).await?;
    world.roll_nats_back().await?;
    wait_for("every entry to be stored again", || async {
        let events = world.messages(Stream::Events).await?;
        let letters = world.messages(Stream::Dead).await?;
        let entries = |messages: &[(String, serde_json::Value)], path: &str| -> Vec<String> {
            messages.iter().filter_map(|(_, said)| Some(said.pointer(path)?.as_str()?.to_owned())).collect()
        };
        let (events, letters) = (entries(&events, "/source/entry"), entries(&letters, "/entry"));
        let all = [&first, &second, &third].into_iter().all(|entry| events.contains(entry));
        if all && letters == [bad.clone()] { Ok(Some(())) } else { bail!("{events:?} {letters:?}") }
    })
    .await?;
    let lost = r#"event_type="portfolio.snapshot_updated",kind="events-lost"} "#;
    told(&world, lost, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_stream_made_anew_stops_its_feed_until_a_person_accepts_it() -> Result<()> {
    let mut world = World::start().await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    world.messages_when(Stream::Events, 1).await?;
    world
        .append(&ruling(snapshot_event(&portfolio("alpha"), 1), 1, RulingHash::default(), Mode::Paused))
        .await?;
    let name = world.nats.subjects.stream(Stream::Events);
    let gone = describe(&world.nats, &name).await?.created;
    world.nats.connection()?.jetstream.delete_stream(&name).await?;
    world.provision().await?;
    let anew = r#"event_type="portfolio.snapshot_updated",kind="made-anew"} 1"#;
    // Without an entry that would have to be stored.
    told(&world, anew, "EVENTS was made anew").await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.02)).await?;
    // Whoever starts later sees it in the rulings.
    world.kill_gateway().await?;
    world.spawn_gateway()?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.03)).await?;
    let what_to_do = format!(
        "A person has to look, and lets it go on with federation-provision --accept-new EVENTS={gone}"
    );
    told(&world, anew, &what_to_do).await?;
    let (status, said) = world.get("/readyz").await?;
    assert!(status == 503 && said.to_string().contains(&what_to_do), "{said}");
    assert_eq!(world.messages(Stream::Events).await?.len(), 0, "nothing goes to the new one");

    accept(&world.nats, &[format!("EVENTS={gone}").parse().map_err(anyhow::Error::msg)?], "ada").await?;
    let events = world.messages_when(Stream::Events, 3).await?;
    let drawdowns: Vec<_> = events.iter().map(|(_, event)| &event["body"]["data"]["drawdown_pct"]).collect();
    assert_eq!(drawdowns, [0.01, 0.02, 0.03], "what the lost one held is told again, in order");
    wait_for("the gateway to be ready", || async { Ok((world.get("/readyz").await?.0 == 200).then_some(())) })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_ids_ran_ahead_is_told_of() -> Result<()> {
    let world = World::start().await?;
    let mut redis = world.redis.clone();
    let mut poison = redis::cmd("XADD");
    poison.arg(format!("quantum:stream:{SNAPSHOT}")).arg("99999999999999-0");
    poison.arg("payload").arg(snapshot("alpha", 0.01));
    let _: String = poison.query_async(&mut redis).await?;
    world.messages_when(Stream::Dead, 1).await?;
    let ahead = r#"fed_gateway_upstream_ahead_seconds{event_type="portfolio.snapshot_updated"} "#;
    told(&world, ahead, "its entries are refused. Delete the stream").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_to_an_events_that_is_gone_is_no_position_in_the_next_one() -> Result<()> {
    let mut world = World::start().await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.01)).await?;
    world.xadd(SNAPSHOT, &snapshot("alpha", 0.02)).await?;
    world.messages_when(Stream::Events, 2).await?;
    let first = ruling(snapshot_event(&portfolio("alpha"), 1), 1, RulingHash::default(), Mode::Paused);
    world.append(&first).await?;
    let name = world.nats.subjects.stream(Stream::Events);
    let gone = describe(&world.nats, &name).await?.created;
    let late = world.nats.message(Stream::Events, Sequence(2)).await?.context("two events")?;
    let jetstream = &world.nats.connection()?.jetstream;
    jetstream.delete_stream(&name).await?;
    world.provision().await?;
    jetstream.publish_with_headers(late.subject, late.headers, late.payload).await?.await?;
    accept(&world.nats, &[format!("EVENTS={gone}").parse().map_err(anyhow::Error::msg)?], "ada").await?;
    let events = world.messages_when(Stream::Events, 2).await?;
    let drawdowns: Vec<_> = events.iter().map(|(_, event)| &event["body"]["data"]["drawdown_pct"]).collect();
    assert_eq!(drawdowns, [0.02, 0.01], "the first is read again, although the second stands there");
    Ok(())
}
