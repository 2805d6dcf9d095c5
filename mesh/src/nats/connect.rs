//! Connecting to NATS: who we are, how long is tried, and what is known about the connection meanwhile.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tracing::{error, info, warn};

use super::REQUEST_TIMEOUT;
use super::refusals::{Refusals, WHAT_TO_DO};
use crate::admin::{Admin, Condition};
use crate::args::MeshArgs;
use crate::backoff::Backoff;
use crate::identity::{Identity, Seed};
use crate::metric;
use crate::node::BadConfiguration;
use crate::shutdown::Shutdown;

/// How often the connection is tried; two unanswered pings end it. A server that hangs is left well before the leaders that
/// it had are replaced.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How long connecting to one server may take before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest pause between attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is known about the connection, for probes and metrics.
#[derive(Debug, Clone)]
struct Watch {
    condition: Condition,
    connected: Gauge,
    slow_consumers: Counter,
    disconnects: Counter,
    refusals: Refusals,
}

/// All that connecting takes.
struct Prepared {
    servers: Vec<ServerAddr>,
    identity: Identity,
    /// The public key, or that there is none.
    key: String,
    condition: Condition,
    options: ConnectOptions,
}

/// Connects; waits for the server, saying so, until shutdown is requested.
pub(super) async fn connect(
    service: &str,
    args: &MeshArgs,
    admin: &Admin,
    shutdown: &Shutdown,
) -> anyhow::Result<Client> {
    let Prepared { servers, identity, key, condition, options } =
        Prepared::of(service, args, admin, shutdown).await?;
    let mut backoff = Backoff::new(Duration::from_millis(200), LONGEST_PAUSE);
    loop {
        let attempt = tokio::select! {
            attempt = options.clone().connect(&servers[..]) => attempt,
            () = shutdown.requested() => anyhow::bail!("shutdown was requested before NATS was there"),
        };
        match attempt {
            Ok(client) => return Ok(client),
            Err(failed) if failed.kind() == ConnectErrorKind::AuthorizationViolation => {
                error!(url = %args.nats_url, "NATS does not take identity {identity} ({key}): {failed}. {WHAT_TO_DO}");
                condition.open(format!("NATS does not take identity {identity} ({key})"));
            }
            Err(failed) => warn!(url = %args.nats_url, "waiting for NATS: {failed}"),
        }
        tokio::select! { () = backoff.wait() => {}, () = shutdown.requested() => {} }
    }
}

/// Connects whenever the server is there; returns at once.
pub(super) async fn connect_later(
    service: &str,
    args: &MeshArgs,
    admin: &Admin,
    shutdown: &Shutdown,
) -> anyhow::Result<Client> {
    let Prepared { servers, condition, options, .. } = Prepared::of(service, args, admin, shutdown).await?;
    condition.open("not connected yet");
    Ok(options.retry_on_initial_connect().connect(&servers[..]).await?)
}

impl Prepared {
    async fn of(service: &str, args: &MeshArgs, admin: &Admin, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let servers = servers(&args.nats_url)?;
        let identity = Identity::of_service(service);
        let seed = args.nats_nkey.as_deref().map(seed).transpose()?;
        let key = seed.as_ref().map_or_else(|| "no nkey".to_owned(), Seed::public_key);
        let watch = Watch::new(admin, Refusals::watch(&identity, &key, admin, shutdown));
        let condition = watch.condition.clone();
        let options = options(service, &identity, seed.as_ref(), args).await?;
        let options = options.event_callback(move |event| watch.see(&event));
        Ok(Self { servers, identity, key, condition, options })
    }
}

impl Watch {
    fn new(admin: &Admin, refusals: Refusals) -> Self {
        let watch = Self {
            condition: admin.condition("nats"),
            connected: Gauge::default(),
            slow_consumers: Counter::default(),
            disconnects: Counter::default(),
            refusals,
        };
        admin.register(|registry| {
            registry.register(metric::NATS_CONNECTED, "1 while connected to NATS", watch.connected.clone());
            let slow = watch.slow_consumers.clone();
            registry.register(metric::NATS_SLOW_CONSUMERS, "Full local queues: messages may be lost", slow);
            registry.register(
                metric::NATS_DISCONNECTS,
                "Lost connections to NATS",
                watch.disconnects.clone(),
            );
        });
        watch
    }

    fn see(&self, event: &Event) -> std::future::Ready<()> {
        match event {
            Event::Connected => {
                info!("connected to NATS");
                self.connected.set(1);
                self.condition.hold();
            }
            Event::Disconnected => {
                warn!("lost the connection to NATS");
                self.connected.set(0);
                self.disconnects.inc();
                self.condition.open("not connected");
            }
            Event::Closed => {
                self.connected.set(0);
                self.condition.open("closed");
            }
            Event::SlowConsumer(subscription) => {
                warn!(subscription, "a local queue is full: messages may be lost");
                self.slow_consumers.inc();
            }
            Event::LameDuckMode => info!("this NATS server is about to leave; moving to another"),
            Event::Draining => info!("draining the connection to NATS"),
            Event::ServerError(failed) => {
                if !self.refusals.take(failed) {
                    warn!("NATS server: {failed}");
                }
            }
            Event::ClientError(failed) => warn!("NATS client: {failed}"),
        }
        std::future::ready(())
    }
}

fn servers(urls: &str) -> anyhow::Result<Vec<ServerAddr>> {
    let parsed: Result<Vec<ServerAddr>, _> = urls.split(',').map(|url| url.trim().parse()).collect();
    parsed.map_err(|failed| BadConfiguration::new(format!("--nats-url {urls:?}: {failed}")).into())
}

async fn options(
    service: &str,
    identity: &Identity,
    seed: Option<&Seed>,
    args: &MeshArgs,
) -> anyhow::Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(format!("federation-{service}"))
        .custom_inbox_prefix(args.prefix.inbox(identity.name()))
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .reconnect_delay_callback(|attempt| {
            let doubled = Duration::from_millis(50) * 2_u32.pow(u32::try_from(attempt.min(6)).unwrap_or(6));
            doubled.min(LONGEST_PAUSE)
        });
    if let Some(file) = &args.nats_creds {
        let read = options.credentials_file(file).await;
        options = read.map_err(|failed| unusable("--nats-creds", file, &failed))?;
    }
    if let Some(seed) = seed {
        options = options.nkey(seed.secret()?);
    }
    if let Some(file) = &args.nats_ca {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&args.nats_cert, &args.nats_key) {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(options)
}

fn seed(file: &Path) -> anyhow::Result<Seed> {
    Seed::read(file).map_err(|failed| unusable("--nats-nkey", file, &failed))
}

fn unusable(flag: &str, file: &Path, failed: &dyn std::error::Error) -> anyhow::Error {
    BadConfiguration::new(format!("{flag} {}: {failed}", file.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_separated_by_commas() {
        assert_eq!(servers("nats://a:4222, nats://b:4222").unwrap().len(), 2);
        assert!(servers("nats://a:port").unwrap_err().is::<BadConfiguration>());
    }
}
