//! A gateway's process without HTTP: the real view, ingest and emit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
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
use mesh::roster::Roster;
use mesh::streams::check;
use proto::time::Period;
use tokio::task::JoinHandle;

use crate::broker::{Bus, Link};
use crate::process::Habitat;
use crate::redis::FakeRedis;

/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(40);

/// A running gateway.
pub(super) struct Gateway {
    name: String,
    link: Arc<Link>,
    node: Node,
    main: JoinHandle<Result<()>>,
}

impl Gateway {
    pub(super) fn start(habitat: &Habitat, redis: &FakeRedis, name: String) -> Self {
        let link = habitat.bus.link(&name);
        let node = habitat.node("gateway", &link);
        habitat.bus.note(&format!("start {name}"));
        let main = tokio::spawn(work(node.clone(), Arc::new(redis.clone())));
        Self { name, link, node, main }
    }

    /// Ends it where it stands.
    pub(super) fn kill(self, bus: &Bus) {
        bus.note(&format!("kill {}", self.name));
        self.link.end();
        self.node.shutdown.kill();
        self.main.abort();
    }

    /// Ends it in order.
    pub(super) async fn stop(self) -> Result<(), String> {
        let ended = self.node.shutdown.finish(GRACE).await;
        self.link.end();
        self.main.abort();
        ended.map_err(|failed| format!("{} did not end in order: {failed:#}", self.name))
    }
}

async fn work(node: Node, backend: Arc<dyn Backend>) -> Result<()> {
    let config = check(&node.nats).await?;
    let view = view::follow::watch(&node, &config).await?;
    let roster = Roster::watch(&node.nats, &config, &node.shutdown).await?;
    let census = Census::watch(&node.nats, &node.shutdown).await?;
    let status = Arc::new(Status { view: view.clone(), census, roster, patience: Vec::new() });
    let (keys, metrics) = (Keys::default(), Metrics::default());
    let options = ingest::Options {
        max_event_age: Period::from_secs(60),
        max_skew: Period::from_secs(60),
        first_start: FirstStart::Ago(Period::from_secs(60)),
    };
    for kind in FeedKind::ALL {
        let feed = Feed { kind, stream: keys.stream(kind.event_type()), drawdown: DrawdownUnit::Fraction };
        let (backend, config) = (backend.clone(), config.clone());
        let ingest = Ingest::new(feed, options, backend, node.clone(), config, view.clone(), metrics.clone());
        node.shutdown.spawn(format!("ingest {kind}"), ingest.run());
    }
    let options = emit::Options { keys, document_ttl: Duration::from_secs(90) };
    let emit = Emit::new(options, backend, node.clone(), config, status, metrics);
    node.shutdown.spawn("emit", emit.run());
    node.shutdown.requested().await;
    Ok(())
}
