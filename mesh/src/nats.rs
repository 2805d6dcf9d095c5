//! The connection to NATS: one for each process, named after it, reconnecting for ever.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::{self, stream::LastRawMessageErrorKind};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use futures::StreamExt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use proto::subject::{Stream, Subjects};
use tracing::{info, warn};

use crate::admin::{Admin, Condition};
use crate::args::MeshArgs;
use crate::backoff::Backoff;
use crate::metric;
use crate::node::BadConfiguration;
use crate::shutdown::Shutdown;

/// How often the connection is tried; two unanswered pings end it.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause between attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one request to JetStream may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection and what is said over it.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The connection.
    pub client: Client,
    /// JetStream on it.
    pub jetstream: jetstream::Context,
    /// All names.
    pub subjects: Subjects,
}

/// What is known about the connection, for probes and metrics.
#[derive(Debug, Clone)]
struct Watch {
    condition: Condition,
    connected: Gauge,
    slow_consumers: Counter,
    disconnects: Counter,
}

impl Nats {
    /// Connects; waits for the server, saying so, until shutdown is requested.
    ///
    /// # Errors
    /// A file or address is not usable, or shutdown was requested meanwhile.
    pub async fn connect(
        service: &str,
        args: &MeshArgs,
        admin: &Admin,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let servers = servers(&args.nats_url)?;
        let watch = Watch::new(admin);
        let options = options(service, args).await?.event_callback(move |event| watch.see(&event));
        let mut backoff = Backoff::new(Duration::from_millis(200), LONGEST_PAUSE);
        loop {
            let attempt = tokio::select! {
                attempt = options.clone().connect(&servers[..]) => attempt,
                () = shutdown.requested() => anyhow::bail!("shutdown was requested before NATS was there"),
            };
            match attempt {
                Ok(client) => return Ok(Self::over(client, args.prefix.clone())),
                Err(failed) => warn!(url = %args.nats_url, "waiting for NATS: {failed}"),
            }
            tokio::select! { () = backoff.wait() => {}, () = shutdown.requested() => {} }
        }
    }

    /// Over a connection that exists.
    pub fn over(client: Client, subjects: Subjects) -> Self {
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Self { client, jetstream, subjects }
    }

    /// The server's version, as `(major, minor, patch)`.
    pub fn server_version(&self) -> (u64, u64, u64) {
        parse_version(&self.client.server_info().version)
    }

    /// Returns once the server has taken everything that was sent before: flushing alone empties only our own buffer.
    ///
    /// # Errors
    /// The connection broke, or the answer took too long.
    pub async fn round_trip(&self) -> anyhow::Result<()> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.context("cannot subscribe to the inbox")?;
        self.client.publish(inbox, bytes::Bytes::new()).await.context("cannot publish to the inbox")?;
        let came = tokio::time::timeout(REQUEST_TIMEOUT, echo.next()).await;
        came.ok().flatten().map(drop).context("no round trip to the server")
    }

    /// The last message of a subject (which may hold wildcards), read from the stream's leader.
    ///
    /// # Errors
    /// The leader did not answer.
    pub async fn last_message(
        &self,
        stream: Stream,
        subject: &str,
    ) -> anyhow::Result<Option<jetstream::message::StreamMessage>> {
        let name = self.subjects.stream(stream);
        let handle = self.jetstream.get_stream_no_info(&name).await.context("no stream handle")?;
        match handle.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(failed) if matches!(failed.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(failed) => Err(failed).with_context(|| format!("cannot read the last message of {subject}")),
        }
    }

    /// Sends what is still in our buffer, and waits for that a bounded time.
    pub async fn finish(&self) {
        if tokio::time::timeout(REQUEST_TIMEOUT, self.client.flush()).await.is_err() {
            warn!("the last messages may not have reached NATS");
        }
    }
}

impl Watch {
    fn new(admin: &Admin) -> Self {
        let watch = Self {
            condition: admin.condition("nats"),
            connected: Gauge::default(),
            slow_consumers: Counter::default(),
            disconnects: Counter::default(),
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
            Event::ServerError(failed) => warn!("NATS server: {failed}"),
            Event::ClientError(failed) => warn!("NATS client: {failed}"),
        }
        std::future::ready(())
    }
}

fn servers(urls: &str) -> anyhow::Result<Vec<ServerAddr>> {
    let parsed: Result<Vec<ServerAddr>, _> = urls.split(',').map(|url| url.trim().parse()).collect();
    parsed.map_err(|failed| BadConfiguration::new(format!("--nats-url {urls:?}: {failed}")).into())
}

async fn options(service: &str, args: &MeshArgs) -> anyhow::Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(format!("federation-{service}"))
        .custom_inbox_prefix(format!("_INBOX.{service}"))
        .ping_interval(PING_INTERVAL)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .reconnect_delay_callback(|attempt| {
            let doubled = Duration::from_millis(50) * 2_u32.pow(u32::try_from(attempt.min(6)).unwrap_or(6));
            doubled.min(LONGEST_PAUSE)
        });
    if let Some(file) = &args.nats_creds {
        let read = options.credentials_file(file).await;
        options = read.map_err(|failed| unusable("--nats-creds", file, &failed))?;
    }
    if let Some(file) = &args.nats_nkey {
        let seed = tokio::fs::read_to_string(file).await;
        let seed = seed.map_err(|failed| unusable("--nats-nkey", file, &failed))?;
        options = options.nkey(seed.trim().to_owned());
    }
    if let Some(file) = &args.nats_ca {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&args.nats_cert, &args.nats_key) {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(options)
}

fn unusable(flag: &str, file: &Path, failed: &std::io::Error) -> anyhow::Error {
    BadConfiguration::new(format!("{flag} {}: {failed}", file.display())).into()
}

fn parse_version(text: &str) -> (u64, u64, u64) {
    let mut numbers = text.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse_version("2.9.10"), (2, 9, 10));
        assert_eq!(parse_version("2.12.0-RC.1"), (2, 12, 0));
        assert_eq!(parse_version(""), (0, 0, 0));
    }

    #[test]
    fn several_servers_are_separated_by_commas() {
        assert_eq!(servers("nats://a:4222, nats://b:4222").unwrap().len(), 2);
        assert!(servers("nats://a:port").unwrap_err().is::<BadConfiguration>());
    }
}
