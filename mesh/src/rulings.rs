//! Reading RULINGS: the heads of a slot's portfolios, and all rulings as they come.

pub mod fold;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt;
use prometheus_client::metrics::counter::Counter;
use proto::chain::{Chain, Link};
use proto::id::{PortfolioId, RulingHash, Sequence, Slot};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::{Message, ReadError};
use tokio::time::timeout;
use tracing::warn;

use self::fold::Candidate;
use crate::broker::{Reading, Record};
use crate::nats::Nats;
use crate::reader::{Reader, Replaced};
use crate::streams::{MeshConfig, describe};

/// How long the next retained ruling may take before the rulings are read one by one.
const STALLED: Duration = Duration::from_secs(5);

/// How long more is waited for where the server says that something is left, and its last message was read.
const MORE: Duration = Duration::from_millis(500);

/// How often a message that seems not to be there is asked for.
const ASKED: u32 = 4;

/// The header that names the hash of a ruling's bytes: bytes that were changed afterwards do not fit it.
pub const HASH: &str = "Fed-Ruling-Hash";

/// A ruling was changed or lost after it was stored: its portfolio cannot go on, and a person has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The bytes are not those that its header names.
    #[error("the ruling at {0} in RULINGS is not what was stored there")]
    Altered(Sequence),
    /// It follows none that is there, though that has to be.
    #[error("the ruling at {0} in RULINGS follows one that was changed or lost")]
    Orphan(Sequence),
}

impl Damage {
    /// What shows of it in one message by itself. A ruling without the header is older than the header.
    pub fn of(sequence: Sequence, headers: &HeaderMap, payload: &[u8]) -> Option<Self> {
        let named = headers.get(HASH)?;
        (named.as_str() != RulingHash::of(payload).to_string()).then_some(Self::Altered(sequence))
    }
}

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
    /// The portfolios that have no head because their rulings are damaged.
    pub damaged: BTreeMap<PortfolioId, Damage>,
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

impl Followed {
    /// What shows of damage in it.
    pub fn damage(&self) -> Option<Damage> {
        Damage::of(self.sequence, &self.headers, &self.bytes)
    }
}

impl Follower {
    /// The next ruling; waits for it. Can be dropped and called again without losing any.
    ///
    /// # Errors
    /// RULINGS was made anew.
    pub async fn next(&mut self) -> Result<Followed, Replaced> {
        let Record { sequence, subject, headers, payload, .. } = self.0.next().await?;
        let ruling = Ruling::from_bytes(&payload);
        Ok(Followed { sequence, subject, headers, bytes: payload, ruling })
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
/// RULINGS cannot be read now; or, for good, the portfolio's [`Damage`].
pub async fn head(nats: &Nats, slot: Slot, portfolio: &PortfolioId) -> anyhow::Result<Option<Head>> {
    let mut read = heads_of(nats, &nats.subjects.ruling(slot, portfolio)).await?;
    match read.damaged.remove(portfolio) {
        Some(damage) => Err(damage.into()),
        None => Ok(read.heads.remove(portfolio)),
    }
}

/// Whether a ruling of this portfolio counts, by all that the log retains: `read` was read from it, and may be gone since.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn counts(
    nats: &Nats,
    slot: Slot,
    portfolio: &PortfolioId,
    read: Candidate,
) -> anyhow::Result<bool> {
    let mut folding = retained(nats, &nats.subjects.ruling(slot, portfolio)).await?;
    let mut retained = folding.portfolios.remove(portfolio).unwrap_or_default();
    if retained.first().is_none_or(|oldest| oldest.sequence > read.sequence) {
        retained.insert(0, read);
    }
    Ok(fold::counted(&retained).into_iter().any(|index| retained.get(index) == Some(&read)))
}

async fn heads_of(nats: &Nats, filter: &str) -> anyhow::Result<Heads> {
    retained(nats, filter).await?.finish(nats).await
}

async fn retained(nats: &Nats, filter: &str) -> anyhow::Result<Folding> {
    let mut fold = Folding::default();
    let stream = nats.subjects.stream(Stream::Rulings);
    // What a server counts as left is not enough to go by: 2.9 is off by some where messages between were removed. A last
    // message that is damaged may not be told either: then there is only that count.
    let last = nats.broker.last(&stream, filter).await.ok().flatten();
    let end = last.map_or(Sequence(0), |last| last.sequence);
    let Reading { pending, mut records } = nats.broker.read(&stream, filter, Sequence(1)).await?;
    let (mut left, mut read) = (pending, Sequence(0));
    while left > 0 || read < end {
        let patience = if read < end { STALLED } else { MORE };
        let Ok(next) = timeout(patience, records.next()).await else {
            fold.take_singly(nats, filter, read).await?;
            break;
        };
        let Some(record) = next else { bail!("reading RULINGS ended early") };
        let record = record.context("cannot read RULINGS")?;
        (left, read) = (record.pending, record.sequence);
        fold.take(nats, &record);
    }
    Ok(fold)
}

/// The retained rulings of each portfolio, as much of them as the fold needs.
#[derive(Default)]
struct Folding {
    portfolios: BTreeMap<PortfolioId, Vec<Candidate>>,
    last: BTreeMap<PortfolioId, Sequence>,
    damaged: BTreeMap<PortfolioId, Damage>,
    unreadable: BTreeMap<String, u64>,
}

impl Folding {
    /// Takes the next message.
    fn take(&mut self, nats: &Nats, record: &Record) {
        let Some((_, portfolio)) = nats.subjects.parse_ruling(&record.subject) else {
            self.unreadable(&record.subject);
            return;
        };
        self.last.insert(portfolio.clone(), record.sequence);
        if let Some(damage) = Damage::of(record.sequence, &record.headers, &record.payload) {
            self.damaged.entry(portfolio).or_insert(damage);
            return;
        }
        match serde_json::from_slice::<Link>(&record.payload) {
            Ok(Link { portfolio: named, version, previous }) if named == portfolio => {
                let hash = RulingHash::of(&record.payload);
                let candidate = Candidate { sequence: record.sequence, version, previous, hash };
                self.portfolios.entry(portfolio).or_default().push(candidate);
            }
            Ok(_) | Err(_) => self.unreadable(&record.subject),
        }
    }

