//! Reading a Redis stream: without a group, from a position that is kept where the events go.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use proto::id::EntryId;
use proto::time::{Period, Time};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};

use super::decode::{Entry, Field};
use crate::redis_link::{connect, connect_blocking};

/// How many entries one read takes at most.
pub const BATCH: usize = 128;
/// How long a read waits for an entry.
const BLOCK: Duration = Duration::from_secs(2);
/// How much longer than that an answer may take before the connection counts as dead.
const ANSWER: Duration = Duration::from_secs(5);

/// A reader of one stream.
pub struct Source {
    stream: String,
    /// Only for reads that block: a blocked command holds up every other on its connection.
    blocking: MultiplexedConnection,
    plain: MultiplexedConnection,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// After this entry.
    pub after: EntryId,
    /// Redis is behind the position: it lost entries that were read before.
    pub rolled_back: bool,
    /// The oldest entry there is, where entries before it may have been trimmed unread.
    pub gap_before: Option<EntryId>,
}

/// What a read brought.
#[derive(Debug)]
pub struct Batch {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The time of Redis, by the clock that gives entries their ids.
    pub now: Time,
}

/// The stream's own account of itself.
struct Extent {
    first: Option<EntryId>,
    last_generated: EntryId,
}

/// A stream's entries as Redis answers them.
type RawEntries = Vec<(String, Vec<Vec<u8>>)>;

impl Source {
    /// Connects.
    ///
    /// # Errors
    /// Redis is not there.
    pub async fn open(client: &redis::Client, stream: &str) -> anyhow::Result<Self> {
        let (blocking, plain) = (connect_blocking(client).await?, connect(client).await?);
        Ok(Self { stream: stream.to_owned(), blocking, plain })
    }

    /// Where to begin, given where an earlier reader was; without a position, `max_age` ago.
    ///
    /// # Errors
    /// Redis did not answer.
    pub async fn start(&mut self, position: Option<EntryId>, max_age: Period) -> anyhow::Result<Start> {
        let now = self.now().await?;
        let Some(position) = position else {
            let after = before_all_of(now.before(max_age));
            return Ok(Start { after, rolled_back: false, gap_before: None });
        };
        let extent = self.extent().await?;
        // Where the stream is gone, its next entry gets an id of now.
        let last = extent.as_ref().map_or(before_all_of(now), |extent| extent.last_generated);
        let gap_before = extent.and_then(|extent| extent.first).filter(|first| *first > position);
        Ok(Start { after: position.min(last), rolled_back: last < position, gap_before })
    }

    /// The oldest entry there is, where entries after `after` may have been trimmed unread.
    ///
    /// # Errors
    /// Redis did not answer.
    pub async fn gap_after(&mut self, after: EntryId) -> anyhow::Result<Option<EntryId>> {
        Ok(self.first().await?.filter(|first| *first > after))
    }

    /// The next entries, or none when there are none for a while. Can be dropped without losing any.
    ///
    /// # Errors
    /// Redis did not answer.
    pub async fn read(&mut self, after: EntryId) -> anyhow::Result<Batch> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis() as u64);
        command.arg("STREAMS").arg(&self.stream).arg(after.to_string());
        let answer = command.query_async::<Option<Vec<(String, RawEntries)>>>(&mut self.blocking);
        let answer = tokio::time::timeout(BLOCK + ANSWER, answer).await.context("Redis does not answer")?;
        let streams = answer.with_context(|| format!("cannot read {}", self.stream))?.unwrap_or_default();
        let entries: anyhow::Result<Vec<Entry>> = streams
            .into_iter()
            .flat_map(|(_, entries)| entries)
            .map(|(id, fields)| entry(&id, fields))
            .collect();
        Ok(Batch { entries: entries?, now: self.now().await? })
    }

    async fn now(&mut self) -> anyhow::Result<Time> {
        let (seconds, micros): (i64, i64) =
            redis::cmd("TIME").query_async(&mut self.plain).await.context("cannot ask Redis for the time")?;
        Ok(Time::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000)))
    }

    async fn extent(&mut self) -> anyhow::Result<Option<Extent>> {
        let exists: bool = redis::cmd("EXISTS").arg(&self.stream).query_async(&mut self.plain).await?;
        if !exists {
            return Ok(None);
        }
        let info: BTreeMap<String, Value> =
            redis::cmd("XINFO").arg("STREAM").arg(&self.stream).query_async(&mut self.plain).await?;
        let last = info.get("last-generated-id").context("XINFO STREAM without last-generated-id")?;
        let last_generated = String::from_redis_value_ref(last)?.parse()?;
        Ok(Some(Extent { first: self.first().await?, last_generated }))
    }

    async fn first(&mut self) -> anyhow::Result<Option<EntryId>> {
        let mut command = redis::cmd("XRANGE");
        command.arg(&self.stream).arg("-").arg("+").arg("COUNT").arg(1);
        let entries: RawEntries = command.query_async(&mut self.plain).await?;
        entries.first().map(|(id, _)| id.parse().context("an entry id")).transpose()
    }
}

/// The last id before all that this millisecond may bring.
fn before_all_of(time: Time) -> EntryId {
    EntryId { millis: time.as_millis().unsigned_abs().saturating_sub(1), number: u64::MAX }
}

fn entry(id: &str, flat: Vec<Vec<u8>>) -> anyhow::Result<Entry> {
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let Some(name) = flat.next() {
        let Some(value) = flat.next() else { bail!("entry {id} has a name without a value") };
        fields.push(Field { name, value });
    }
    Ok(Entry { id: id.parse()?, fields })
}
