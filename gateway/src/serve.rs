//! Wiring: everything that can fail at the start, then the tasks.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt as _;
use futures::future::try_join_all;
use mesh::lease::{self, Group, Lease};
use mesh::roster::Roster;
use mesh::shutdown::Shutdown;
use mesh::streams::{MeshConfig, check_telling};
use mesh::{BadConfiguration, Node};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::api::auth::Door;
use crate::api::button::Button;
use crate::api::command::Commander;
use crate::api::guard::Origins;
use crate::api::{Api, Mesh, router};
use crate::args::GatewayArgs;
use crate::backend::Backend;
use crate::emit::{self, Emit};
use crate::ingest::{self, Ingest};
use crate::metrics::Metrics;
use crate::redis_link::Redis;
use crate::roles::Census;
use crate::status::{Patience, Status};
use crate::stop::{Brake, Stops, TakeOver};
use crate::view::{self, receipts};

/// How long requests that are in hand may take once shutdown is requested: a client that never ends its own is left.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Runs the gateway until shutdown is requested. HTTP is served from the beginning: a freeze needs no mesh.
///
/// # Errors
/// Something that it cannot start with.
pub async fn serve(args: GatewayArgs, node: Node) -> anyhow::Result<()> {
    let redis = Arc::new(redis(&args)?);
    let stops = Stops::read(&node.policy)?;
    let listener = listen(&args).await?;
    let door = args.door()?;
    let metrics = Metrics::register(&node.admin);
    let wiring = node.admin.condition("start");
    let brake: Arc<dyn Brake> = redis.clone();
    let button = Button { nats: node.nats.clone(), stops, brake: brake.clone() };
    let api = Api {
        mesh: Arc::default(),
        button: button.clone(),
        nats: node.nats.clone(),
        admin: node.admin.clone(),
        metrics: metrics.clone(),
        backend: redis.clone(),
    };
    serve_http(&args, listener, door, &node, api.clone());
    let wired = tokio::select! {
        wired = look(&node, args.patience()) => wired,
        () = node.shutdown.requested() => return Ok(()),
    };
    let (config, status) = match wired {
        Err(_) if node.shutdown.is_requested() => return Ok(()),
        wired => wired?,
    };
    Census::count(status.clone(), metrics.clone(), &node.shutdown);
    let (nats, view) = (node.nats.clone(), status.view.clone());
    let commander = Commander { nats, config: config.clone(), view: view.clone(), button };
    // Only this sets it.
    let _ = api.mesh.set(Mesh { status: status.clone(), commander });
    let takeover = TakeOver { brake, node: node.clone(), config: config.clone(), view };
    node.shutdown.spawn("takeover", takeover.run());
    node.shutdown.attend("receipts", receipts::watch(node.clone(), config.clone(), status.view.clone()));
    let bridge = Bridge { args, backend: redis, node: node.clone(), config, status, metrics };
    bridge.share();
    wiring.hold();
    node.shutdown.requested().await;
    Ok(())
}

fn redis(args: &GatewayArgs) -> Result<Redis, BadConfiguration> {
    let client = redis::Client::open(args.redis_url.as_str());
    let client = client.map_err(|failed| BadConfiguration::new(format!("--redis-url: {failed}")))?;
    let (keys, document_ttl) = (args.keys(), args.effective_ttl.into());
    Ok(Redis { client, keys, document_ttl, allow_eviction: args.allow_eviction })
}

async fn listen(args: &GatewayArgs) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(&args.http_addr).await;
    let listener = bound.with_context(|| format!("cannot serve HTTP on {}", args.http_addr))?;
    let address = listener.local_addr().context("cannot read the bound HTTP address")?;
    args.check_bound(address)?;
    if !address.ip().is_loopback() && args.accounts.is_none() {
        warn!(%address, "HTTP is open to other machines and there are no accounts: whoever reaches it may command");
    }
    Ok(listener)
}

/// What the mesh is and has come to.
async fn look(node: &Node, patience: Vec<Patience>) -> anyhow::Result<(MeshConfig, Arc<Status>)> {
    let found = node.admin.condition("mesh");
    found.open("waiting for NATS");
    node.nats.connected().await;
    let config = check_telling(&node.nats, &found).await?;
    let view = view::follow::watch(node, &config).await?;
    let roster = Roster::watch(&node.nats, &config, &node.shutdown).await?;
    let census = Census::watch(&node.nats, &node.shutdown).await?;
    Ok((config, Arc::new(Status { view, census, roster, patience })))
}

/// What one gateway at a time does; all of them serve HTTP.
struct Bridge {
    args: GatewayArgs,
    backend: Arc<dyn Backend>,
    node: Node,
    config: MeshConfig,
    status: Arc<Status>,
    metrics: Metrics,
}

impl Bridge {
    /// Shares both directions with all other gateways.
    fn share(self) {
        let (ingest, emit) = (Lease::named("ingest"), Lease::named("emit"));
        let group = Group { name: "gateway", leases: [ingest.clone(), emit].into() };
        let (node, config, leasing) = (self.node.clone(), self.config.clone(), self.args.leases);
        lease::share(&node, &config, group, leasing, move |lease, shutdown| {
            if *lease == ingest { self.ingest(shutdown).boxed() } else { self.emit(shutdown).boxed() }
        });
    }

    /// Every feed, until the lease has to go to another gateway or shutdown is requested.
    fn ingest(&self, shutdown: Shutdown) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let Self { args, .. } = self;
        let options = ingest::Options {
            max_event_age: args.max_event_age,
            max_skew: args.max_skew,
            first_start: args.first_start(),
        };
        let node = Node { shutdown, ..self.node.clone() };
        let feeds = args.feeds().into_iter().map(|feed| {
            let (config, view, metrics) =
                (self.config.clone(), self.status.view.clone(), self.metrics.clone());
            Ingest::new(feed, options, self.backend.clone(), node.clone(), config, view, metrics).run()
        });
        let feeds = try_join_all(feeds);
        async move { feeds.await.map(drop) }
    }

    /// The decisions, until the lease has to go to another gateway or shutdown is requested.
    fn emit(&self, shutdown: Shutdown) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let Self { args, .. } = self;
        let options = emit::Options { keys: args.keys(), document_ttl: args.effective_ttl.into() };
        let node = Node { shutdown, ..self.node.clone() };
        let (config, status, metrics) = (self.config.clone(), self.status.clone(), self.metrics.clone());
        Emit::new(options, self.backend.clone(), node, config, status, metrics).run()
    }
}

fn serve_http(args: &GatewayArgs, listener: TcpListener, door: Door, node: &Node, api: Api) {
    let router = router(api, &Origins(args.cors_origin.clone()), door);
    if let Ok(address) = listener.local_addr() {
        info!(%address, "serving HTTP");
    }
    let (asked, overdue) = (node.shutdown.clone(), node.shutdown.clone());
    node.shutdown.spawn("http", async move {
        let service = router.into_make_service();
        let served =
            axum::serve(listener, service).with_graceful_shutdown(async move { asked.requested().await });
        tokio::select! {
            served = served.into_future() => served.context("the HTTP server ended"),
            () = async { overdue.requested().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
        }
    });
}
