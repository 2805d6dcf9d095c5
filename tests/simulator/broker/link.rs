//! One client's connection to the broker: it can be cut, come back, and end with its process.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::HeaderMap;
use async_nats::jetstream::stream::State as StreamState;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, unfold};
use futures::{FutureExt as _, StreamExt as _};
use mesh::broker::{Broker, NoReply, Reading, Record, Reply};
use mesh::nats::{Connection, REQUEST_TIMEOUT};
use mesh::publish::{NotStored, Stored};
use mesh::streams::Description;
use proto::id::Sequence;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Bus;
use super::faults::Journey;
use super::stream::Stream;

/// The most messages that a stale read lacks, or a consumer repeats.
const FEW: u64 = 5;
/// What a service sets when it could not answer.
const SERVICE_ERROR: &str = "Nats-Service-Error";

/// A connection.
pub(crate) struct Link {
    bus: Bus,
    name: String,
    line: Mutex<Line>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Up,
    Cut,
    /// Its process is gone, and with it what it had not sent.
    Gone,
}

#[derive(Debug)]
struct Line {
    wire: Wire,
    connects: u64,
}

/// Where a consumer is.
struct Cursor {
    link: Arc<Link>,
    stream: String,
    created: String,
    filter: String,
    next: u64,
    silent: bool,
    connects: u64,
}

impl Link {
    pub(crate) fn new(bus: Bus, name: &str) -> Self {
        let line = Mutex::new(Line { wire: Wire::Up, connects: 1 });
        Self { bus, name: name.to_owned(), line, changed: Notify::new() }
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap()
    }

    /// How often it was connected: again when it was mended, and when the server came back.
    fn connects(&self) -> u64 {
        let restarts = self.bus.state().restarts;
        restarts + self.line().connects
    }

    fn set(&self, wire: Wire) {
        self.bus.note(&format!("link {} {wire:?}", self.name));
        let mut line = self.line();
        if wire == Wire::Up && line.wire == Wire::Cut {
            line.connects += 1;
        }
        line.wire = wire;
        drop(line);
        self.changed.notify_waiters();
    }

    /// Cuts it; what is sent meanwhile waits here.
    pub(crate) fn cut(&self) {
        self.bus.state().injected.count("lost connection");
        self.set(Wire::Cut);
    }

    pub(crate) fn mend(&self) {
        self.set(Wire::Up);
    }

    /// The process is gone.
    pub(crate) fn end(&self) {
        self.set(Wire::Gone);
    }

    /// Waits for the wire; false when it will never be there again.
    async fn up(&self) -> bool {
        loop {
            match self.line().wire {
                Wire::Up => return true,
                Wire::Gone => return false,
                Wire::Cut => {}
            }
            self.changed.notified().await;
        }
    }

    fn delay(&self) -> Duration {
        let mut state = self.bus.state();
        let state = &mut *state;
        state.faults.delay(&mut state.random)
    }

    /// A message on its way to the broker, and its acknowledgement on its way back. Whoever sent it may be gone meanwhile.
    fn send(self: Arc<Self>, journey: Journey, message: Message, acknowledge: oneshot::Sender<Acked>) {
        let (delay, arrives, answers) = match journey {
            Journey::Arrives(delay) => (delay, true, true),
            Journey::Unacknowledged(delay) | Journey::Late(delay) => (delay, true, false),
            Journey::Lost => (Duration::ZERO, false, false),
        };
        tokio::spawn(async move {
            if !arrives || !self.up().await {
                return;
            }
            let restarts = self.bus.state().restarts;
            sleep(delay).await;
            if self.bus.state().restarts != restarts {
                // It went to a server that is gone.
                return;
            }
            let stored = self.bus.append(&message.subject, &message.headers, &message.payload);
            if answers {
                sleep(self.delay()).await;
                let _ = acknowledge.send(stored);
            }
        });
    }

    fn journey(&self) -> Journey {
        let mut state = self.bus.state();
        let state = &mut *state;
        let journey = state.faults.journey(&mut state.random);
        match journey {
            Journey::Arrives(_) => {}
            Journey::Unacknowledged(_) => state.injected.count("lost acknowledgement"),
            Journey::Late(_) => state.injected.count("late message"),
            Journey::Lost => state.injected.count("lost message"),
        }
        journey
    }

