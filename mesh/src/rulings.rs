//! Reading RULINGS: the heads of a slot's portfolios, and all rulings as they come.

mod fold;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use async_nats::HeaderMap;
use async_nats::jetstream::Message as StreamMessage;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use bytes::Bytes;
use futures::StreamExt;
use prometheus_client::metrics::counter::Counter;
use proto::chain::{Chain, Link};
use proto::id::{PortfolioId, RulingHash, Sequence, Slot};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::{Message, ReadError};
use tokio::time::timeout;

use self::fold::Candidate;
use crate::nats::Nats;
use crate::reader::{Reader, Replaced};
use crate::streams::MeshConfig;

/// How long the next retained ruling may take before reading fails and is begun anew by the caller.
const STALLED: Duration = Duration::from_secs(20);

/// The end of a portfolio's rulings.
#[derive(Debug, Clone)]
pub struct Head {
    /// The latest counted ruling's version and hash.
    pub chain: Chain,
    /// Where it stands in RULINGS.
    pub sequence: Sequence,
    /// The last message on the portfolio's subject; later than the head when void rulings follow it.
    pub last_on_subject: Sequence,
    /// How many of the retained rulings are void.
    pub void: u64,
    /// The latest counted ruling.
    pub ruling: Ruling,
}

/// The heads of one slot.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    /// By portfolio.
    pub heads: BTreeMap<PortfolioId, Head>,
    /// Messages of the slot that are no rulings that this build reads, by subject.
    pub unreadable: BTreeMap<String, u64>,
}

/// A ruling as it came, counted or void.
#[derive(Debug)]
pub struct Followed {
    /// Where it stands in RULINGS.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its bytes: their hash is the next ruling's `previous`.
    pub bytes: Bytes,
    /// The ruling.
    pub ruling: Result<Ruling, ReadError>,
}

/// All rulings, in order.
#[derive(Debug)]
pub struct Follower(Reader);

/// All rulings of all slots, in order, from this sequence on. Ask [`Follower::next`] for them.
pub fn follow(nats: &Nats, config: &MeshConfig, from: Sequence) -> Follower {
    let (stream, all) = (nats.subjects.stream(Stream::Rulings), nats.subjects.of_stream(Stream::Rulings));
    Follower(Reader::new(nats, stream, config.identity(Stream::Rulings), all, from))
}

impl Follower {
    /// The next ruling; waits for it. Can be dropped and called again without losing any.
    ///
    /// # Errors
    /// RULINGS was made anew.
    pub async fn next(&mut self) -> Result<Followed, Replaced> {
        let (sequence, message) = self.0.next().await?;
        let ruling = Ruling::from_bytes(&message.payload);
        let headers = message.headers.clone().unwrap_or_default();
        let subject = message.subject.to_string();
        Ok(Followed { sequence, subject, headers, bytes: message.payload.clone(), ruling })
    }

    /// Counts there how often reading has to begin anew.
    #[must_use]
    pub fn count_restarts(self, restarts: &Counter) -> Self {
        Self(self.0.count_restarts(restarts))
    }
}

/// Folds all retained rulings of a slot.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn heads(nats: &Nats, slot: Slot) -> anyhow::Result<Heads> {
    heads_of(nats, &nats.subjects.rulings_of_slot(slot)).await
}

/// Folds all retained rulings of one portfolio.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn head(nats: &Nats, slot: Slot, portfolio: &PortfolioId) -> anyhow::Result<Option<Head>> {
    let mut read = heads_of(nats, &nats.subjects.ruling(slot, portfolio)).await?;
    Ok(read.heads.remove(portfolio))
}

async fn heads_of(nats: &Nats, filter: &str) -> anyhow::Result<Heads> {
    let mut fold = Folding::default();
    let config = OrderedConfig {
        filter_subject: filter.to_owned(),
        deliver_policy: DeliverPolicy::All,
        ..OrderedConfig::default()
    };
    let stream = nats.subjects.stream(Stream::Rulings);
    let made = nats.jetstream.create_consumer_on_stream(config, stream).await;
    let consumer = made.context("cannot make a consumer on RULINGS")?;
    let mut left = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.context("cannot read RULINGS")?;
    while left > 0 {
        let next = timeout(STALLED, messages.next()).await.context("RULINGS do not come")?;
        let Some(message) = next else { bail!("reading RULINGS ended early") };
        left = fold.take(nats, &message.context("cannot read RULINGS")?)?;
    }
    fold.finish(nats).await
}

/// The retained rulings of each portfolio, as much of them as the fold needs.
#[derive(Default)]
struct Folding {
    portfolios: BTreeMap<PortfolioId, Vec<Candidate>>,
    last: BTreeMap<PortfolioId, Sequence>,
    unreadable: BTreeMap<String, u64>,
}

impl Folding {
    /// Takes the next message; how many are left.
    fn take(&mut self, nats: &Nats, message: &StreamMessage) -> anyhow::Result<u64> {
        let info = message.info().map_err(|failed| anyhow!(failed)).context("a message without its place")?;
        let (sequence, left) = (Sequence(info.stream_sequence), info.pending);
        let subject = nats.subjects.parse_ruling(&message.subject);
        let Some((_, portfolio)) = subject else {
            self.unreadable(&message.subject);
            return Ok(left);
        };
        self.last.insert(portfolio.clone(), sequence);
        match serde_json::from_slice::<Link>(&message.payload) {
            Ok(Link { portfolio: named, version, previous }) if named == portfolio => {
                let hash = RulingHash::of(&message.payload);
                let candidate = Candidate { sequence, version, previous, hash };
                self.portfolios.entry(portfolio).or_default().push(candidate);
            }
            Ok(_) | Err(_) => self.unreadable(&message.subject),
        }
        Ok(left)
    }

    fn unreadable(&mut self, subject: &str) {
        *self.unreadable.entry(subject.to_owned()).or_default() += 1;
    }

    /// Reads each head whole.
    async fn finish(self, nats: &Nats) -> anyhow::Result<Heads> {
        let mut heads = BTreeMap::new();
        for (portfolio, retained) in self.portfolios {
            let Some((index, void)) = fold::head(&retained) else { continue };
            let Some(Candidate { sequence, version, hash, .. }) = retained.get(index).copied() else {
                continue;
            };
            let ruling = read(nats, sequence).await.with_context(|| format!("the head of {portfolio}"))?;
            let last_on_subject = self.last.get(&portfolio).copied().unwrap_or(sequence);
            let chain = Chain { version, hash };
            heads.insert(portfolio, Head { chain, sequence, last_on_subject, void, ruling });
        }
        Ok(Heads { heads, unreadable: self.unreadable })
    }
}

async fn read(nats: &Nats, sequence: Sequence) -> anyhow::Result<Ruling> {
    let name = nats.subjects.stream(Stream::Rulings);
    let stream = nats.jetstream.get_stream_no_info(&name).await.context("no stream handle")?;
    let message = stream.get_raw_message(sequence.0).await;
    let message = message.with_context(|| format!("cannot read ruling {sequence} of {name}"))?;
    Ruling::from_bytes(&message.payload).with_context(|| format!("ruling {sequence} of {name}"))
}
