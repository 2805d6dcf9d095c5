//! Wiring: everything that can fail at the start, then the tasks.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mesh::roster::Roster;
use mesh::streams::{MeshConfig, check};
use mesh::{BadConfiguration, Node};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::api::auth::Door;
use crate::api::command::Commander;
use crate::api::guard::Origins;
use crate::api::{Api, router};
use crate::args::GatewayArgs;
use crate::backend::Backend;
use crate::emit::{self, Emit};
use crate::ingest::{self, Ingest};
use crate::metrics::Metrics;
use crate::redis_link::Redis;
use crate::roles::Census;
use crate::status::Status;
use crate::stop::{Stops, TakeOver};
use crate::view;

/// How long requests that are in hand may take once shutdown is requested: a client that never ends its own is left.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Runs the gateway until shutdown is requested.
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
    let wired = tokio::select! {
        wired = look(&node) => wired,
        () = node.shutdown.requested() => return Ok(()),
    };
    let (config, status) = match wired {
        Err(_) if node.shutdown.is_requested() => return Ok(()),
        wired => wired?,
    };
    Census::count(status.clone(), metrics.clone(), &node.shutdown);
    let backend: Arc<dyn Backend> = redis.clone();
    start_redis(&args, &backend, &node, &config, &status, &metrics);
    let (nats, view) = (node.nats.clone(), status.view.clone());
    let (config, brake) = (config.clone(), redis.clone());
    let takeover = TakeOver { brake: redis, node: node.clone(), config: config.clone(), view: view.clone() };
    node.shutdown.spawn("takeover", takeover.run());
    let commander = Commander { nats, config, view, stops, brake };
    serve_http(&args, listener, door, &node, commander, status, metrics);
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
async fn look(node: &Node) -> anyhow::Result<(MeshConfig, Arc<Status>)> {
    let config = check(&node.nats).await?;
    let view = view::follow::watch(node, &config).await?;
    let roster = Roster::watch(&node.nats, &config, &node.shutdown).await?;
    let census = Census::watch(&node.nats, &node.shutdown).await?;
    Ok((config, Arc::new(Status { view, census, roster })))
}

fn start_redis(
    args: &GatewayArgs,
    backend: &Arc<dyn Backend>,
    node: &Node,
    config: &MeshConfig,
    status: &Arc<Status>,
    metrics: &Metrics,
) {
    let options = ingest::Options { max_event_age: args.max_event_age, max_skew: args.max_skew };
    for feed in args.feeds() {
        let name = format!("ingest {}", feed.kind);
        let ingest = Ingest::new(
            feed,
            options,
            backend.clone(),
            node.clone(),
            config.clone(),
            status.view.clone(),
            metrics.clone(),
        );
        node.shutdown.spawn(name, ingest.run());
    }
    let options = emit::Options { keys: args.keys(), document_ttl: args.effective_ttl.into() };
    let emit =
        Emit::new(options, backend.clone(), node.clone(), config.clone(), status.clone(), metrics.clone());
    node.shutdown.spawn("emit", emit.run());
}

fn serve_http(
    args: &GatewayArgs,
    listener: TcpListener,
    door: Door,
    node: &Node,
    commander: Commander,
    status: Arc<Status>,
    metrics: Metrics,
) {
    let config = commander.config.clone();
    let api = Api { status, commander, nats: node.nats.clone(), config, admin: node.admin.clone(), metrics };
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
