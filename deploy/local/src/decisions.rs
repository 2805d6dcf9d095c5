//! Decisions as the backend sees them: read from its Redis stream, told in one line each.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use proto::decision::{Decision, Payload};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamRangeReply, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands as _, AsyncConnectionConfig};
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::said::Said;

/// The stream that the gateway writes decisions to.
pub const STREAM: &str = "quantum:stream:ai.federation.decision_made";

const BLOCK: Duration = Duration::from_secs(1);
const COUNT: usize = 100;
const RETRY: Duration = Duration::from_secs(1);

/// What stands in an entry's `payload`.
#[derive(Debug, Deserialize)]
struct Wrapped {
    data: Decision,
}

/// Sends on every decision that comes from now on, until cancelled; outlives a Redis that goes and comes back.
pub async fn follow(redis_url: String, said: Sender<Said>, stop: CancellationToken) {
    let mut position = None;
    while !stop.is_cancelled() {
        // A Redis that is away is the services' business to report.
        let read = read_until_failure(&redis_url, &mut position, &said);
        let done = tokio::select! {
            done = read => done.is_ok(),
            () = stop.cancelled() => true,
        };
        if done {
            return;
        }
        let _ = tokio::time::timeout(RETRY, stop.cancelled()).await;
    }
}

/// Ends well only when nobody listens any more.
async fn read_until_failure(
    redis_url: &str,
    position: &mut Option<String>,
    said: &Sender<Said>,
) -> Result<()> {
    let mut redis = connect(redis_url).await?;
    let mut from = match position.take() {
        Some(position) => position,
        None => last_entry(&mut redis).await?,
    };
    loop {
        *position = Some(from.clone());
        let options = StreamReadOptions::default().block(block_ms()).count(COUNT);
        let reply: Option<StreamReadReply> = redis.xread_options(&[STREAM], &[&from], &options).await?;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
            let decision = decode(entry.get("payload"));
            from = entry.id;
            if let Ok(decision) = decision
                && said.send(Said::Decision(Box::new(decision))).await.is_err()
            {
                return Ok(());
            }
        }
    }
}

/// A connection of its own for a reader that blocks, without the client's time-out on answers.
async fn connect(redis_url: &str) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(redis_url)?;
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

async fn last_entry(redis: &mut MultiplexedConnection) -> Result<String> {
    let last: StreamRangeReply = redis.xrevrange_count(STREAM, "+", "-", 1).await?;
    Ok(last.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |entry| entry.id))
}

fn block_ms() -> usize {
    usize::try_from(BLOCK.as_millis()).unwrap_or(usize::MAX)
}

fn decode(payload: Option<String>) -> Result<Decision> {
    let payload = payload.ok_or_else(|| anyhow!("an entry without a payload"))?;
    let wrapped: Wrapped = serde_json::from_str(&payload).context("an entry that is no decision")?;
    Ok(wrapped.data)
}

/// What a decision says, in a few words.
pub fn in_short(payload: &Payload) -> String {
    match payload {
        Payload::Freeze { duration_minutes: 0, severity, .. } => format!("{severity}, until released"),
        Payload::Freeze { duration_minutes, severity, .. } => format!("{severity}, {duration_minutes} min"),
        Payload::Override { overridden_role, .. } => format!("against {overridden_role}"),
        Payload::ModeChange { mode, duration_minutes, lifts } => {
            let time = duration_minutes.map(|minutes| format!(" for {minutes} min")).unwrap_or_default();
            let lifted = if lifts.is_empty() { "" } else { ", the freeze is lifted" };
            format!("{mode}{time}{lifted}")
        }
        Payload::CapitalProfile { profile, max_positions, .. } => {
            format!("{profile}, {max_positions} positions")
        }
        Payload::RiskAdjustment { max_leverage, max_position_size_usd, max_exposure_pct, .. } => {
            format!("leverage {max_leverage}, position {max_position_size_usd}, exposure {max_exposure_pct}")
        }
        Payload::EssPolicy { caution_threshold_pct, warning_threshold_pct, critical_threshold_pct } => {
            format!("{caution_threshold_pct} / {warning_threshold_pct} / {critical_threshold_pct}")
        }
        Payload::StrategyAllocation { model_weights, .. } => {
            let weights = model_weights.iter().map(|(model, weight)| format!("{model} {weight}"));
            weights.collect::<Vec<_>>().join(", ")
        }
        Payload::SymbolUniverse { active_symbols, .. } => format!("{} symbols", active_symbols.len()),
        Payload::Cashflow { profit_lock_pct, reinvest_pct, reserve_buffer_pct } => {
            format!("lock {profit_lock_pct}, reinvest {reinvest_pct}, reserve {reserve_buffer_pct}")
        }
        Payload::ResearchTask(task) => task.subject(),
    }
}

#[cfg(test)]
mod tests {
    use proto::decision::Severity;
    use proto::subsystems::Subsystems;
    use proto::value::Mode;

    use super::*;

    #[test]
    fn a_decision_is_told_in_a_few_words() {
        let freeze = |duration_minutes| Payload::Freeze {
            duration_minutes,
            affected_subsystems: Subsystems::default(),
            severity: Severity::Critical,
            requires_manual_review: true,
            reason: String::new(),
        };
        assert_eq!(in_short(&freeze(0)), "CRITICAL, until released");
        assert_eq!(in_short(&freeze(120)), "CRITICAL, 120 min");
        let mode = Payload::ModeChange { mode: Mode::Paused, duration_minutes: Some(30), lifts: Vec::new() };
        assert_eq!(in_short(&mode), "PAUSED for 30 min");
    }

    #[test]
    fn an_entry_that_is_no_decision_is_passed_over() {
        assert!(decode(None).is_err());
        assert!(decode(Some(r#"{"data":{}}"#.to_owned())).is_err());
    }
}
