//! The way to the fake and back: connections that are refused, calls that are lost, answers that do not come.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::backend::Backend;
use gateway::emit::batch::Batch as Rulings;
use gateway::emit::downstream::{Document, Downstream, Position, Written};
use gateway::emit::encode::OutEntry;
use gateway::ingest::decode::{Entry, Field};
use gateway::ingest::upstream::{BATCH, Batch, Extent, Upstream};
use proto::id::EntryId;
use proto::letter::Letter;
use proto::time::{Period, Time};
use tokio::time::{Instant, sleep, timeout_at};

use super::faults::Journey;
use super::store::{Fields, Store};
use super::{FakeRedis, Server};

/// As long as the real reader waits for an entry.
const BLOCK: Duration = Duration::from_secs(2);
/// How long an effective document lives.
const DOCUMENT_TTL: Period = Period::from_secs(90);

/// One connection.
#[derive(Debug)]
struct Link {
    redis: FakeRedis,
    /// Which life of the server it was made in.
    life: u64,
}

#[derive(Debug)]
struct UpstreamLink {
    link: Link,
    stream: String,
}

#[derive(Debug)]
struct DownstreamLink(Link);

impl Backend for FakeRedis {
    fn upstream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Box<dyn Upstream>>> {
        async move {
            let link = self.connect().await?;
            Ok(Box::new(UpstreamLink { link, stream: stream.to_owned() }) as Box<dyn Upstream>)
        }
        .boxed()
    }

    fn downstream(&self) -> BoxFuture<'_, Result<Box<dyn Downstream>>> {
        async move { Ok(Box::new(DownstreamLink(self.connect().await?)) as Box<dyn Downstream>) }.boxed()
    }
}

impl FakeRedis {
    async fn connect(&self) -> Result<Link> {
        let (refused, life) = {
            let mut server = self.server();
            (server.weather.refuses(), server.lives)
        };
        sleep(Duration::from_millis(1)).await;
        ensure!(!refused, "cannot connect to Redis");
        Ok(Link { redis: self.clone(), life })
    }
}

impl Link {
    /// One call: what it does is done at once, if it arrives.
    async fn call<T>(&self, command: impl FnOnce(&mut Store, Time) -> T + Send) -> Result<T> {
        let journey = self.redis.server().weather.journey();
        match journey {
            Journey::Arrives(delay) => {
                sleep(delay / 2).await;
                let answer = self.done(command)?;
                sleep(delay / 2).await;
                Ok(answer)
            }
            Journey::Lost(delay) => {
                sleep(delay).await;
                bail!("the connection to Redis broke")
            }
            Journey::Unanswered(delay) => {
                self.done(command)?;
                sleep(delay).await;
                bail!("Redis does not answer")
            }
        }
    }

    fn done<T>(&self, command: impl FnOnce(&mut Store, Time) -> T) -> Result<T> {
        let mut server = self.redis.server();
        ensure!(server.lives == self.life, "the connection to Redis broke");
        let Server { store, clock, skew, .. } = &mut *server;
        Ok(command(store, clock.now().after(*skew)))
    }
}

impl Upstream for UpstreamLink {
    fn now(&mut self) -> BoxFuture<'_, Result<Time>> {
        self.link.call(|_, now| now).boxed()
    }

    fn extent(&mut self) -> BoxFuture<'_, Result<Option<Extent>>> {
        let stream = self.stream.clone();
        async move { self.link.call(|store, _| store.extent(&stream)).await }.boxed()
    }

    fn began<'a>(&'a mut self, events: &'a str, here: EntryId) -> BoxFuture<'a, Result<EntryId>> {
        let Self { link, stream } = self;
        link.call(move |store, _| store.began(stream, events, here)).boxed()
    }

    fn read(&mut self, after: EntryId) -> BoxFuture<'_, Result<Batch>> {
        self.wait_for_entries(after).boxed()
    }

    fn write_letter<'a>(&'a mut self, letter: &'a Letter) -> BoxFuture<'a, Result<()>> {
        self.link.call(|store, now| store.write_letter(letter, now)).boxed()
    }
}

impl UpstreamLink {
    async fn wait_for_entries(&mut self, after: EntryId) -> Result<Batch> {
        let deadline = Instant::now() + BLOCK;
        loop {
            let added = self.link.redis.0.added.notified();
            let read = |store: &mut Store, now| (store.after(&self.stream, after, BATCH), now);
            let (entries, now) = self.link.call(read).await?;
            if !entries.is_empty() || Instant::now() >= deadline {
                return Ok(Batch { entries: entries.into_iter().map(entry).collect(), now });
            }
            // Whether it was woken or the time is over: it looks again.
            let _ = timeout_at(deadline, added).await;
        }
    }
}

impl Downstream for DownstreamLink {
    fn position(&mut self) -> BoxFuture<'_, Result<Position>> {
        async move { Position::from_fields(&self.0.call(|store, _| store.position.clone()).await?) }.boxed()
    }

    fn write<'a>(&'a mut self, identity: &'a str, batch: &'a Rulings) -> BoxFuture<'a, Result<Written>> {
        self.0.call(|store, now| store.write(identity, batch, DOCUMENT_TTL, now)).boxed()
    }

    fn renew<'a>(&'a mut self, documents: &'a [Document]) -> BoxFuture<'a, Result<()>> {
        self.0.call(|store, now| store.renew(documents, DOCUMENT_TTL, now)).boxed()
    }

    fn tell<'a>(&'a mut self, entry: &'a OutEntry) -> BoxFuture<'a, Result<()>> {
        self.0.call(|store, now| store.tell(entry, now)).boxed()
    }
}

fn entry((id, fields): (EntryId, Fields)) -> Entry {
    let field =
        |(name, value): (String, String)| Field { name: name.into_bytes(), value: value.into_bytes() };
    Entry { id, fields: fields.into_iter().map(field).collect() }
}
