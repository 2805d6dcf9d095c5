//! What cannot be used is kept with a reason that names field, value and expectation; the next good event is decided.

use std::collections::BTreeMap;

use anyhow::Result;
use local::Mesh;
use serde_json::Value;

use crate::oracle;
use crate::support::{World, snapshot, wait_for};

const SNAPSHOT: &str = "portfolio.snapshot_updated";
const HEALTH: &str = "system.health_updated";
const MODEL: &str = "model.performance_updated";

/// A snapshot with one field replaced by this JSON text; without the field when there is none.
fn with(field: &str, value: Option<&str>) -> String {
    let mut fields: BTreeMap<String, String> = snapshot(0.01)
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect();
    match value {
        Some(value) => fields.insert(field.to_owned(), value.to_owned()),
        None => fields.remove(field),
    };
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Event type, payload, and words that the letter must have.
fn malformed() -> Vec<(&'static str, String, Vec<&'static str>)> {
    vec![
        (SNAPSHOT, "not json".to_owned(), vec!["payload", "JSON"]),
        (SNAPSHOT, "[1,2]".to_owned(), vec!["object"]),
        (SNAPSHOT, "{}".to_owned(), vec!["total_equity", "drawdown_pct", "num_positions", "unrealized_pnl"]),
        (SNAPSHOT, with("total_equity", None), vec!["total_equity"]),
        (SNAPSHOT, with("total_equity", Some("null")), vec!["total_equity"]),
        (SNAPSHOT, with("total_equity", Some("\"lots\"")), vec!["total_equity", "lots", "number"]),
        (SNAPSHOT, with("total_equity", Some("1e999")), vec!["1e999"]),
        (SNAPSHOT, with("drawdown_pct", Some("3.5")), vec!["drawdown_pct", "3.5", "percent", "fraction"]),
        (SNAPSHOT, with("drawdown_pct", Some("-0.1")), vec!["drawdown_pct", "-0.1"]),
        (SNAPSHOT, with("drawdown_pct", Some("NaN")), vec!["JSON"]),
        (SNAPSHOT, with("max_drawdown_pct", Some("12")), vec!["max_drawdown_pct", "12"]),
        (SNAPSHOT, with("win_rate_today", Some("55")), vec!["win_rate_today", "55"]),
        (SNAPSHOT, with("num_positions", Some("-1")), vec!["num_positions", "-1"]),
        (SNAPSHOT, with("num_positions", Some("2.5")), vec!["num_positions", "2.5"]),
        (SNAPSHOT, with("total_exposure_usd", Some("-5")), vec!["total_exposure_usd", "-5"]),
        (SNAPSHOT, with("portfolio_id", Some("\"a.b\"")), vec!["portfolio_id", "a.b"]),
        (SNAPSHOT, with("timestamp", Some("\"yesterday\"")), vec!["timestamp", "yesterday"]),
        (SNAPSHOT, with("timestamp", Some("\"2999-01-01T00:00:00Z\"")), vec!["timestamp", "2999"]),
        (HEALTH, "{\"system_status\":\"HEALTHY\"}".to_owned(), vec!["ess_state"]),
        (HEALTH, "{\"system_status\":7,\"ess_state\":\"NOMINAL\"}".to_owned(), vec!["system_status", "7"]),
        (MODEL, "{\"sharpe_ratio\":1.0}".to_owned(), vec!["model_name"]),
        (MODEL, "{\"model_name\":\"x\",\"win_rate\":\"high\"}".to_owned(), vec!["win_rate", "high"]),
    ]
}

async fn letters(world: &mut World, event_type: &str) -> Result<Vec<BTreeMap<String, String>>> {
    let key = format!("quantum:dlq:{event_type}");
    let entries: Vec<(String, BTreeMap<String, String>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut world.redis).await?;
    Ok(entries.into_iter().map(|(_, fields)| fields).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_malformed_event_is_a_letter_and_the_next_good_one_is_decided() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    let malformed = malformed();
    assert!(malformed.len() >= 15);
    let mut expected: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for (event_type, payload, words) in &malformed {
        world.publish_raw(event_type, payload).await?;
        expected.entry(event_type).or_default().push(words.clone());
    }
    world.publish(SNAPSHOT, &snapshot(0.12)).await?;
    world.told_at_least(7).await?;

    for (event_type, words) in expected {
        let mut seen = Vec::new();
        for _ in 0..200 {
            seen = letters(&mut world, event_type).await?;
            if seen.len() >= words.len() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(seen.len(), words.len(), "{event_type}: one letter for each");
        for (letter, words) in seen.iter().zip(words) {
            let text = format!("{letter:?}");
            for word in words {
                assert!(text.contains(word), "{event_type}: {word} in {text}");
            }
        }
    }
    let jetstream = world.jetstream().await?;
    wait_for("every letter in DEAD", || async {
        let mut stream = jetstream.get_stream("DEAD").await?;
        Ok((stream.info().await?.state.messages == malformed.len() as u64).then_some(()))
    })
    .await?;
    let health: Value = world.get("/health").await?;
    assert_eq!(health["status"], "healthy", "{health}");
    oracle::check(&world, None).await
}
