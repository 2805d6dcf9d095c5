//! A running mesh, and the few things that a test does to it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use local::Mesh;
use proto::decision::Decision;
use serde_json::{Value, json};

/// The stream that the backend reads.
pub(crate) const DECISIONS: &str = "quantum:stream:ai.federation.decision_made";

/// How long a state may take to come; `FED_TEST_PATIENCE_SECONDS` raises it on a slow machine.
pub(crate) fn patience() -> Duration {
    let raised = std::env::var("FED_TEST_PATIENCE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(raised.unwrap_or(30))
}

/// Asks again and again until there is an answer.
pub(crate) async fn wait_for<T, F, Fut>(what: &str, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if started.elapsed() > patience() {
            bail!("waited {:?} in vain for {what}", started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A mesh with a connection to its Redis.
pub(crate) struct World {
    pub(crate) mesh: Mesh,
    pub(crate) redis: redis::aio::MultiplexedConnection,
    pub(crate) http: reqwest::Client,
}

/// An entry of the decision stream: its fields, and the decision inside.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) decision: Decision,
}

impl World {
    pub(crate) async fn start(builder: local::Builder) -> Result<Self> {
        Self::of(builder.start().await?).await
    }

    pub(crate) async fn of(mesh: Mesh) -> Result<Self> {
        let redis = connect_redis(mesh.redis_url()).await?;
        Ok(Self { mesh, redis, http: reqwest::Client::new() })
    }

    /// Publishes an event as the backend does and returns its entry id.
    pub(crate) async fn publish(&mut self, event_type: &str, payload: &Value) -> Result<String> {
        self.publish_raw(event_type, &payload.to_string()).await
    }

    /// Publishes an event with this very payload.
    pub(crate) async fn publish_raw(&mut self, event_type: &str, payload: &str) -> Result<String> {
        redis::cmd("XADD")
            .arg(format!("quantum:stream:{event_type}"))
            .arg("*")
            .arg(&["event_type", event_type, "payload", payload, "trace_id", "", "correlation_id", "test"])
            .arg(&["timestamp", "", "source", "test"])
            .query_async(&mut self.redis)
            .await
            .context("XADD")
    }

    /// Everything that the backend was told so far.
    pub(crate) async fn told(&mut self) -> Result<Vec<Told>> {
        decisions(&mut self.redis).await
    }

    /// Waits until the backend was told at least this many decisions.
    pub(crate) async fn told_at_least(&mut self, count: usize) -> Result<Vec<Told>> {
        let started = Instant::now();
        loop {
            let told = self.told().await?;
            if told.len() >= count {
                return Ok(told);
            }
            if started.elapsed() > patience() {
                let types: Vec<_> = told.iter().map(|told| told.decision.decision_type().as_str()).collect();
                bail!("waited in vain for {count} decisions, told so far: {types:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the portfolio's ledger has seen this entry (or a later one) of its stream.
    pub(crate) async fn ruled(&mut self, portfolio: &str, event_type: &str, entry: &str) -> Result<Value> {
        let (http, url) = (self.http.clone(), self.mesh.http_url());
        let (stream, entry) = (format!("quantum:stream:{event_type}"), entry.parse::<proto::id::EntryId>()?);
        wait_for(&format!("the ruling on {entry} for {portfolio}"), || async {
            let answer = http.get(format!("{url}/api/federation/portfolios/{portfolio}")).send().await?;
            let ledger: Value = answer.json().await?;
            let ledger = ledger.get("ledger").unwrap_or(&ledger).clone();
            let latest = ledger["ruled"]["entries"][&stream].as_str().map(str::parse::<proto::id::EntryId>);
            Ok(match latest {
                Some(Ok(latest)) if latest >= entry => Some(ledger),
                _ => None,
            })
        })
        .await
    }

    /// A connection to NATS, as an observer where NATS asks who it is.
    pub(crate) async fn nats(&self) -> Result<async_nats::Client> {
        let options = match self.mesh.seed("observer") {
            Some(seed) => {
                let seed = std::fs::read_to_string(seed)?.trim().to_owned();
                async_nats::ConnectOptions::with_nkey(seed).custom_inbox_prefix("_INBOX.fed.observer")
            }
            None => async_nats::ConnectOptions::new(),
        };
        Ok(options.connect(servers(self.mesh.nats_url())?).await?)
    }

    pub(crate) async fn jetstream(&self) -> Result<async_nats::jetstream::Context> {
        Ok(async_nats::jetstream::new(self.nats().await?))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.mesh.http_url())).send().await?;
        answer.json().await.with_context(|| format!("GET {path}"))
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        let request = self.http.post(format!("{}{path}", self.mesh.http_url())).json(&body);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.with_context(|| format!("POST {path}"))?))
    }
}

/// Every entry of the decision stream.
pub(crate) async fn decisions(redis: &mut redis::aio::MultiplexedConnection) -> Result<Vec<Told>> {
    let entries: Vec<(String, BTreeMap<String, String>)> =
        redis::cmd("XRANGE").arg(DECISIONS).arg("-").arg("+").query_async(redis).await?;
    entries
        .into_iter()
        .map(|(_, fields)| {
            let payload: Value = serde_json::from_str(&fields["payload"])?;
            let decision = serde_json::from_value(payload["data"].clone())?;
            Ok(Told { fields, decision })
        })
        .collect()
}

/// The servers of these URLs, which commas part.
pub(crate) async fn jetstream_of(urls: &str) -> Result<async_nats::jetstream::Context> {
    Ok(async_nats::jetstream::new(async_nats::connect(servers(urls)?).await?))
}

fn servers(urls: &str) -> Result<Vec<async_nats::ServerAddr>> {
    Ok(urls.split(',').map(str::parse).collect::<Result<_, _>>()?)
}

pub(crate) async fn connect_redis(url: &str) -> Result<redis::aio::MultiplexedConnection> {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    Ok(redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?)
}

/// A snapshot of a portfolio with this drawdown, and nothing else that is remarkable.
pub(crate) fn snapshot(drawdown_pct: f64) -> Value {
    json!({
        "total_equity": 10_000.0,
        "drawdown_pct": drawdown_pct,
        "realized_pnl_today": 0.0,
        "unrealized_pnl": 0.0,
        "num_positions": 2,
        "total_exposure_usd": 3000.0,
    })
}

/// The same for another portfolio than `main`.
pub(crate) fn snapshot_of(portfolio: &str, drawdown_pct: f64) -> Value {
    let mut snapshot = snapshot(drawdown_pct);
    snapshot["portfolio_id"] = portfolio.into();
    snapshot
}

pub(crate) fn health(system_status: &str, ess_state: &str) -> Value {
    json!({"system_status": system_status, "ess_state": ess_state})
}

/// Writes a policy under which looser values are granted at once, for tests that need to see something loosen.
pub(crate) fn quick_policy(folder: &std::path::Path) -> Result<std::path::PathBuf> {
    let path = folder.join("policy.toml");
    let quick = "[court]\nconfirm = 1\nconfirm_over = \"0s\"\ncool_down = {}\n";
    std::fs::write(&path, quick)?;
    Ok(path)
}
