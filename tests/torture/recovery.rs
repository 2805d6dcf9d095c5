//! How long it takes after a fault until the mesh decides again: every slot has ruled an event that came after the fault, the
//! role that was gone was heard on one, and Redis was told up to there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proto::id::Slot;
use proto::ruling::{Heard, Ruling};
use proto::time::Time;
use proto::wire::Message as _;

use crate::door::Door;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(60);

/// What is to be recovered from.
#[derive(Debug, Clone)]
struct Pending {
    kind: String,
    role: Option<&'static str>,
    since: Instant,
    at: Time,
    /// Slots that have not ruled anything that came after.
    slots: BTreeSet<Slot>,
    /// Up to where Redis has to be told.
    sequence: u64,
}

/// What was recovered from, and how long that took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recoveries(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    pending: Vec<Pending>,
    slowest: BTreeMap<String, Duration>,
}

impl Recoveries {
    /// A fault is over. Its recovery is measured unless another fault begins meanwhile.
    pub(crate) fn begin(&self, kind: String, role: Option<&'static str>, slots: BTreeSet<Slot>) {
        let (since, at) = (Instant::now(), mesh::clock::now());
        self.open().pending.push(Pending { kind, role, since, at, slots, sequence: 0 });
    }

    /// Another fault begins: what takes longer from here on is not of those before alone.
    pub(crate) fn disturb(&self) {
        self.open().pending.clear();
    }

    /// What is not recovered from yet.
    pub(crate) fn open_kinds(&self) -> Vec<String> {
        self.open().pending.iter().map(|pending| pending.kind.clone()).collect()
    }

    /// The longest of each kind.
    pub(crate) fn slowest(&self) -> BTreeMap<String, Duration> {
        self.open().slowest.clone()
    }

    /// Looks again and again; ends with the task that it runs in.
    pub(crate) async fn watch(self, door: Door, redis_url: String) {
        loop {
            // Servers come and go: whatever fails is begun anew.
            let _ = tokio::time::timeout(Duration::from_secs(30), self.look_on(&door, &redis_url)).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look_on(&self, door: &Door, redis_url: &str) -> Result<()> {
        let jetstream = async_nats::jetstream::new(door.open().await?);
        let stream = jetstream.get_stream_no_info("RULINGS").await?;
        let mut redis = redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?;
        loop {
            let slots: BTreeSet<Slot> =
                self.open().pending.iter().flat_map(|pending| pending.slots.clone()).collect();
            for slot in slots {
                let subject = format!("fed.ruling.{slot}.*");
                let latest = stream.get_last_raw_message_by_subject(&subject).await.context("no ruling")?;
                self.see(slot, &Ruling::from_bytes(&latest.payload)?, latest.sequence);
            }
            let told: Option<u64> = redis::cmd("HGET")
                .arg("quantum:federation:position")
                .arg("sequence")
                .query_async(&mut redis)
                .await?;
            self.settle(told.unwrap_or_default());
            tokio::time::sleep(LOOK).await;
        }
    }

    fn see(&self, slot: Slot, ruling: &Ruling, sequence: u64) {
        for pending in &mut self.open().pending {
            let heard = pending.role.is_none_or(|role| was_heard(ruling, role));
            if ruling.event.at > pending.at && heard && pending.slots.remove(&slot) {
                pending.sequence = pending.sequence.max(sequence);
            }
        }
    }

    fn settle(&self, told: u64) {
        let mut state = self.open();
        let State { pending, slowest } = &mut *state;
        pending.retain(|pending| {
            let over = pending.slots.is_empty() && told >= pending.sequence;
            if over {
                let slowest = slowest.entry(pending.kind.clone()).or_default();
                *slowest = pending.since.elapsed().max(*slowest);
            }
            !over
        });
    }

    fn open(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a role answered; one without interest in the event says nothing either way.
fn was_heard(ruling: &Ruling, role: &str) -> bool {
    ruling
        .hearing
        .roles
        .iter()
        .any(|(name, heard)| name.as_str() == role && matches!(heard, Heard::Verdict { .. }))
}
