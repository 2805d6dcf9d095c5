//! Timers: when a hold, a timed mode or a role's alarm is due, a `clock.due` event says so. It is ruled like any other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use mesh::publish::{OUTLAST_ELECTION, publish_until_stored, with_id};
use mesh::shutdown::Shutdown;
use proto::event::{Event, EventKind};
use proto::id::{PortfolioId, Slot};
use proto::time::{Period, Time};
use proto::wire::Message as _;
use tokio::sync::Notify;
use tracing::{Instrument as _, warn};

/// How long a timer that could not be published waits before the next attempt.
const RETRY: Period = Period::from_secs(5);

/// How many timers are published at once; more wait for them.
const AT_ONCE: usize = 64;

/// When each portfolio of a slot is due.
#[derive(Default)]
pub(crate) struct Timers {
    due: Mutex<BTreeMap<PortfolioId, Timer>>,
    changed: Notify,
}

/// The timer of one portfolio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timer {
    /// What the event says.
    due: Time,
    /// When it is published: later than due after an attempt that failed.
    at: Time,
}

impl Timers {
    /// Sets a portfolio's timer anew; none ends it.
    pub(crate) fn set(&self, portfolio: &PortfolioId, due: Option<Time>) {
        match due {
            Some(due) => self.locked().insert(portfolio.clone(), Timer { due, at: due }),
            None => self.locked().remove(portfolio),
        };
        self.changed.notify_one();
    }

    /// Publishes what is due until shutdown is requested; one that cannot be published keeps no other.
    pub(crate) async fn run(&self, nats: &Nats, slot: Slot, shutdown: &Shutdown) {
        let mut publishing = FuturesUnordered::new();
        loop {
            let room = AT_ONCE - publishing.len();
            for (portfolio, due) in self.take_due(nats.clock.now(), room) {
                publishing.push(self.publish(nats, slot, portfolio, due));
            }
            let wait = self.until_next(nats.clock.now());
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                Some(()) = publishing.next() => {}
                () = self.changed.notified() => {}
                () = wait, if publishing.len() < AT_ONCE => {}
            }
        }
    }

    async fn publish(&self, nats: &Nats, slot: Slot, portfolio: PortfolioId, due: Time) {
        crash::at(Step::TimerDue);
        let event = Event::clock_due(&portfolio, due);
        let span = tracing::info_span!("clock", portfolio = %portfolio, event = %event.id);
        mesh::trace::adopt_trace(&span, event.trace_id);
        if let Err(failed) = publish(nats, slot, &event).instrument(span).await {
            warn!(%portfolio, "a timer could not be published and is tried again: {failed:#}");
            self.again(portfolio, due, nats.clock.now().after(RETRY));
        }
    }

    /// Tries again later, unless the portfolio was given another timer meanwhile.
    fn again(&self, portfolio: PortfolioId, due: Time, at: Time) {
        self.locked().entry(portfolio).or_insert(Timer { due, at });
        self.changed.notify_one();
    }

    async fn until_next(&self, now: Time) {
        let next = self.locked().values().map(|timer| timer.at).min();
        match next {
            Some(at) => tokio::time::sleep(at.since(now).into()).await,
            None => std::future::pending().await,
        }
    }

    fn take_due(&self, now: Time, room: usize) -> Vec<(PortfolioId, Time)> {
        let mut timers = self.locked();
        let over = timers.iter().filter(|(_, timer)| timer.at <= now).take(room);
        let over: Vec<(PortfolioId, Time)> =
            over.map(|(portfolio, timer)| (portfolio.clone(), timer.due)).collect();
        for (portfolio, _) in &over {
            timers.remove(portfolio);
        }
        over
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<PortfolioId, Timer>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn publish(nats: &Nats, slot: Slot, event: &Event) -> anyhow::Result<()> {
    let subject = nats.subjects.event(slot, &event.portfolio, EventKind::ClockDue);
    let mut headers = with_id(&event.id.to_string());
    mesh::trace::inject(&tracing::Span::current(), &mut headers);
    publish_until_stored(nats, &subject, &headers, &event.to_bytes()?.into(), OUTLAST_ELECTION).await?;
    crash::at(Step::TimerStored);
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
        assert_eq!(timers.take_due(Time::from_millis(15), 9), [(early.clone(), Time::from_millis(10))]);
        timers.set(&late, None);
        assert_eq!(timers.take_due(Time::from_millis(99), 9), []);
    }

    #[test]
    fn what_failed_waits_alone_and_gives_way_to_what_was_set_meanwhile() {
        let timers = Timers::default();
        let [failing, other]: [PortfolioId; 2] = ["failing", "other"].map(|id| id.parse().unwrap());
        let (due, later, much_later) = (Time::from_millis(10), Time::from_millis(20), Time::from_millis(30));
        timers.again(failing.clone(), due, much_later);
        timers.set(&other, Some(later));
        assert_eq!(timers.take_due(later, 9), [(other, later)]);
        assert_eq!(timers.take_due(much_later, 0), [], "no room");
        assert_eq!(timers.take_due(much_later, 9), [(failing.clone(), due)], "the event says what was due");
        timers.set(&failing, Some(later));
        timers.again(failing.clone(), due, much_later);
        assert_eq!(timers.take_due(later, 9), [(failing, later)]);
    }
}
