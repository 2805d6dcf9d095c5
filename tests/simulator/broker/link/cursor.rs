//! A consumer: where it is in its stream, and what it finds there.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use mesh::broker::Record;
use tokio::time::{Instant, sleep, sleep_until};

use super::Link;

/// Where a consumer is.
pub(super) struct Cursor {
    pub(super) link: Arc<Link>,
    pub(super) stream: String,
    pub(super) created: String,
    pub(super) filter: String,
    pub(super) next: u64,
    pub(super) silent: bool,
    pub(super) connects: u64,
}

impl Cursor {
    /// The next message; none when the consumer is gone.
    pub(super) async fn record(&mut self) -> Option<anyhow::Result<Record>> {
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
