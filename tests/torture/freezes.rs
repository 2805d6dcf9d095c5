//! The risk desk: it freezes portfolios by hand in the middle of it all, and presses again until it has an answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proto::id::PortfolioId;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::sent::{Book, Frozen};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(6);
/// How long it waits before it presses again.
const AGAIN: Duration = Duration::from_millis(250);

/// Freezes these portfolios, the next every so often, until it is told to end; what was granted is written down.
pub(crate) async fn freeze(
    http_url: String,
    portfolios: Vec<PortfolioId>,
    every: Duration,
    book: Book,
    ended: watch::Receiver<bool>,
) {
    let Ok(client) = reqwest::Client::builder().timeout(ANSWER).no_proxy().build() else { return };
    for portfolio in portfolios {
        tokio::time::sleep(every).await;
        loop {
            match press(&client, &http_url, &portfolio).await {
                Ok(frozen) => {
                    book.open().frozen.push(frozen);
                    break;
                }
                Err(_) if *ended.borrow() => return,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

/// Presses the button once. It is the same order each time.
async fn press(client: &reqwest::Client, http_url: &str, portfolio: &PortfolioId) -> Result<Frozen> {
    let answer = client
        .post(format!("{http_url}/api/federation/freeze"))
        .header("Idempotency-Key", format!("torture-{portfolio}"))
        .json(&json!({"reason": "torture", "portfolio": portfolio}))
        .send()
        .await?
        .error_for_status()?;
    let answer: Value = answer.json().await?;
    let told = &answer["decisions"][0];
    let event = answer["event_id"].as_str().or(told["event_id"].as_str()).context("no event id")?.parse()?;
    let result = answer["result"].as_str().or(told["result"].as_str());
    let decision = answer["decision_id"].as_str().or(told["decision_id"].as_str());
    let decision = decision.map(str::parse).transpose()?;
    anyhow::ensure!(result != Some("pending"), "not ruled yet");
    Ok(Frozen {
        portfolio: portfolio.clone(),
        event,
        stopped: result == Some("stopped"),
        decision,
        at: Instant::now(),
    })
}
