//! Everything that a mesh wrote, as it stands in the streams and in Redis.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use mesh::broker::Broker as _;
use mesh::nats::Connection;
use proto::chain::Chain;
use proto::decision::Decision;
use proto::event::Event;
use proto::id::{EntryId, PortfolioId, RulingHash, Sequence};
use proto::letter::Letter;
use proto::ruling::Ruling;
use proto::wire::Message as _;
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use crate::market::EVENT_TYPES;
use crate::sent::number_of;

/// How long the next message of a stream may take.
const STALLED: Duration = Duration::from_secs(10);

/// A message of a stream: its sequence and bytes.
pub(crate) type Kept = (u64, Vec<u8>);

/// Everything that a mesh wrote: as it stands, and as it reads.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) events: Vec<Kept>,
    pub(crate) rulings: Vec<Kept>,
    pub(crate) decisions: Vec<Kept>,
    pub(crate) dead: Vec<Kept>,
    pub(crate) redis: InRedis,
    pub(crate) read: Read,
}

/// What stands in Redis.
#[derive(Debug, Default)]
pub(crate) struct InRedis {
    /// What came in: the entries of each item.
    pub(crate) entries: BTreeMap<u64, Vec<EntryId>>,
    /// What the backend was told, in order.
    pub(crate) told: Vec<Decision>,
    /// The entries of the letters, by their stream.
    pub(crate) letters: Vec<(String, EntryId)>,
    /// What is in effect, by portfolio.
    pub(crate) documents: BTreeMap<PortfolioId, Value>,
}

/// What was read of the streams.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// By sequence.
    pub(crate) events: BTreeMap<u64, Event>,
    /// The rulings that count, in the order of the log.
    pub(crate) rulings: Vec<Ruling>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) letters: Vec<Letter>,
    chains: BTreeMap<PortfolioId, Chain>,
}

impl Tape {
    /// Reads on where it was read up to, and Redis anew.
    pub(crate) async fn read_on(
        &mut self,
        nats: &Connection,
        redis: &mut MultiplexedConnection,
        portfolios: impl Iterator<Item = PortfolioId>,
    ) -> Result<()> {
        let Self { events, rulings, decisions, dead, read, .. } = self;
        for (sequence, bytes) in read_on(nats, "EVENTS", "fed.event.>", events).await? {
            read.events.insert(*sequence, Event::from_bytes(bytes)?);
        }
        for (sequence, bytes) in read_on(nats, "RULINGS", "fed.ruling.>", rulings).await? {
            read.take_ruling(bytes).with_context(|| format!("RULINGS {sequence}"))?;
        }
        for (_, bytes) in read_on(nats, "DECISIONS", "fed.decision.>", decisions).await? {
            read.decisions.push(Decision::from_bytes(bytes)?);
        }
        for (_, bytes) in read_on(nats, "DEAD", "fed.dead.>", dead).await? {
            read.letters.push(Letter::from_bytes(bytes)?);
        }
        self.redis = InRedis::read(redis, portfolios).await?;
        Ok(())
    }
}

impl Read {
    /// Takes the next ruling of the log, if it counts by the fold.
    fn take_ruling(&mut self, bytes: &[u8]) -> Result<()> {
        let ruling = Ruling::from_bytes(bytes)?;
        let chain = self.chains.entry(ruling.portfolio.clone()).or_default();
        if chain.fold(ruling.version, ruling.previous, RulingHash::of(bytes)) {
            self.rulings.push(ruling);
        }
        Ok(())
    }
}

/// Reads what came to a stream since, and gives that back.
async fn read_on<'a>(
    nats: &Connection,
    stream: &str,
    filter: &str,
    kept: &'a mut Vec<Kept>,
) -> Result<&'a [Kept]> {
    let before = kept.len();
    let last = nats.jetstream.get_stream(stream).await?.get_info().await?.state.last_sequence;
    let mut read = kept.last().map_or(0, |(sequence, _)| *sequence);
    if read >= last {
        return Ok(&[]);
    }
    let mut reading = nats.read(stream, filter, Sequence(read + 1)).await?;
    while read < last {
        let next = tokio::time::timeout(STALLED, reading.records.next()).await;
        let record = next.ok().flatten();
        let record = record.with_context(|| format!("{stream} does not come after {read} of {last}"))??;
        read = record.sequence.0;
        kept.push((read, record.payload.to_vec()));
    }
    Ok(kept.get(before..).unwrap_or_default())
}

/// The entries of a Redis stream: id and fields.
type Entries = Vec<(String, BTreeMap<String, String>)>;

async fn entries(redis: &mut MultiplexedConnection, stream: String) -> Result<Entries> {
    Ok(redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query_async(redis).await?)
}

impl InRedis {
    async fn read(
        redis: &mut MultiplexedConnection,
        portfolios: impl Iterator<Item = PortfolioId>,
    ) -> Result<Self> {
        let mut read = Self::default();
        for event_type in EVENT_TYPES {
            for (id, fields) in entries(redis, format!("quantum:stream:{event_type}")).await? {
                let number = fields
                    .get("correlation_id")
                    .and_then(|mark| number_of(mark))
                    .context("an entry without a mark")?;
                read.entries.entry(number).or_default().push(id.parse()?);
            }
            for (_, fields) in entries(redis, format!("quantum:dlq:{event_type}")).await? {
                let field = |name: &str| {
                    fields.get(name).cloned().with_context(|| format!("a letter without {name}"))
                };
                read.letters.push((field("dlq_stream")?, field("dlq_entry")?.parse()?));
            }
        }
        for (_, fields) in entries(redis, "quantum:stream:ai.federation.decision_made".to_owned()).await? {
            let payload: Value =
                serde_json::from_str(fields.get("payload").context("a decision without payload")?)?;
            read.told.push(serde_json::from_value(payload["data"].clone())?);
        }
        for portfolio in portfolios {
            let key = format!("quantum:federation:effective:{portfolio}");
            let document: Option<String> = redis::cmd("GET").arg(key).query_async(redis).await?;
            if let Some(document) = document {
                read.documents.insert(portfolio, serde_json::from_str(&document)?);
            }
        }
        Ok(read)
    }
}
