//! Events made up from a seed: markets that are calm, rise and slump, with the health and the models that go with them.
//!
//! The same seed gives the same events, on every machine: whole numbers drawn by SplitMix64, and plain arithmetic.

mod dice;
mod market;

use proto::event::{Body, Event, Source};
use proto::id::{BadId, EntryId, EventId, PortfolioId};
use proto::time::{Period, Time};
use proto::wire::Schema;

use dice::Dice;
use market::Market;

/// When every made-up day begins: Monday 2026-01-05, 00:00 UTC.
const BEGIN: Time = Time::from_millis(1_767_571_200_000);
/// How long after one event of a portfolio its next one comes.
const STEP: Period = Period::from_secs(30);
/// Of so many events of a portfolio one tells of its health, and one of a model: half a round apart, so that snapshots
/// are never silent for longer than the supervisor bears.
const ROUND: u64 = 10;
const HALF_ROUND: u64 = ROUND / 2;
/// The producer's correlation id: all of one run.
const CORRELATION: &str = "made-up";

/// Endless events of several portfolios in turn, in order of time.
#[derive(Debug, Clone)]
pub struct Synthetic {
    markets: Vec<(PortfolioId, Market)>,
    /// What event ids are made from: there is no entry that they could follow from.
    ids: Dice,
    told: u64,
}

impl Synthetic {
    /// Events of so many portfolios, `synthetic-1` and on. Without portfolios there are no events.
    ///
    /// # Errors
    /// None for any number: the names are well-formed.
    pub fn new(seed: u64, portfolios: u32) -> Result<Self, BadId> {
        let market = |number: u32| {
            let portfolio = format!("synthetic-{}", u64::from(number) + 1).parse()?;
            Ok((portfolio, Market::new(seed.wrapping_add(u64::from(number).wrapping_mul(0x5851_f42d)))))
        };
        let markets = (0..portfolios).map(market).collect::<Result<_, BadId>>()?;
        Ok(Self { markets, ids: Dice::new(!seed), told: 0 })
    }
}

impl Iterator for Synthetic {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let portfolios = u64::try_from(self.markets.len()).ok()?;
        let (step, turn) = (self.told.checked_div(portfolios)?, self.told.checked_rem(portfolios)?);
        self.told += 1;
        let elapsed = STEP.as_millis().saturating_mul(i64::try_from(step).ok()?);
        let at = BEGIN.after(Period::from_millis(elapsed));
        let (portfolio, market) = self.markets.get_mut(usize::try_from(turn).ok()?)?;
        market.step(at.day());
        let body = match step % ROUND {
            0 => Body::Health(market.health()),
            HALF_ROUND => Body::Model(market.model()),
            _ => Body::Snapshot(market.snapshot()),
        };
        let id = EventId::of_bits(u128::from(self.ids.next()) << 64 | u128::from(self.ids.next()));
        Some(event(portfolio, at, turn, id, body))
    }
}

/// An event as the gateway makes it of a Redis entry.
fn event(portfolio: &PortfolioId, at: Time, number: u64, id: EventId, body: Body) -> Event {
    let entry = EntryId { millis: at.as_millis().unsigned_abs(), number };
    let stream = body.kind().as_str().into();
    Event {
        schema: Schema::Event,
        id,
        portfolio: portfolio.clone(),
        at,
        source: Source::Redis { stream, entry, through: entry },
        trace_id: id.into(),
        correlation_id: CORRELATION.to_owned(),
        stale: false,
        body,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proto::event::EventKind;

    use super::*;

    fn first(count: usize, seed: u64, portfolios: u32) -> Vec<Event> {
        Synthetic::new(seed, portfolios).unwrap().take(count).collect()
    }

    #[test]
    fn a_seed_gives_the_same_events_and_another_seed_gives_others() {
        assert_eq!(first(500, 7, 3), first(500, 7, 3));
        assert_ne!(first(500, 7, 3), first(500, 8, 3));
    }

    #[test]
    fn portfolios_take_turns_and_time_never_goes_back() {
        let events = first(60, 1, 3);
        assert!(events.is_sorted_by_key(|event| event.at));
        let names: BTreeSet<&str> = events.iter().map(|event| event.portfolio.as_str()).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["synthetic-1", "synthetic-2", "synthetic-3"]);
        let ids: BTreeSet<EventId> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), events.len(), "every event has its own id");
    }

    #[test]
    fn every_kind_that_a_producer_sends_is_among_them() {
        let kinds: BTreeSet<EventKind> = first(20, 1, 1).iter().map(Event::kind).collect();
        assert_eq!(kinds, BTreeSet::from([EventKind::Snapshot, EventKind::Health, EventKind::Model]));
    }

    #[test]
    fn no_portfolio_no_events() {
        assert_eq!(first(1, 1, 0), []);
    }

    #[test]
    fn the_numbers_are_ones_that_a_gateway_lets_in() {
        let mut deepest = 0.0_f64;
        for event in first(20_000, 42, 1) {
            if let Body::Snapshot(seen) = event.body {
                assert!(seen.total_equity.get() > 0.0);
                for share in [Some(seen.drawdown_pct), seen.max_drawdown_pct, seen.win_rate_today] {
                    assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share.get())), "{share:?}");
                }
                deepest = deepest.max(seen.drawdown_pct.get());
            }
        }
        assert!(deepest > 0.1, "a week in which nothing is ever frozen is no test: {deepest}");
    }
}
