//! A Redis without a server: what the gateway's two sides see of one, with faults by seed.
//!
//! `store` holds the state and what each command does to it, all at once; `link` is the way there, on which everything can
//! go wrong. What `store` does is shown to be what the real scripts do by the test binary `redis`.

mod faults;
mod link;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh::clock::Clock;
use proto::id::EntryId;
use proto::time::{Period, Time};
use tokio::sync::Notify;

pub(crate) use self::faults::Faults;
use self::faults::Weather;
pub(crate) use self::store::{Fields, Store};
use super::random::Random;

/// The server, shared by whoever connects to it.
#[derive(Debug, Clone)]
pub(crate) struct FakeRedis(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    server: Mutex<Server>,
    /// Wakes whoever waits for entries.
    added: Notify,
}

/// The server's state, and what surrounds it.
#[derive(Debug)]
struct Server {
    store: Store,
    /// What was last written to disk.
    saved: Store,
    clock: Clock,
    /// How far the server's clock is off.
    skew: Period,
    /// Connections that were made before the latest restart are broken.
    lives: u64,
    /// What it held each time that it died.
    past: Vec<Store>,
    /// Entries that it once had are gone, read or not.
    has_lost: bool,
    /// Those of them that were trimmed or deleted.
    removed: BTreeSet<(String, EntryId)>,
    /// Nothing else happened to entries.
    only_trimmed: bool,
    weather: Weather,
}

impl FakeRedis {
    pub(crate) fn new(clock: Clock, faults: Faults, random: Random) -> Self {
        let server = Server {
            store: Store::default(),
            saved: Store::default(),
            clock,
            skew: Period::ZERO,
            lives: 0,
            past: Vec::new(),
            has_lost: false,
            removed: BTreeSet::new(),
            only_trimmed: true,
            weather: Weather::new(faults, random),
        };
        Self(Arc::new(Shared { server: Mutex::new(server), added: Notify::new() }))
    }

    /// Publishes an entry as the backend does; its id.
    pub(crate) fn publish(&self, stream: &str, fields: Fields) -> EntryId {
        let id = {
            let mut server = self.server();
            let now = server.now();
            server.store.add(stream, fields, now)
        };
        self.0.added.notify_waiters();
        id
    }

    /// Publishes an entry under an id that is after the last one.
    pub(crate) fn add_at(&self, stream: &str, id: EntryId, fields: Fields) {
        self.server().store.add_at(stream, id, fields);
        self.0.added.notify_waiters();
    }

    /// Trims a stream to its latest entries, read or not.
    pub(crate) fn trim(&self, stream: &str, keep: usize) {
        let mut server = self.server();
        server.has_lost = true;
        let Server { store, removed, .. } = &mut *server;
        removed.extend(store.trim(stream, keep).into_iter().map(|id| (stream.to_owned(), id)));
    }

    /// Deletes a stream; the next entry makes it anew.
    pub(crate) fn delete(&self, stream: &str) {
        let mut server = self.server();
        server.has_lost = true;
        server.only_trimmed = false;
        let Server { store, removed, .. } = &mut *server;
        removed.extend(store.trim(stream, 0).into_iter().map(|id| (stream.to_owned(), id)));
        store.delete(stream);
    }

    /// Forgets how far decisions were written, as a person does who wants them all again.
    pub(crate) fn delete_position(&self) {
        self.server().store.position.clear();
    }

    /// Writes everything to disk.
    pub(crate) fn save(&self) {
        let mut server = self.server();
        server.saved = server.store.clone();
    }

    /// Dies and comes back with what it saved last: every connection breaks.
    pub(crate) fn restart(&self) {
        let mut server = self.server();
        let saved = server.saved.clone();
        let died_with = std::mem::replace(&mut server.store, saved);
        server.past.push(died_with);
        server.has_lost = true;
        server.only_trimmed = false;
        server.lives += 1;
        drop(server);
        self.0.added.notify_waiters();
    }

    /// Whether entries that it once had are gone: it died, or they were trimmed or deleted.
    pub(crate) fn has_lost(&self) -> bool {
        self.server().has_lost
    }

    /// The entries that were trimmed or deleted, by stream. A Redis that goes back has them again.
    pub(crate) fn removed(&self) -> BTreeSet<(String, EntryId)> {
        self.server().removed.clone()
    }

    /// Whether entries were lost in no other way than by trimming.
    pub(crate) fn has_only_trimmed(&self) -> bool {
        self.server().only_trimmed
    }

    /// What it held each time that it died.
    pub(crate) fn past(&self) -> Vec<Store> {
        self.server().past.clone()
    }

    /// Sets how far its clock is off; it may go back.
    pub(crate) fn skew(&self, skew: Period) {
        self.server().skew = skew;
    }

    /// From now on nothing goes wrong on the way.
    pub(crate) fn calm(&self) {
        self.server().weather.calm();
    }

    /// How often each fault was injected.
    pub(crate) fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.server().weather.injected.clone()
    }

    /// What it holds now.
    pub(crate) fn store(&self) -> Store {
        self.server().store.clone()
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    fn now(&self) -> Time {
        self.clock.now().after(self.skew)
    }
}