    /// Takes what comes after `read`, asking for one message after another: a server that finds a message damaged on its
    /// disk delivers neither it nor what follows, but what follows can be had.
    async fn take_singly(&mut self, nats: &Nats, filter: &str, read: Sequence) -> anyhow::Result<()> {
        warn!(filter, after = %read, "RULINGS do not come: reading them one by one");
        let last = describe(nats, &nats.subjects.stream(Stream::Rulings)).await?.state.last_sequence;
        let is_wanted = |subject: &str| match filter.strip_suffix('*') {
            Some(start) => subject.starts_with(start),
            None => subject == filter,
        };
        let mut next = Sequence(read.0 + 1);
        while next.0 <= last {
            let record = one_from(nats, filter, next).await?;
            next = Sequence(record.as_ref().map_or(next, |record| record.sequence).0 + 1);
            if let Some(record) = record.filter(|record| is_wanted(&record.subject)) {
                self.take(nats, &record);
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, subject: &str) {
        *self.unreadable.entry(subject.to_owned()).or_default() += 1;
    }

    /// Reads each head whole.
    async fn finish(mut self, nats: &Nats) -> anyhow::Result<Heads> {
        let mut heads = BTreeMap::new();
        for (portfolio, retained) in self.portfolios {
            if let Some(orphan) = fold::orphan(&retained) {
                self.damaged.entry(portfolio.clone()).or_insert(Damage::Orphan(orphan));
            }
            if self.damaged.contains_key(&portfolio) {
                continue;
            }
            let Some((index, void)) = fold::head(&retained) else { continue };
            let Some(Candidate { sequence, version, hash, .. }) = retained.get(index).copied() else {
                continue;
            };
            let ruling = read(nats, sequence).await.with_context(|| format!("the head of {portfolio}"))?;
            let last_on_subject = self.last.get(&portfolio).copied().unwrap_or(sequence);
            let chain = Chain { version, hash };
            heads.insert(portfolio, Head { chain, sequence, last_on_subject, void, ruling });
        }
        Ok(Heads { heads, damaged: self.damaged, unreadable: self.unreadable })
    }
}

/// The message at a sequence, or the first after it that is wanted: none between was kept then. None is believed only when
/// it is said again and again: who answers may lack the newest messages, and a ruling that seems not to be there would leave
/// the next one without what it follows.
async fn one_from(nats: &Nats, filter: &str, from: Sequence) -> anyhow::Result<Option<Record>> {
    for _ in 0..ASKED {
        if let Some(record) = nats.message(Stream::Rulings, from).await? {
            return Ok(Some(record));
        }
        // Where a message is damaged there may be no answer to this.
        if let Ok(Some(record)) = nats.next_message(Stream::Rulings, filter, from).await {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

async fn read(nats: &Nats, sequence: Sequence) -> anyhow::Result<Ruling> {
    let record = nats.message(Stream::Rulings, sequence).await?;
    let record = record.with_context(|| format!("ruling {sequence} is not kept any more"))?;
    Ruling::from_bytes(&record.payload).with_context(|| format!("ruling {sequence}"))
}