    /// One question to a stream's leader.
    async fn ask<T>(
        &self,
        name: &str,
        question: impl FnOnce(&Stream, u64) -> T,
    ) -> anyhow::Result<Option<T>> {
        let connected = timeout(REQUEST_TIMEOUT, self.up()).await;
        if !connected.context("no answer: the connection is away")? {
            pending::<()>().await;
        }
        sleep(self.delay()).await;
        let mut state = self.bus.state();
        if state.is_stalled() || state.happens("failed read", |faults| faults.unread) {
            bail!("no responders");
        }
        let lacks =
            if state.happens("stale read", |faults| faults.stale) { state.random.between(1, FEW) } else { 0 };
        let Some(stream) = state.streams.get_mut(name) else { return Ok(None) };
        stream.expire(Instant::now());
        let answer = question(stream, stream.last_sequence().saturating_sub(lacks));
        state.trace.note(&format!("{} asks {name}, lacking {lacks}", self.name));
        Ok(Some(answer))
    }

    async fn reply(&self, subject: &str, headers: &HeaderMap, payload: &Bytes) -> Result<Reply, NoReply> {
        if !self.up().await {
            pending::<()>().await;
        }
        sleep(self.delay()).await;
        let Some(reply) = self.answer(subject, headers, payload) else { return pending().await };
        sleep(self.delay()).await;
        reply
    }

    /// The answer of whoever listens there; none when it never comes.
    fn answer(&self, subject: &str, headers: &HeaderMap, payload: &Bytes) -> Option<Result<Reply, NoReply>> {
        let mut state = self.bus.state();
        if state.happens("role unanswered", |faults| faults.unanswered) {
            return state.random.chance(300).then_some(Err(NoReply::NoResponders));
        }
        let garbage = state.happens("role garbage", |faults| faults.garbage);
        let answered = state.staff.answer(subject, headers, payload);
        state.trace.note(&format!("{} asks {subject} {}", self.name, payload.len()));
        let Some(answered) = answered else { return Some(Err(NoReply::NoResponders)) };
        let mut reply = Reply { headers: HeaderMap::new(), payload: Bytes::new() };
        match answered {
            Ok(bytes) => reply.payload = bytes.into(),
            Err(why) => reply.headers.insert(SERVICE_ERROR, why.as_str()),
        }
        if garbage {
            reply.payload.truncate(reply.payload.len() / 2);
        }
        Some(Ok(reply))
    }
}

type Acked = Result<Stored, NotStored>;

struct Message {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

/// A process's handle on its connection.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Link>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0.name).finish()
    }
}

