//! What came of a run, counted: events, rulings, decisions, refusals, and how long what was in force.

use std::collections::BTreeMap;

use proto::decision::DecisionType;
use proto::event::Event;
use proto::id::PortfolioId;
use proto::ledger::Ledger;
use proto::ruling::{Finding, Ruling};
use proto::time::{Period, Time};
use proto::value::{Mode, Profile};
use serde::{Serialize, Serializer};

use crate::settled::Settled;

/// The counts of one portfolio, or of all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Events told.
    pub events: u64,
    /// Of these, the ones that were ruled before and were not ruled again.
    pub known: u64,
    /// Rulings; those on the timers between the events count too.
    pub rulings: u64,
    /// Decisions by type.
    pub decisions: BTreeMap<DecisionType, u64>,
    /// Proposals refused, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Of these, the ones that a senior role stood against.
    pub conflicts: u64,
    /// Times that a governed value got looser, or a freeze ended.
    pub loosenings: u64,
    /// How long trading was frozen.
    #[serde(rename = "minutes_frozen", serialize_with = "as_minutes")]
    pub frozen: Period,
    /// How long each mode was in effect.
    #[serde(rename = "minutes_in_mode", serialize_with = "each_as_minutes")]
    pub modes: BTreeMap<Mode, Period>,
    /// How long each profile was in effect.
    #[serde(rename = "minutes_in_profile", serialize_with = "each_as_minutes")]
    pub profiles: BTreeMap<Profile, Period>,
}

/// The counts of every portfolio. What is in force between two rulings is what the first of them left; before its first
/// ruling nothing of a portfolio is counted.
#[derive(Debug, Clone, Default)]
pub struct Tallies {
    portfolios: BTreeMap<PortfolioId, Count>,
    /// The latest time that anything happened, in any portfolio.
    latest: Time,
}

/// A portfolio's counts, and what is in force in it; nothing before its first ruling.
#[derive(Debug, Clone, Default)]
struct Count {
    tally: Tally,
    in_force: Option<InForce>,
}

/// What is in force, and since when it is not counted yet.
#[derive(Debug, Clone, Copy)]
struct InForce {
    since: Time,
    frozen: bool,
    mode: Mode,
    profile: Profile,
}

impl Tallies {
    /// Counts an event and the rulings that followed from it.
    pub fn told(&mut self, event: &Event, rulings: &[Ruling]) {
        self.event(event, rulings.iter().any(|ruling| ruling.event.id == event.id));
        for ruling in rulings {
            self.settled(&ruling.into());
        }
    }

    /// Counts an event, and whether it was ruled now; what came of it is counted apart.
    pub fn event(&mut self, event: &Event, ruled: bool) {
        self.latest = self.latest.max(event.at);
        self.count(&event.portfolio, |count| {
            count.tally.events += 1;
            count.tally.known += u64::from(!ruled);
        });
    }

    /// Counts what came of an event or a timer.
    pub fn settled(&mut self, settled: &Settled<'_>) {
        self.latest = self.latest.max(settled.ledger.at);
        self.count(&settled.ledger.portfolio, |count| count.settled(settled));
    }

    /// The counts by portfolio, with what is in force counted up to the latest event of all.
    #[must_use]
    pub fn close(self) -> BTreeMap<PortfolioId, Tally> {
        let latest = self.latest;
        let close = |(portfolio, count): (PortfolioId, Count)| (portfolio, count.close(latest));
        self.portfolios.into_iter().map(close).collect()
    }

    fn count(&mut self, portfolio: &PortfolioId, count: impl FnOnce(&mut Count)) {
        if let Some(known) = self.portfolios.get_mut(portfolio) {
            count(known);
        } else {
            count(self.portfolios.entry(portfolio.clone()).or_default());
        }
    }
}

impl Count {
    fn settled(&mut self, settled: &Settled<'_>) {
        let Settled { ledger, findings, decisions, .. } = settled;
        let tally = &mut self.tally;
        tally.rulings += 1;
        for finding in findings.iter() {
            if let Finding::Refused { refusal } = finding {
                *tally.refusals.entry(refusal.as_str()).or_default() += 1;
                tally.conflicts += u64::from(refusal.is_conflict());
            }
        }
        // What changes is decided (law 8): without decisions all goes on as it was.
        if decisions.is_empty() && self.in_force.is_some() {
            return;
        }
        for decision in *decisions {
            *tally.decisions.entry(decision.decision_type()).or_default() += 1;
        }
        let is = InForce::of(ledger);
        let was = self.in_force.replace(is);
        let ended = was.is_some_and(|was| was.frozen) && !is.frozen;
        tally.loosenings += settled.loosened().len() as u64 + u64::from(ended);
        if let Some(was) = was {
            tally.lasted(was, is.since);
        }
    }

