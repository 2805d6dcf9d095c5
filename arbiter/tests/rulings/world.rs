//! A mesh of one server, and all that its streams hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use async_nats::HeaderMap;
use mesh::nats::Nats;
use mesh::publish::{publish_acked, with_id};
use mesh::role::serve;
use mesh::streams::{MeshConfig, accept, check, provision};
use proto::case::Executive;
use proto::chain::Chain;
use proto::decision::Decision;
use proto::event::{Body, Event, Snapshot, Source};
use proto::id::{EventId, PortfolioId, RulingHash, Sequence};
use proto::ruling::{Position, Ruling};
use proto::subject::Stream;
use proto::testing::{event, snapshot};
use proto::time::{Period, Time};
use proto::wire::Message;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{PATIENCE, Server, options, until};

/// A mesh of one server, some roles in this process, and arbiters as processes.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) nats: Nats,
    pub(crate) config: MeshConfig,
    pub(crate) files: TempDir,
    policy: String,
    roles: Vec<mesh::Node>,
}

/// An arbiter; killed when dropped.
pub(crate) struct Arbiter {
    pub(crate) child: Child,
}

impl Arbiter {
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Arbiter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    pub(crate) async fn new(policy: &str) -> Self {
        let server = Server::start();
        let nats = server.nats("test").await;
        provision(&nats, &options(&[]).unwrap(), false).await.unwrap();
        let config = check(&nats).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("policy.toml"), policy).unwrap();
        Self { server, nats, config, files, policy: policy.to_owned(), roles: Vec::new() }
    }

    pub(crate) async fn with_all_roles(policy: &str) -> Self {
        let mut world = Self::new(policy).await;
        world.serve::<supervisor::Supervisor>("supervisor").await;
        world.serve::<cro::Cro>("cro").await;
        world.serve::<ceo::Ceo>("ceo").await;
        world.serve::<cio::Cio>("cio").await;
        world.serve::<cfo::Cfo>("cfo").await;
        world.serve::<researcher::Researcher>("researcher").await;
        world
    }

    pub(crate) async fn serve<E: Executive>(&mut self, name: &'static str) {
        let node = self.server.node(name, &self.policy).await;
        let served = node.clone();
        tokio::spawn(async move { serve::<E>(&served, 16).await.unwrap() });
        until("the role is ready", async || node.admin.open_conditions().is_empty()).await;
        self.roles.push(node);
    }

    /// Starts an arbiter and waits until it is ready.
    pub(crate) async fn arbiter(&self, name: &str) -> Arbiter {
        self.arbiter_with(name, &[]).await
    }

    pub(crate) async fn arbiter_with(&self, name: &str, args: &[&str]) -> Arbiter {
        let arbiter = self.spawn(name, args);
        until("the arbiter is ready", async || self.is_ready(name).await).await;
        arbiter
    }

    /// Starts an arbiter.
    pub(crate) fn spawn(&self, name: &str, args: &[&str]) -> Arbiter {
        let admin = self.admin(name);
        let _ = std::fs::remove_file(&admin);
        let child = Command::new(env!("CARGO_BIN_EXE_federation-arbiter"))
            .args(["--nats-url", &self.server.url(), "--log-level", "warn"])
            .args(args)
            .arg("--admin-file")
            .arg(&admin)
            .arg("--policy")
            .arg(self.files.path().join("policy.toml"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Arbiter { child }
    }

    fn admin(&self, name: &str) -> PathBuf {
        self.files.path().join(format!("{name}.admin"))
    }

    pub(crate) async fn is_ready(&self, name: &str) -> bool {
        readyz(&self.admin(name)).await.starts_with("HTTP/1.0 200")
    }

    /// Somebody loses EVENTS, and makes it anew. The identity of the one that is gone.
    pub(crate) async fn lose_events(&self) -> String {
        let gone = check(&self.nats).await.unwrap().identity(Stream::Events).to_owned();
        let jetstream = &self.nats.connection().unwrap().jetstream;
        jetstream.delete_stream(self.nats.subjects.stream(Stream::Events)).await.unwrap();
        provision(&self.nats, &options(&[]).unwrap(), false).await.unwrap();
        gone
    }

    pub(crate) async fn is_told_to_accept(&self, name: &str, gone: &str) -> bool {
        let told = readyz(&self.admin(name)).await;
        told.starts_with("HTTP/1.0 503") && told.contains(&format!("--accept-new EVENTS={gone} --by NAME"))
    }

    pub(crate) async fn accept(&self, gone: &str) {
        accept(&self.nats, &[format!("EVENTS={gone}").parse().unwrap()], "ada").await.unwrap();
    }

    pub(crate) async fn publish(&self, event: &Event) {
        let slot = event.portfolio.slot(self.config.slots);
        let subject = self.nats.subjects.event(slot, &event.portfolio, event.kind());
        let bytes = event.to_bytes().unwrap().into();
        publish_acked(&self.nats, subject, with_id(&event.id.to_string()), bytes, PATIENCE).await.unwrap();
    }

    /// Another portfolio of the same slot.
    pub(crate) fn neighbour(&self, portfolio: &PortfolioId) -> PortfolioId {
        let slot = portfolio.slot(self.config.slots);
        (0..).map(self::portfolio).find(|other| other.slot(self.config.slots) == slot).unwrap()
    }

    /// Stores a ruling of a portfolio that is not what its header says: it cannot be taken up.
    pub(crate) async fn damage(&self, portfolio: &PortfolioId) {
        let subject = self.nats.subjects.ruling(portfolio.slot(self.config.slots), portfolio);
        let mut headers = HeaderMap::new();
        headers.insert(mesh::rulings::HASH, RulingHash::of(b"another").to_string());
        publish_acked(&self.nats, subject, headers, "{}".into(), PATIENCE).await.unwrap();
    }

    /// Everything in a stream, in order.
    pub(crate) async fn all(&self, stream: Stream) -> Vec<(Sequence, Vec<u8>)> {
        let handle = self
            .nats
            .connection()
            .unwrap()
            .jetstream
            .get_stream(self.nats.subjects.stream(stream))
            .await
            .unwrap();
        let state = &handle.cached_info().state;
        let mut read = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            read.push((Sequence(sequence), handle.get_raw_message(sequence).await.unwrap().payload.to_vec()));
        }
        read
    }

    /// The rulings that count, by portfolio; each is audited.
    pub(crate) async fn counted(&self) -> BTreeMap<PortfolioId, Vec<Ruling>> {
        let mut chains: BTreeMap<PortfolioId, Chain> = BTreeMap::new();
        let mut counted: BTreeMap<PortfolioId, Vec<Ruling>> = BTreeMap::new();
        for (_, bytes) in self.all(Stream::Rulings).await {
            let Ok(ruling) = Ruling::from_bytes(&bytes) else { continue };
            let chain = chains.entry(ruling.portfolio.clone()).or_default();
            if chain.fold(ruling.version, ruling.previous, RulingHash::of(&bytes)) {
                court::audit(&ruling).unwrap();
                counted.entry(ruling.portfolio.clone()).or_default().push(ruling);
            }
        }
        counted
    }

    /// Waits until every event in EVENTS is ruled; each must be once, in order, with a watermark that holds.
    pub(crate) async fn settled(&self) -> BTreeMap<PortfolioId, Vec<Ruling>> {
        let mut counted = BTreeMap::new();
        until("every event is ruled", async || {
            counted = self.counted().await;
            let ruled: BTreeSet<EventId> = counted.values().flatten().map(|ruling| ruling.event.id).collect();
            let events = self.all(Stream::Events).await;
            events.iter().all(|(_, bytes)| ruled.contains(&Event::from_bytes(bytes).unwrap().id))
        })
        .await;
        for (portfolio, rulings) in &counted {
            let ids: BTreeSet<EventId> = rulings.iter().map(|ruling| ruling.event.id).collect();
            assert_eq!(ids.len(), rulings.len(), "{portfolio}: an event was ruled twice");
            let order: Vec<&Position> = rulings.iter().map(|ruling| &ruling.position).collect();
            let in_order =
                |pair: &[&Position]| pair[0].stream != pair[1].stream || pair[0].sequence <= pair[1].sequence;
            assert!(order.windows(2).all(in_order), "{portfolio}: {order:?}");
        }
        counted
    }

    /// The decisions on their own subjects.
    pub(crate) async fn decisions(&self) -> Vec<Decision> {
        let all = self.all(Stream::Decisions).await;
        all.iter().map(|(_, bytes)| Decision::from_bytes(bytes).unwrap()).collect()
    }
}

