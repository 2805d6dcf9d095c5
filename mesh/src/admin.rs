//! Health and metrics over HTTP: `/livez`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tracing::info;

use crate::BadConfiguration;
use crate::shutdown::Shutdown;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics and readiness of this process.
#[derive(Debug, Clone, Default)]
pub struct Admin {
    registry: Arc<Mutex<Registry>>,
    readiness: Arc<Mutex<BTreeMap<String, Option<String>>>>,
    details: Arc<Mutex<BTreeMap<String, String>>>,
}

/// One of the things that have to hold before the process is ready.
#[derive(Debug, Clone)]
pub struct Condition {
    name: String,
    readiness: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

/// A condition that is nobody's any more once this is dropped: it stands against nothing then.
#[derive(Debug)]
pub struct Passing(Condition);

impl Admin {
    /// No metrics, no conditions: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers metrics.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut locked(&self.registry));
    }

    /// Adds a condition, which does not hold yet.
    pub fn condition(&self, name: impl Into<String>) -> Condition {
        let condition = Condition { name: name.into(), readiness: Arc::clone(&self.readiness) };
        condition.open("starting");
        condition
    }

    /// Says something about this process that `/readyz` tells as well; the latest of a name stands.
    pub fn tell(&self, name: impl Into<String>, detail: impl Into<String>) {
        locked(&self.details).insert(name.into(), detail.into());
    }

    /// The conditions that do not hold, each with its reason; none when the process is ready.
    pub fn open_conditions(&self) -> BTreeMap<String, String> {
        let readiness = locked(&self.readiness);
        readiness.iter().filter_map(|(name, why)| Some((name.clone(), why.clone()?))).collect()
    }

    /// The metrics in the OpenMetrics text format.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &locked(&self.registry));
        text
    }

    /// The routes; a binary that serves HTTP itself mounts them on its own port too.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    /// Serves the routes on `address` as long as the process lives. The bound address is logged, and written to `file`.
    ///
    /// # Errors
    /// The address cannot be bound, or the file cannot be written.
    pub async fn serve(&self, address: &str, file: Option<&Path>, shutdown: &Shutdown) -> anyhow::Result<()> {
        let listener = TcpListener::bind(address).await.map_err(|failed| unbound(address, failed))?;
        let bound = listener.local_addr().context("cannot read the bound admin address")?;
        info!(addr = %bound, "listening");
        if let Some(file) = file {
            write_address(file, bound).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let router = self.router();
        shutdown.attend("admin", async move {
            axum::serve(listener, router).await.context("the admin server ended")
        });
        Ok(())
    }
}

impl Condition {
    /// It holds.
    pub fn hold(&self) {
        locked(&self.readiness).insert(self.name.clone(), None);
    }

    /// It does not hold, and why.
    pub fn open(&self, why: impl Into<String>) {
        locked(&self.readiness).insert(self.name.clone(), Some(why.into()));
    }

    /// The condition lasts as long as what is returned.
    #[must_use]
    pub fn passing(&self) -> Passing {
        Passing(self.clone())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.hold();
    }
}

fn unbound(address: &str, failed: io::Error) -> anyhow::Error {
    if failed.kind() == io::ErrorKind::InvalidInput {
        return BadConfiguration::new(format!("--admin-addr {address:?}: expected HOST:PORT")).into();
    }
    anyhow::Error::from(failed).context(format!("cannot bind admin address {address}"))
}

/// Whoever reads the file sees a whole address or no file.
fn write_address(file: &Path, bound: SocketAddr) -> io::Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, format!("{bound}\n"))?;
    fs::rename(&draft, file)
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let open = admin.open_conditions();
    let (status, word) = match open.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let mut text = format!("{word}\n");
    for (name, told) in open.iter().chain(locked(&admin.details).iter()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: {told}");
    }
    (status, text).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], admin.metrics()).into_response()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[tokio::test]
    async fn not_ready_names_every_open_condition() {
        let admin = Admin::new();
        let nats = admin.condition("nats");
        let streams = admin.condition("streams");
        assert_eq!(admin.open_conditions().len(), 2);
        nats.hold();
        streams.open("RULINGS is missing");
        let response = readyz(State(admin.clone())).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        streams.hold();
        assert_eq!(readyz(State(admin)).await.status(), StatusCode::OK);
    }

    #[test]
    fn metrics_are_written_as_open_metrics() {
        let admin = Admin::new();
        let seen = Counter::<u64>::default();
        admin.register(|registry| registry.register("fed_seen", "Things seen", seen.clone()));
        seen.inc();
        assert!(admin.metrics().contains("fed_seen_total 1\n"), "{}", admin.metrics());
    }
}