    fn close(self, latest: Time) -> Tally {
        let Self { mut tally, in_force } = self;
        if let Some(last) = in_force {
            tally.lasted(last, latest);
        }
        tally
    }
}

impl Tally {
    /// The sum of the counts of several portfolios.
    #[must_use]
    pub fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in tallies {
            sum.events += one.events;
            sum.known += one.known;
            sum.rulings += one.rulings;
            one.decisions.iter().for_each(|(key, count)| *sum.decisions.entry(*key).or_default() += count);
            one.refusals.iter().for_each(|(key, count)| *sum.refusals.entry(*key).or_default() += count);
            sum.conflicts += one.conflicts;
            sum.loosenings += one.loosenings;
            lengthen(&mut sum.frozen, one.frozen);
            one.modes.iter().for_each(|(key, more)| lengthen(sum.modes.entry(*key).or_default(), *more));
            one.profiles
                .iter()
                .for_each(|(key, more)| lengthen(sum.profiles.entry(*key).or_default(), *more));
        }
        sum
    }

    fn lasted(&mut self, state: InForce, until: Time) {
        let lasted = until.since(state.since);
        if lasted > Period::ZERO {
            lengthen(self.modes.entry(state.mode).or_default(), lasted);
            lengthen(self.profiles.entry(state.profile).or_default(), lasted);
            lengthen(&mut self.frozen, if state.frozen { lasted } else { Period::ZERO });
        }
    }
}

impl InForce {
    const fn of(ledger: &Ledger) -> Self {
        Self {
            since: ledger.at,
            frozen: ledger.freeze.is_some(),
            mode: ledger.effective.mode,
            profile: ledger.effective.profile,
        }
    }
}

/// A length of time in minutes, to a hundredth.
#[must_use]
pub fn minutes(period: Period) -> f64 {
    (period.as_millis() as f64 / 600.0).round() / 100.0
}

fn lengthen(sum: &mut Period, more: Period) {
    *sum = Period::from_millis(sum.as_millis().saturating_add(more.as_millis()));
}

fn as_minutes<S: Serializer>(period: &Period, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(minutes(*period))
}

fn each_as_minutes<K: Serialize, S: Serializer>(
    periods: &BTreeMap<K, Period>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(periods.iter().map(|(key, period)| (key, minutes(*period))))
}

#[cfg(test)]
mod tests {
    use proto::event::{Body, Snapshot};
    use proto::number::Fraction;
    use proto::testing::{MONDAY, event, snapshot};

    use super::*;
    use crate::{Model, Policies};

    fn frozen_at_once(at: Time) -> Event {
        event(at, Body::Snapshot(Snapshot { drawdown_pct: Fraction::lit(0.12), ..snapshot() }))
    }

    #[test]
    fn what_is_in_force_between_two_rulings_is_what_the_first_left() {
        let mut model = Model::new(Policies::defaults().unwrap());
        let mut tallies = Tallies::default();
        for minute in [0, 10, 25] {
            let event = frozen_at_once(MONDAY.after(Period::from_mins(minute)));
            tallies.told(&event, &model.tell(event.clone()).unwrap());
        }
        let again = frozen_at_once(MONDAY.after(Period::from_mins(25)));
        tallies.told(&again, &model.tell(again.clone()).unwrap());
        // Another portfolio goes on for five minutes: so long the freeze lasts too.
        let other = Event {
            portfolio: "other".parse().unwrap(),
            ..event(MONDAY.after(Period::from_mins(30)), Body::Snapshot(snapshot()))
        };
        tallies.told(&other, &model.tell(other.clone()).unwrap());

        let tallies = tallies.close();
        let main = &tallies[&PortfolioId::main()];
        assert_eq!((main.events, main.known), (4, 1));
        assert_eq!(main.decisions[&DecisionType::Freeze], 1);
        assert_eq!(minutes(main.frozen), 30.0);
        assert_eq!(main.profiles, BTreeMap::from([(Profile::Micro, Period::from_mins(30))]));
        assert_eq!(Tally::sum(tallies.values()).events, 5);
    }

    #[test]
    fn a_tally_is_written_in_minutes() {
        let tally = Tally { frozen: Period::from_secs(90), ..Tally::default() };
        assert_eq!(serde_json::to_value(tally).unwrap()["minutes_frozen"], 1.5);
    }
}
