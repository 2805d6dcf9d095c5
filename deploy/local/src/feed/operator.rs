//! The operator of the demo: looks at the holds and releases those that freeze trading.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use proto::effective::Effective;
use redis::AsyncCommands as _;
use serde_json::json;

/// How long one command may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The operator.
#[derive(Debug)]
pub struct Operator {
    http: reqwest::Client,
    http_url: String,
    redis: redis::Client,
}

impl Operator {
    /// An operator of the mesh behind this API.
    ///
    /// # Errors
    /// The Redis URL is none, or the HTTP client cannot be built.
    pub fn new(http_url: impl Into<String>, redis_url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { http, http_url: http_url.into(), redis: redis::Client::open(redis_url)? })
    }

    /// Releases every hold that freezes a portfolio; says what was asked and answered.
    ///
    /// # Errors
    /// There is no effective policy, or the gateway refuses.
    pub async fn release_freeze(&self, portfolio: &str) -> Result<Vec<String>> {
        let effective = self.effective(portfolio).await?;
        let mut done = Vec::new();
        for hold in effective.holds.iter().filter(|hold| hold.is_freeze()) {
            let path = format!("/api/federation/holds/{}/release", hold.id);
            let body = json!({ "reason": "Positions were reviewed; the market has turned." });
            let request = self.http.post(format!("{}{path}", self.http_url)).json(&body);
            let answer = request.send().await.context("asking the gateway")?;
            let status = answer.status();
            if !status.is_success() {
                bail!("POST {path}: {status} {}", answer.text().await.unwrap_or_default());
            }
            done.push(format!("POST {path} ({}): {status}", hold.cause));
        }
        Ok(done)
    }

    /// The effective policy, as any reader of the backend finds it.
    async fn effective(&self, portfolio: &str) -> Result<Effective> {
        let mut redis = self.redis.get_multiplexed_async_connection().await?;
        let document: String = redis.get(format!("quantum:federation:effective:{portfolio}")).await?;
        serde_json::from_str(&document).context("reading the effective policy")
    }
}
