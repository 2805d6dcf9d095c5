//! Timers: when a hold, a timed mode or a role's alarm is due, a `clock.due` event says so. It is ruled like any other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh::nats::Nats;
use mesh::publish::{OUTLAST_ELECTION, publish_until_stored, with_id};
use mesh::shutdown::Shutdown;
use proto::event::{Event, EventKind};
use proto::id::{PortfolioId, Slot};
use proto::time::Time;
use proto::wire::Message as _;
use tokio::sync::Notify;
use tracing::{Instrument as _, warn};

/// How long a timer that could not be published waits before the next attempt.
const RETRY: Duration = Duration::from_secs(5);

/// When each portfolio of a slot is due.
#[derive(Default)]
pub(crate) struct Timers {
    due: Mutex<BTreeMap<PortfolioId, Time>>,
    changed: Notify,
}

impl Timers {
    /// Sets a portfolio's timer anew; none ends it.
    pub(crate) fn set(&self, portfolio: &PortfolioId, due: Option<Time>) {
        match due {
            Some(due) => self.locked().insert(portfolio.clone(), due),
            None => self.locked().remove(portfolio),
        };
        self.changed.notify_one();
    }

    /// Publishes what is due until shutdown is requested.
    pub(crate) async fn run(&self, nats: &Nats, slot: Slot, shutdown: &Shutdown) {
        loop {
            let wait = self.until_next(nats.clock.now());
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.changed.notified() => continue,
                () = wait => {}
            }
            for (portfolio, due) in self.take_due(nats.clock.now()) {
                let event = Event::clock_due(&portfolio, due);
                let span = tracing::info_span!("clock", portfolio = %portfolio, event = %event.id);
                mesh::trace::adopt_trace(&span, event.trace_id);
                if let Err(failed) = publish(nats, slot, &event).instrument(span).await {
                    warn!(%portfolio, "a timer could not be published and is tried again: {failed:#}");
                    self.locked().entry(portfolio).or_insert(due);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn until_next(&self, now: Time) {
        let next = self.locked().values().min().copied();
        match next {
            Some(due) => tokio::time::sleep(due.since(now).into()).await,
            None => std::future::pending().await,
        }
    }

    fn take_due(&self, now: Time) -> Vec<(PortfolioId, Time)> {
        let mut due = self.locked();
        let (over, later) = std::mem::take(&mut *due).into_iter().partition(|(_, due)| *due <= now);
        *due = later;
        BTreeMap::into_iter(over).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<PortfolioId, Time>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn publish(nats: &Nats, slot: Slot, event: &Event) -> anyhow::Result<()> {
    let subject = nats.subjects.event(slot, &event.portfolio, EventKind::ClockDue);
    let mut headers = with_id(&event.id.to_string());
    mesh::trace::inject(&tracing::Span::current(), &mut headers);
    publish_until_stored(nats, &subject, &headers, &event.to_bytes()?.into(), OUTLAST_ELECTION).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_is_taken() {
        let timers = Timers::default();
        let [early, late]: [PortfolioId; 2] = ["early", "late"].map(|id| id.parse().unwrap());
        timers.set(&early, Some(Time::from_millis(10)));
        timers.set(&late, Some(Time::from_millis(20)));
        assert_eq!(timers.take_due(Time::from_millis(15)), [(early.clone(), Time::from_millis(10))]);
        timers.set(&late, None);
        assert_eq!(timers.take_due(Time::from_millis(99)), []);
    }
}
