//! A broker in memory that behaves as nats-server does, and misbehaves as it can.

mod agrees;
pub(crate) mod faults;
mod link;
mod miscounts;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use clap::Parser as _;
use mesh::publish::{NotStored, Stored};
use mesh::streams::{self, Options};
use proto::subject::Subjects;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::faults::{Faults, Injected};
use self::stream::{Checks, Stream};
use crate::random::Random;
use crate::staff::Staff;
use crate::trace::Trace;

pub(crate) use link::{Handle, Link};

/// The broker; clones are the same one.
#[derive(Clone)]
pub(crate) struct Bus(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

/// Everything that the broker knows.
pub(crate) struct State {
    pub(crate) streams: BTreeMap<String, Stream>,
    pub(crate) faults: Faults,
    pub(crate) injected: Injected,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) staff: Staff,
    /// How often the server came back: every connection to it is then another one.
    pub(crate) restarts: u64,
    /// Without a leader until then.
    stalled_until: Instant,
    uniques: u64,
}

#[derive(clap::Parser)]
struct Provision {
    #[command(flatten)]
    options: Options,
}

impl Bus {
    /// A broker with the streams that `federation-provision` makes with these arguments, and nobody at work yet.
    pub(crate) fn provisioned(args: &[&str], random: Random) -> Self {
        let Provision { options } = Provision::parse_from([&["provision"], args].concat());
        let wanted = streams::wanted(&Subjects::default(), &options);
        let stream = |config: Config| (config.name.clone(), Stream::new(config));
        let state = State {
            streams: wanted.into_iter().map(stream).collect(),
            faults: Faults::default(),
            injected: Injected::default(),
            random,
            trace: Trace::new(),
            staff: Staff::default(),
            restarts: 0,
            stalled_until: Instant::now(),
            uniques: 0,
        };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// A connection of its own.
    pub(crate) fn link(&self, name: &str) -> Arc<Link> {
        Arc::new(Link::new(self.clone(), name))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// Something happened.
    pub(crate) fn note(&self, what: &str) {
        self.state().trace.note(what);
    }

    /// No leader for so long; the next one may know less.
    pub(crate) fn stall(&self, period: Duration) {
        let mut state = self.state();
        state.injected.count("election");
        state.trace.note(&format!("no leader for {period:?}"));
        state.stalled_until = Instant::now() + period;
        if state.random.chance(500) {
            state.forget_ids();
        }
    }

    /// The server dies and comes back; each of these streams lost so many of its newest messages.
    pub(crate) fn restart(&self, losses: &[(String, usize)]) {
        let mut state = self.state();
        state.restarts += 1;
        state.injected.count("broker restart");
        state.forget_ids();
        for (name, newest) in losses {
            state.injected.count("lost newest messages");
            state.trace.note(&format!("{name} loses {newest}"));
            if let Some(stream) = state.streams.get_mut(name) {
                stream.lose(*newest);
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Somebody deletes a stream and makes it again: all that was in it is gone.
    pub(crate) fn make_anew(&self, name: &str) {
        let mut state = self.state();
        state.injected.count("stream made anew");
        state.trace.note(&format!("{name} is made anew"));
        if let Some(stream) = state.streams.get_mut(name) {
            stream.make_anew();
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// A person lets the stream stand for one that is gone, as `federation-provision --accept-new` does.
    pub(crate) fn accept(&self, name: &str, gone: &str) {
        let mut state = self.state();
        state.trace.note(&format!("a person lets {name} stand for {gone}"));
        if let Some(stream) = state.streams.get_mut(name) {
            stream.accept(gone);
        }
    }

    async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The server's side of an append.
    fn append(&self, subject: &str, headers: &HeaderMap, payload: &Bytes) -> Result<Stored, NotStored> {
        let now = Instant::now();
        let mut state = self.state();
        if state.is_stalled() {
            return Err(NotStored::Unclear("no responders".to_owned()));
        }
        if state.happens("forgotten ids", |faults| faults.forgets) {
            state.forget_ids();
        }
        let unchecked = state.faults.unchecked > 0 && state.happens("two writers", |faults| faults.unchecked);
        let checks = match (unchecked, state.faults.id_first) {
            (true, _) => Checks::IdOnly,
            (false, true) => Checks::IdFirst,
            (false, false) => Checks::SequenceFirst,
        };
        let Some(stream) = state.streams.values_mut().find(|stream| stream.takes(subject)) else {
            return Err(NotStored::Unclear("no stream".to_owned()));
        };
        let stored = stream.append(now, checks, subject, headers, payload);
        let id = headers.get(NATS_MESSAGE_ID).map_or("", |id| id.as_str());
        state.trace.note(&format!("append {subject} {id} {} {stored:?}", payload.len()));
        drop(state);
        self.0.changed.notify_waiters();
        stored
    }
}

impl State {
    fn is_stalled(&self) -> bool {
        Instant::now() < self.stalled_until
    }

    fn forget_ids(&mut self) {
        self.streams.values_mut().for_each(Stream::forget_ids);
    }

    /// Whether this fault happens now.
    fn happens(&mut self, fault: &'static str, often: impl Fn(&Faults) -> u64) -> bool {
        let often = often(&self.faults);
        let happens = often > 0 && self.random.chance(often);
        if happens {
            self.injected.count(fault);
        }
        happens
    }

    /// How much is left to read, as the server tells it.
    fn told_left(&mut self, left: u64) -> u64 {
        const OFF_BY: u64 = 3;
        if self.happens("miscounted", |faults| faults.miscounts) {
            (left + self.random.between(0, 2 * OFF_BY)).saturating_sub(OFF_BY)
        } else {
            left
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&mut self) {
        self.trace.note("healed");
        self.faults = Faults::default();
        self.stalled_until = Instant::now();
    }
}
