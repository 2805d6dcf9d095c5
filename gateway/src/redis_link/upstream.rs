//! A Redis stream as the side that events come from: read without a group, from a position that is kept where the events
//! go; and the backend's own stream of dead letters beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use proto::id::EntryId;
use proto::letter::{Letter, RawValue};
use proto::time::Time;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Script, Value};

use crate::ingest::decode::{Entry, Field};
use crate::ingest::upstream::{BATCH, Batch, Extent, Upstream};
use crate::keys::Keys;

/// How long a read waits for an entry.
const BLOCK: Duration = Duration::from_secs(2);
/// How much longer than that an answer may take before the connection counts as dead.
const ANSWER: Duration = Duration::from_secs(5);
/// About how many letters each stream keeps.
const MAX_LETTERS: usize = 10_000;

/// One stream, over connections of its own.
pub(super) struct RedisUpstream {
    pub(super) stream: String,
    pub(super) keys: Keys,
    pub(super) letter: Script,
    /// Only for reads that block: a blocked command holds up every other on its connection.
    pub(super) blocking: MultiplexedConnection,
    pub(super) plain: MultiplexedConnection,
}

/// A stream's entries as Redis answers them.
type RawEntries = Vec<(String, Vec<Vec<u8>>)>;

impl Upstream for RedisUpstream {
    fn now(&mut self) -> BoxFuture<'_, Result<Time>> {
        self.time().boxed()
    }

    fn extent(&mut self) -> BoxFuture<'_, Result<Option<Extent>>> {
        self.ask_extent().boxed()
    }

    fn began<'a>(&'a mut self, events: &'a str, here: EntryId) -> BoxFuture<'a, Result<EntryId>> {
        self.note_first_start(events, here).boxed()
    }

    fn read(&mut self, after: EntryId) -> BoxFuture<'_, Result<Batch>> {
        self.wait_for_entries(after).boxed()
    }

    fn write_letter<'a>(&'a mut self, letter: &'a Letter) -> BoxFuture<'a, Result<()>> {
        self.add_letter(letter).boxed()
    }
}

impl RedisUpstream {
    async fn wait_for_entries(&mut self, after: EntryId) -> Result<Batch> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis() as u64);
        command.arg("STREAMS").arg(&self.stream).arg(after.to_string());
        let answer = command.query_async::<Option<Vec<(String, RawEntries)>>>(&mut self.blocking);
        let answer = tokio::time::timeout(BLOCK + ANSWER, answer).await.context("Redis does not answer")?;
        let streams = answer.with_context(|| format!("cannot read {}", self.stream))?.unwrap_or_default();
        let entries: Result<Vec<Entry>> = streams
            .into_iter()
            .flat_map(|(_, entries)| entries)
            .map(|(id, fields)| entry(&id, fields))
            .collect();
        Ok(Batch { entries: entries?, now: self.time().await? })
    }

    async fn time(&mut self) -> Result<Time> {
        let (seconds, micros): (i64, i64) =
            redis::cmd("TIME").query_async(&mut self.plain).await.context("cannot ask Redis for the time")?;
        Ok(Time::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000)))
    }

    async fn ask_extent(&mut self) -> Result<Option<Extent>> {
        let exists: bool = redis::cmd("EXISTS").arg(&self.stream).query_async(&mut self.plain).await?;
        if !exists {
            return Ok(None);
        }
        let info: BTreeMap<String, Value> =
            redis::cmd("XINFO").arg("STREAM").arg(&self.stream).query_async(&mut self.plain).await?;
        let field = |name| info.get(name).with_context(|| format!("XINFO STREAM without {name}"));
        let last_generated = String::from_redis_value_ref(field("last-generated-id")?)?.parse()?;
        let first = Option::<(String, Value)>::from_redis_value_ref(field("first-entry")?)?;
        let first = first.map(|(id, _)| id.parse().context("an entry id")).transpose()?;
        let length = u64::from_redis_value_ref(field("length")?)?;
        let added = info.get("entries-added").map(u64::from_redis_value_ref).transpose()?;
        Ok(Some(Extent { first, last_generated, length, added }))
    }

    async fn note_first_start(&mut self, events: &str, here: EntryId) -> Result<EntryId> {
        let (key, field) = (self.keys.first_starts(), format!("{}@{events}", self.stream));
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("HSETNX").arg(&key).arg(&field).arg(here.to_string()).ignore();
        pipe.cmd("HGET").arg(&key).arg(&field);
        let (began,): (String,) =
            pipe.query_async(&mut self.plain).await.context("cannot note where reading begins")?;
        began.parse().with_context(|| format!("where reading began: {key} {field}"))
    }

    async fn add_letter(&mut self, letter: &Letter) -> Result<()> {
        let mistakes = serde_json::to_string(&letter.mistakes).context("mistakes have no JSON form")?;
        let mut call = self.letter.prepare_invoke();
        call.key(self.keys.dead_letter_positions()).key(self.keys.dead_letters(&letter.event_type));
        call.arg(&letter.stream).arg(letter.entry.to_string()).arg(MAX_LETTERS);
        call.arg("dlq_reason").arg(&letter.reason).arg("dlq_mistakes").arg(mistakes);
        call.arg("dlq_stream").arg(&letter.stream).arg("dlq_entry").arg(letter.entry.to_string());
        for field in &letter.fields {
            match &field.value {
                RawValue::Text(text) => call.arg(&field.name).arg(text),
                RawValue::Base64(base64) => call.arg(format!("{}_base64", field.name)).arg(base64),
            };
        }
        let _written: u8 = call.invoke_async(&mut self.plain).await.context("cannot write a dead letter")?;
        Ok(())
    }
}

fn entry(id: &str, flat: Vec<Vec<u8>>) -> Result<Entry> {
    let mut fields = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let Some(name) = flat.next() {
        let Some(value) = flat.next() else { bail!("entry {id} has a name without a value") };
        fields.push(Field { name, value });
    }
    Ok(Entry { id: id.parse()?, fields })
}
