//! What happens to the portfolios: events by chance, published one after another for each portfolio.

use std::time::Duration;

use bytes::Bytes;
use mesh::nats::Nats;
use mesh::publish::{ACK_TIMEOUT, OUTLAST_ELECTION, publish_until_stored, with_id};
use proto::command::{Command, Order, Person, Rank};
use proto::event::{Body, EssState, Event, EventKind, Source, SystemStatus};
use proto::id::{EntryId, EventId, PortfolioId, SlotCount};
use proto::number::{Fraction, Ratio, Usd};
use proto::testing::{health, model, snapshot};
use proto::time::{Period, Time};
use proto::value::Mode;
use proto::wire::{Message as _, Schema};
use tokio::time::sleep;

use crate::random::Random;

/// One portfolio's days.
pub(crate) struct Feed {
    pub(crate) nats: Nats,
    pub(crate) slots: SlotCount,
    pub(crate) portfolio: PortfolioId,
    pub(crate) random: Random,
    pub(crate) events: u64,
    /// The longest pause between two events.
    pub(crate) pause: Duration,
}

impl Feed {
    /// Publishes them all; what was not taken is published again until it is.
    pub(crate) async fn run(mut self) {
        let pause = u64::try_from(self.pause.as_millis()).unwrap();
        for number in 0..self.events {
            sleep(self.random.millis(0, pause)).await;
            if self.random.chance(30) {
                self.publish_garbage().await;
            }
            let event = self.event(number);
            self.publish(&event).await;
            if self.random.chance(30) {
                self.publish(&event).await;
            }
        }
    }

    async fn publish(&self, event: &Event) {
        let slot = event.portfolio.slot(self.slots);
        let subject = self.nats.subjects.event(slot, &event.portfolio, event.kind());
        let (headers, payload) = (with_id(&event.id.to_string()), Bytes::from(event.to_bytes().unwrap()));
        while publish_until_stored(&self.nats, &subject, &headers, &payload, OUTLAST_ELECTION).await.is_err()
        {
            sleep(ACK_TIMEOUT).await;
        }
    }

    /// Something that is no event; one try.
    async fn publish_garbage(&self) {
        let slot = self.portfolio.slot(self.slots);
        let subject = self.nats.subjects.event(slot, &self.portfolio, EventKind::Snapshot);
        let sent = self.nats.broker.append(subject, with_id(""), Bytes::from_static(b"{\"schema\":"));
        let _ = tokio::time::timeout(ACK_TIMEOUT, sent).await;
    }

    fn event(&mut self, number: u64) -> Event {
        let at = self.nats.clock.now();
        let body = match self.random.between(0, 19) {
            0..=12 => self.snapshot(),
            13..=15 => self.health(),
            16..=17 => self.model(),
            _ => Body::Command(self.command()),
        };
        let id = EventId::derive(&["simulated", self.portfolio.as_str(), &number.to_string()]);
        let source = source(&body, at, number);
        Event {
            schema: Schema::Event,
            id,
            portfolio: self.portfolio.clone(),
            at,
            source,
            trace_id: id.into(),
            correlation_id: id.to_string(),
            stale: self.random.chance(20),
            body,
        }
    }

    fn snapshot(&mut self) -> Body {
        let mut numbers = snapshot();
        let drawdown = *self.random.pick(&[0.0, 0.01, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.11]);
        numbers.drawdown_pct = Fraction::lit(drawdown);
        numbers.total_equity = Usd::lit(*self.random.pick(&[900.0, 9_000.0, 10_000.0, 10_000.0, 10_500.0]));
        numbers.realized_pnl_today = Usd::lit(*self.random.pick(&[-600.0, -50.0, 0.0, 120.0]));
        numbers.win_rate_today = self.random.chance(500).then(|| Fraction::lit(0.7));
        numbers.sharpe_ratio_7d = self.random.chance(500).then(|| Ratio::lit(2.1));
        Body::Snapshot(numbers)
    }

    fn health(&mut self) -> Body {
        use EssState::{Caution, Critical, Nominal, Warning};
        let ess = *self.random.pick(&[Nominal, Nominal, Nominal, Caution, Warning, Critical]);
        Body::Health(health(SystemStatus::Healthy, ess))
    }

    fn model(&mut self) -> Body {
        let mut results = model(self.random.pick::<&str>(&["xgboost", "lstm"]));
        results.sharpe_ratio = Some(Ratio::lit(*self.random.pick(&[-0.5, 0.4, 1.4])));
        results.total_trades = Some(120);
        Body::Model(results)
    }

    fn command(&mut self) -> Command {
        let modes = [Mode::Live, Mode::Paused, Mode::Shadow];
        let duration = self.random.chance(500).then(|| Period::from_secs(20));
        Command {
            by: Person { name: "ada".to_owned(), rank: Rank::Approver },
            approved_by: None,
            reason: "because".to_owned(),
            order: Order::SetMode { mode: *self.random.pick(&modes), duration, releases: Vec::new() },
        }
    }
}

/// Operators command by the API; everything else is an entry of the stream of its kind, one a portfolio and event.
fn source(body: &Body, at: Time, number: u64) -> Source {
    if matches!(body, Body::Command(_)) {
        return Source::Operator;
    }
    let entry = EntryId { millis: at.as_millis().unsigned_abs(), number };
    Source::Redis { stream: format!("quantum:stream:{}", body.kind()).into(), entry, through: entry }
}