/// The answer of `/readyz`; nothing when nobody answers.
async fn readyz(admin: &Path) -> String {
    let mut answer = String::new();
    let Ok(address) = std::fs::read_to_string(admin) else { return answer };
    let Ok(mut stream) = tokio::net::TcpStream::connect(address.trim()).await else { return answer };
    let asked = stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await;
    if asked.is_ok() && stream.read_to_string(&mut answer).await.is_err() {
        answer.clear();
    }
    answer
}

pub(crate) fn portfolio(number: usize) -> PortfolioId {
    format!("desk-{number}").parse().unwrap()
}

/// The `nth` snapshot of a portfolio, five seconds after the one before it, from now on.
pub(crate) fn nth(
    portfolio: &PortfolioId,
    nth: i64,
    start: Time,
    change: impl FnOnce(&mut Snapshot),
) -> Event {
    let mut numbers = snapshot();
    change(&mut numbers);
    let at = start.after(Period::from_secs(5 * nth));
    let entry = proto::id::EntryId { millis: at.as_millis().unsigned_abs(), number: 0 };
    let stream = "quantum:stream:portfolio.snapshot_updated".into();
    let mut event = event(at, Body::Snapshot(numbers));
    event.id = EventId::derive(&["test", portfolio.as_str(), &entry.to_string()]);
    event.source = Source::Redis { stream, entry, through: entry };
    event.portfolio = portfolio.clone();
    event
}
