//! One client's connection to the broker: it can be cut, come back, and end with its process.

mod cursor;
mod handle;

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_nats::HeaderMap;
use bytes::Bytes;
use mesh::broker::{NoReply, Reply};
use mesh::nats::REQUEST_TIMEOUT;
use mesh::publish::{NotStored, Stored};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::Bus;
use super::faults::Journey;
use super::stream::Stream;
pub(crate) use handle::Handle;

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
