//! A gateway's process without HTTP: the real view, ingest and emit, shared by leases or not.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures::future::{FutureExt as _, TryFutureExt as _, try_join_all};
use gateway::backend::Backend;
use gateway::emit::{self, Emit};
use gateway::feed::{DrawdownUnit, Feed, FeedKind, FirstStart};
use gateway::ingest::{self, Ingest};
use gateway::keys::Keys;
use gateway::metrics::Metrics;
use gateway::roles::Census;
use gateway::status::Status;
use gateway::view;
use mesh::Node;
use mesh::lease::{self, Group, Lease, Leasing};
use mesh::roster::Roster;
use mesh::shutdown::Shutdown;
use mesh::streams::{MeshConfig, check};
use proto::time::Period;
use tokio::task::JoinHandle;

use crate::broker::{Bus, Link};
use crate::process::{Habitat, complaints};
use crate::redis::FakeRedis;

/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(40);

/// A running gateway.
pub(super) struct Gateway {
    pub(super) name: String,
    pub(super) link: Arc<Link>,
    node: Node,
    main: JoinHandle<Result<()>>,
}

impl Gateway {
    pub(super) fn start(
        habitat: &Habitat,
        redis: &FakeRedis,
        name: String,
        leases: Leasing,
        metrics: Metrics,
    ) -> Self {
        let link = habitat.bus.link(&name);
        let node = habitat.node("gateway", &link);
        habitat.bus.note(&format!("start {name}"));
        let main = tokio::spawn(work(node.clone(), Arc::new(redis.clone()), leases, metrics));
        Self { name, link, node, main }
    }

    /// Why it is not ready, where it is not.
    pub(super) fn complaints(&self) -> Vec<String> {
        complaints(&self.name, &self.node)
    }

    /// Ends it where it stands.
    pub(super) fn kill(self, bus: &Bus) {
        bus.note(&format!("kill {}", self.name));
        self.link.end();
        self.node.shutdown.kill();
        self.main.abort();
    }

    /// It ended although nobody asked it to.
    pub(super) fn has_failed(&self) -> bool {
        self.main.is_finished() || self.node.shutdown.is_requested()
    }

    /// Ends it in order.
    pub(super) async fn stop(self) -> Result<(), String> {
        let ended = self.node.shutdown.finish(GRACE).await;
        self.link.end();
        self.main.abort();
        ended.map_err(|failed| format!("{} did not end in order: {failed:#}", self.name))
    }
}

async fn work(node: Node, backend: Arc<dyn Backend>, leases: Leasing, metrics: Metrics) -> Result<()> {
    let config = check(&node.nats).await?;
    let view = view::follow::watch(&node, &config).await?;
    let roster = Roster::watch(&node.nats, &config, &node.shutdown).await?;
    let census = Census::watch(&node.nats, &node.shutdown).await?;
    let status = Arc::new(Status { view, census, roster, patience: Vec::new() });
    let (ingest, emit) = (Lease::named("ingest"), Lease::named("emit"));
    let group = Group { name: "gateway", leases: [ingest.clone(), emit].into() };
    let bridge = Bridge { node: node.clone(), backend, config: config.clone(), status, metrics };
    lease::share(&node, &config, group, leases, move |lease, shutdown| {
        if *lease == ingest { bridge.ingest(shutdown).boxed() } else { bridge.emit(shutdown).boxed() }
    });
    node.shutdown.requested().await;
    Ok(())
}

/// Both directions, as the gateway's own binary wires them.
struct Bridge {
    node: Node,
    backend: Arc<dyn Backend>,
    config: MeshConfig,
    status: Arc<Status>,
    metrics: Metrics,
}

impl Bridge {
    fn ingest(&self, shutdown: Shutdown) -> impl Future<Output = Result<()>> + use<> {
        let (keys, metrics) = (Keys::default(), self.metrics.clone());
        let options = ingest::Options {
            max_event_age: Period::from_secs(60),
            max_skew: Period::from_secs(60),
            first_start: FirstStart::Ago(Period::from_secs(60)),
        };
        let node = Node { shutdown, ..self.node.clone() };
        let feeds = FeedKind::ALL.map(|kind| {
            let feed =
                Feed { kind, stream: keys.stream(kind.event_type()), drawdown: DrawdownUnit::Fraction };
            let (backend, config) = (self.backend.clone(), self.config.clone());
            let view = self.status.view.clone();
            Ingest::new(feed, options, backend, node.clone(), config, view, metrics.clone()).run()
        });
        try_join_all(feeds).map_ok(drop)
    }

    fn emit(&self, shutdown: Shutdown) -> impl Future<Output = Result<()>> + use<> {
        let options = emit::Options { keys: Keys::default(), document_ttl: Duration::from_secs(90) };
        let node = Node { shutdown, ..self.node.clone() };
        let (config, status) = (self.config.clone(), self.status.clone());
        Emit::new(options, self.backend.clone(), node, config, status, self.metrics.clone()).run()
    }
}
