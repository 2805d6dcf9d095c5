//! Servers on free ports, the gateway between them, and waiting for a state.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use local::port;
use mesh::nats::Nats;
use mesh::streams::{Options, describe, provision};
use proto::id::{RulingHash, Sequence, SlotCount};
use proto::ruling::{Position, Ruling};
use proto::subject::{Stream, Subjects};
use proto::time::Period;
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::testing::stored;

/// An entry of a Redis stream.
pub(crate) type Fields = BTreeMap<String, String>;

/// Two servers, and the gateway where it was started.
pub(crate) struct World {
    _folder: TempDir,
    _servers: [Child; 2],
    gateway: Option<Child>,
    redis_url: String,
    nats_url: String,
    http: String,
    pub(crate) redis: MultiplexedConnection,
    pub(crate) nats: Nats,
    pub(crate) client: reqwest::Client,
}

fn patience() -> Duration {
    let raised = std::env::var("FED_TEST_PATIENCE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(raised.unwrap_or(20))
}

/// Asks again and again until there is an answer.
pub(crate) async fn wait_for<T, F, Fut>(what: &str, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let started = Instant::now();
    let mut last = None;
    loop {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(failed) => last = Some(failed),
        }
        if started.elapsed() > patience() {
            bail!("waited {:?} in vain for {what}: {last:?}", started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn server(variable: &str, default: &str) -> Command {
    let mut command = Command::new(std::env::var(variable).unwrap_or_else(|_| default.to_owned()));
    command.kill_on_drop(true).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

fn nats_server(folder: &Path, port: u16) -> Result<Child> {
    let mut command = server("FED_NATS_SERVER", "nats-server");
    command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(folder);
    command.spawn().context("nats-server")
}

/// A Redis server on this port, which ends with what is returned.
pub(crate) fn redis_server(folder: &Path, port: u16) -> Result<Child> {
    let mut command = server("FED_REDIS_SERVER", "redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(folder);
    command.spawn().context("redis-server")
}

/// A connection to a Redis server, once it answers.
pub(crate) async fn connected(client: &redis::Client) -> Result<MultiplexedConnection> {
    wait_for("redis-server", || async { Ok(Some(client.get_multiplexed_async_connection().await?)) }).await
}

fn copied(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn options() -> Options {
    let age = Period::from_hours(24);
    Options {
        slots: SlotCount::default(),
        replicas: 1,
        history: 64,
        events_age: age,
        events_bytes: 1 << 26,
        decisions_age: age,
        decisions_bytes: 1 << 26,
        dead_age: age,
        dead_bytes: 1 << 26,
        lease_ttl: Period::from_secs(3),
    }
}

impl World {
    /// Servers and streams, without a gateway.
    pub(crate) async fn servers() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (nats_port, redis_port) = (port::free()?, port::free()?);
        let servers = [nats_server(folder.path(), nats_port)?, redis_server(folder.path(), redis_port)?];
        let (nats_url, redis_url) =
            (format!("nats://127.0.0.1:{nats_port}"), format!("redis://127.0.0.1:{redis_port}"));
        let client =
            wait_for("nats-server", || async { Ok(Some(async_nats::connect(&nats_url).await?)) }).await?;
        let nats = Nats::over(client, Subjects::default());
        wait_for("the streams", || async { Ok(Some(provision(&nats, &options(), false).await?)) }).await?;
        let redis = connected(&redis::Client::open(redis_url.as_str())?).await?;
        let http = format!("127.0.0.1:{}", port::free()?);
        let client = reqwest::Client::new();
        Ok(Self {
            _folder: folder,
            _servers: servers,
            gateway: None,
            redis_url,
            nats_url,
            http,
            redis,
            nats,
            client,
        })
    }

    /// The same with a gateway that is ready.
    pub(crate) async fn start() -> Result<Self> {
        let mut world = Self::servers().await?;
        world.start_gateway().await?;
        Ok(world)
    }

    /// Makes the streams that are missing.
    pub(crate) async fn provision(&self) -> Result<()> {
        provision(&self.nats, &options(), false).await.map(drop)
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) async fn start_gateway(&mut self) -> Result<()> {
        self.start_gateway_with(&[]).await
    }

    /// The same with further arguments.
    pub(crate) async fn start_gateway_with(&mut self, args: &[&str]) -> Result<()> {
        self.spawn_gateway_with(args)?;
        let (client, url) = (self.client.clone(), self.url("/readyz"));
        wait_for("the gateway", || async {
            let answer = client.get(&url).send().await?;
            let ready = answer.status().is_success();
            if ready { Ok(Some(())) } else { bail!("{}", answer.text().await?) }
        })
        .await
    }

    /// Starts the gateway.
    pub(crate) fn spawn_gateway(&mut self) -> Result<()> {
        self.spawn_gateway_with(&[])
    }

    fn spawn_gateway_with(&mut self, args: &[&str]) -> Result<()> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_federation-gateway"));
        command.args([
            "--nats-url",
            &self.nats_url,
            "--redis-url",
            &self.redis_url,
            "--http-addr",
            &self.http,
        ]);
        command.args(args);
        command.args(["--log-level", &std::env::var("FED_TEST_LOG").unwrap_or_else(|_| "error".to_owned())]);
        self.gateway = Some(command.kill_on_drop(true).spawn().context("federation-gateway")?);
        Ok(())
    }

    /// Kills the gateway as a power failure would.
    pub(crate) async fn kill_gateway(&mut self) -> Result<()> {
        let mut gateway = self.gateway.take().context("no gateway runs")?;
        gateway.kill().await.context("kill")
    }

    /// Asks the gateway to stop, and waits for it.
    pub(crate) async fn stop_gateway(&mut self) -> Result<ExitStatus> {
        let mut gateway = self.gateway.take().context("no gateway runs")?;
        let id = gateway.id().context("the gateway has ended")?;
        Command::new("kill").arg("-TERM").arg(id.to_string()).status().await?;
        tokio::time::timeout(patience(), gateway.wait())
            .await
            .context("the gateway does not end")?
            .context("wait")
    }

    /// Stops the NATS server, and keeps a copy of all that it has.
    pub(crate) async fn save_nats(&mut self) -> Result<()> {
        self.kill_nats().await?;
        copied(&self.nats_folder(), &self._folder.path().join("saved"))?;
        self.start_nats()
    }

    /// Stops the NATS server, and starts it with what was saved: it lost everything since.
    pub(crate) async fn roll_nats_back(&mut self) -> Result<()> {
        self.kill_nats().await?;
        std::fs::remove_dir_all(self.nats_folder())?;
        copied(&self._folder.path().join("saved"), &self.nats_folder())?;
        self.start_nats()
    }

    fn nats_folder(&self) -> PathBuf {
        self._folder.path().join("jetstream")
    }

    /// Starts the NATS server again, with what it had.
    pub(crate) fn start_nats(&mut self) -> Result<()> {
        let port = self.nats_url.rsplit(':').next().and_then(|port| port.parse().ok()).context("port")?;
        self._servers[0] = nats_server(self._folder.path(), port)?;
        Ok(())
    }

    /// Stops the NATS server for good.
    pub(crate) async fn kill_nats(&mut self) -> Result<()> {
        self._servers[0].kill().await.context("kill")
    }

    /// Stops the Redis server.
    pub(crate) async fn kill_redis(&mut self) -> Result<()> {
        self._servers[1].kill().await.context("kill")
    }

    /// Starts the Redis server again, with nothing in it.
    pub(crate) fn start_redis(&mut self) -> Result<()> {
        let port = self.redis_url.rsplit(':').next().and_then(|port| port.parse().ok()).context("port")?;
        self._servers[1] = redis_server(self._folder.path(), port)?;
        Ok(())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// Publishes an event as the backend does.
    pub(crate) async fn xadd(&mut self, event_type: &str, payload: &str) -> Result<String> {
        let mut command = redis::cmd("XADD");
        command.arg(format!("quantum:stream:{event_type}")).arg("*").arg("event_type").arg(event_type);
        command.arg("payload").arg(payload).arg("trace_id").arg("").arg("correlation_id").arg("test");
        command.arg("timestamp").arg("").arg("source").arg("test");
        command.query_async(&mut self.redis).await.context("XADD")
    }

    /// Every entry of a Redis stream.
    pub(crate) async fn entries(&self, key: &str) -> Result<Vec<Fields>> {
        let mut redis = self.redis.clone();
        let entries: Vec<(String, Fields)> =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut redis).await?;
        Ok(entries.into_iter().map(|(_, fields)| fields).collect())
    }

    /// Waits until a Redis stream has this many entries, and returns them.
    pub(crate) async fn entries_when(&self, key: &str, count: usize) -> Result<Vec<Fields>> {
        wait_for(&format!("{count} entries of {key}"), || async {
            let entries = self.entries(key).await?;
            if entries.len() == count { Ok(Some(entries)) } else { bail!("{} entries", entries.len()) }
        })
        .await
    }

    /// Appends a ruling as an arbiter does; its hash. It is on this EVENTS, and on nothing that EVENTS has lost.
    pub(crate) async fn append(&self, ruling: &Ruling) -> Result<RulingHash> {
        let events = describe(&self.nats, &self.nats.subjects.stream(Stream::Events)).await?;
        let position = Position { stream: events.created, sequence: Sequence(0), through: Sequence(0) };
        let (bytes, hash) = stored(&Ruling { position, ..ruling.clone() });
        let subject =
            self.nats.subjects.ruling(ruling.portfolio.slot(SlotCount::default()), &ruling.portfolio);
        self.nats.connection()?.jetstream.publish(subject, bytes.into()).await?.await?;
        Ok(hash)
    }

    /// Everything in a stream of the mesh: subject and message.
    pub(crate) async fn messages(&self, stream: Stream) -> Result<Vec<(String, Value)>> {
        let mut stream =
            self.nats.connection()?.jetstream.get_stream(self.nats.subjects.stream(stream)).await?;
        let last = stream.info().await?.state.last_sequence;
        let mut messages = Vec::new();
        for sequence in 1..=last {
            let message = stream.get_raw_message(sequence).await?;
            messages.push((message.subject.to_string(), serde_json::from_slice(&message.payload)?));
        }
        Ok(messages)
    }

    /// Waits until a stream of the mesh has this many messages, and returns them.
    pub(crate) async fn messages_when(&self, stream: Stream, count: usize) -> Result<Vec<(String, Value)>> {
        wait_for(&format!("{count} messages of {stream:?}"), || async {
            let messages = self.messages(stream).await?;
            if messages.len() == count { Ok(Some(messages)) } else { bail!("{} messages", messages.len()) }
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let answer = self.client.get(self.url(path)).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.send(self.client.post(self.url(path)).json(body)).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value)> {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await?))
    }
}