impl Broker for Handle {
    fn append(&self, subject: String, headers: HeaderMap, payload: Bytes) -> BoxFuture<'_, Acked> {
        async move {
            let (acknowledge, acknowledged) = oneshot::channel();
            let journey = self.0.journey();
            Arc::clone(&self.0).send(journey, Message { subject, headers, payload }, acknowledge);
            match acknowledged.await {
                Ok(stored) => stored,
                Err(_) => pending().await,
            }
        }
        .boxed()
    }

    fn request(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, NoReply>> {
        async move {
            let reply = timeout(patience, self.0.reply(&subject, &headers, &payload)).await;
            reply.unwrap_or(Err(NoReply::TimedOut))
        }
        .boxed()
    }

    fn ask_everybody<'a>(
        &'a self,
        _subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<BoxStream<'static, Bytes>>> {
        async move {
            let answers = self.0.bus.state().staff.introductions();
            Ok(futures::stream::iter(answers).chain(futures::stream::pending()).boxed())
        }
        .boxed()
    }

    fn describe<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, anyhow::Result<Option<Description>>> {
        async move { self.0.ask(stream, description).await }.boxed()
    }

    fn first<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let first = move |stream: &Stream, until| {
            let first = stream.next(subject, from.0).filter(|record| record.sequence.0 <= until)?;
            Some(Record { pending: 0, ..first })
        };
        async move { Ok(self.0.ask(stream, first).await?.flatten()) }.boxed()
    }

    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let last = |stream: &Stream, until| stream.last_until(subject, until);
        async move { Ok(self.0.ask(stream, last).await?.flatten()) }.boxed()
    }

    fn get<'a>(
        &'a self,
        stream: &'a str,
        sequence: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let get = move |stream: &Stream, until| stream.get(sequence.0).filter(|_| sequence.0 <= until);
        async move {
            anyhow::ensure!(sequence.0 > 0, "bad request: there is no message 0");
            Ok(self.0.ask(stream, get).await?.flatten())
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Reading>> {
        async move {
            let opened = |stream: &Stream, _| (stream.created(), stream.pending(filter, from.0));
            let opened = self.0.ask(stream, opened).await?;
            let (created, pending) = opened.context("no such stream")?;
            let connects = self.0.connects();
            let mut state = self.0.bus.state();
            let pending = state.told_left(pending);
            let back = if state.happens("repeated delivery", |faults| faults.repeats) { FEW } else { 0 };
            let cursor = Cursor {
                link: Arc::clone(&self.0),
                stream: stream.to_owned(),
                created,
                filter: filter.to_owned(),
                next: from.0.saturating_sub(back).max(1),
                silent: false,
                connects,
            };
            let records = unfold(cursor, |mut cursor| async move { Some((cursor.record().await?, cursor)) });
            Ok(Reading { pending, records: records.boxed() })
        }
        .boxed()
    }

    fn connects(&self) -> u64 {
        self.0.connects()
    }

    fn is_connected(&self) -> bool {
        self.0.line().wire == Wire::Up
    }

    fn unique(&self) -> String {
        let mut state = self.0.bus.state();
        state.uniques += 1;
        format!("unique-{}", state.uniques)
    }

    fn connection(&self) -> Option<&Connection> {
        None
    }
}

impl Cursor {
    /// The next message; none when the consumer is gone.
    async fn record(&mut self) -> Option<anyhow::Result<Record>> {
        loop {
            if self.silent || !self.link.up().await {
                return pending().await;
            }
            let connects = self.link.connects();
            if connects != self.connects {
                // The server may have been another one, which knows nothing of this consumer.
                self.connects = connects;
                self.silent = self.link.bus.state().random.chance(500);
                continue;
            }
            match self.look() {
                Look::Ended => return None,
                Look::Stalled(until) => sleep_until(until).await,
                Look::Silent => self.silent = true,
                Look::Nothing => self.link.bus.changed().await,
                Look::Found(record, delay) => {
                    self.next = record.sequence.0 + 1;
                    sleep(delay).await;
                    return Some(Ok(record));
                }
            }
        }
    }

    fn look(&self) -> Look {
        let mut state = self.link.bus.state();
        if state.is_stalled() {
            return Look::Stalled(state.stalled_until);
        }
        let found = match state.streams.get(&self.stream) {
            Some(stream) if stream.created() == self.created => stream.next(&self.filter, self.next),
            Some(_) | None => return Look::Ended,
        };
        let Some(record) = found else { return Look::Nothing };
        if state.happens("ended consumer", |faults| faults.ended) {
            return Look::Ended;
        }
        if state.happens("silent consumer", |faults| faults.silent) {
            return Look::Silent;
        }
        let pending = state.told_left(record.pending);
        let state = &mut *state;
        let delay = state.faults.delay(&mut state.random);
        Look::Found(Record { pending, ..record }, delay)
    }
}

/// What a consumer finds when it looks.
enum Look {
    Found(Record, Duration),
    Nothing,
    Stalled(Instant),
    Silent,
    Ended,
}

fn description(stream: &Stream, until: u64) -> Description {
    let (messages, bytes) = (stream.len() as u64, 0);
    let never = "1970-01-01T00:00:00Z";
    let state = serde_json::json!({
        "messages": messages, "bytes": bytes, "first_seq": stream.first_sequence(), "first_ts": never,
        "last_seq": until, "last_ts": never, "consumer_count": 0,
    });
    let state: StreamState = serde_json::from_value(state).unwrap();
    Description { created: stream.created(), config: stream.config.clone(), state }
}
