//! The model: a portfolio's events one after another, everybody with interest heard, each event ruled once.

use std::collections::BTreeMap;
use std::fmt;

use proto::event::Event;
use proto::id::{PortfolioId, Role, Sequence};
use proto::ledger::Ledger;
use proto::ruling::{Absence, Position, Ruling};
use proto::time::Time;

use crate::agenda::Agenda;
use crate::policy::Policies;
use crate::settled::Settled;
use crate::standing::{Absent, Rules, Standing};

/// The identity of the model's own stream of events.
const STREAM: &str = "model";

/// The whole mesh in one process.
///
/// It answers an event in one of two ways, of which the ledger cannot tell the difference: with whole rulings
/// ([`Model::tell`]), or with what came of it and no more ([`Model::settle`]), which is a few hundred times faster. A
/// ruling that follows a settled event names no ruling before it: there is none.
pub struct Model {
    policies: Policies,
    absent: Absent,
    portfolios: BTreeMap<PortfolioId, Standing>,
    agenda: Agenda,
    sequence: Sequence,
}

impl Model {
    /// A mesh that begins empty, with every role present.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            absent: Absent::new(),
            portfolios: BTreeMap::new(),
            agenda: Agenda::default(),
            sequence: Sequence(0),
        }
    }

    /// From now on this role does not answer; it is not heard until it is [`Model::present`] again.
    pub fn absent(&mut self, role: Role, why: Absence) {
        self.absent.insert(role, why);
    }

    /// From now on this role answers.
    pub fn present(&mut self, role: &Role) {
        self.absent.remove(role);
    }

    /// The ledger of a portfolio; none before its first event. The memories in it are those of its last whole ruling.
    #[must_use]
    pub fn ledger(&self, portfolio: &PortfolioId) -> Option<&Ledger> {
        self.portfolios.get(portfolio).map(|standing| &standing.ledger)
    }

    /// When the next timer is due, and whose.
    #[must_use]
    pub fn next_due(&self) -> Option<(Time, PortfolioId)> {
        let due = |(portfolio, standing): (&PortfolioId, &Standing)| Some((standing.due?, portfolio.clone()));
        self.portfolios.iter().filter_map(due).min()
    }

    /// Settles an event, and before it every timer that is due by then; shows what came of each. False, and nothing but
    /// timers settled, for an event that was ruled already.
    pub fn settle(&mut self, event: &Event, mut each: impl FnMut(Settled<'_>)) -> bool {
        while let Some((due, portfolio)) = self.due_by(event.at) {
            if !self.settle_one(&Event::clock_due(&portfolio, due), &mut each) {
                break;
            }
        }
        self.settle_one(event, &mut each)
    }

    /// Rules an event, and before it every timer that is due by then. Nothing for an event that was ruled already.
    ///
    /// # Errors
    /// A ruling that has no JSON form.
    pub fn tell(&mut self, event: Event) -> Result<Vec<Ruling>, serde_json::Error> {
        let mut rulings = self.pass(event.at)?;
        let position = self.next_position();
        rulings.extend(self.rule(event, position)?);
        Ok(rulings)
    }

    /// Lets time pass: rules every timer that is due until then, the earliest first.
    ///
    /// # Errors
    /// A ruling that has no JSON form.
    pub fn pass(&mut self, until: Time) -> Result<Vec<Ruling>, serde_json::Error> {
        let mut rulings = Vec::new();
        // The next due time of a portfolio is always past the one just ruled, so this ends.
        while let Some((due, portfolio)) = self.due_by(until) {
            let position = self.next_position();
            match self.rule(Event::clock_due(&portfolio, due), position)? {
                Some(ruling) => rulings.push(ruling),
                None => break,
            }
        }
        Ok(rulings)
    }

    /// Rules one event as it stood in EVENTS, without any timer of the model's own: timers are among the events.
    /// None when it was ruled already.
    ///
    /// # Errors
    /// A ruling that has no JSON form.
    pub fn rule(&mut self, event: Event, position: Position) -> Result<Option<Ruling>, serde_json::Error> {
        self.begin(&event.portfolio);
        let Self { policies, absent, portfolios, agenda, .. } = self;
        let portfolio = event.portfolio.clone();
        let Some(standing) = portfolios.get_mut(&portfolio) else { return Ok(None) };
        let rules = Rules { revision: policies.revision(), book: policies.of(&portfolio), absent };
        let ruling = if court::already_ruled(&standing.ledger, &event) {
            None
        } else {
            Some(standing.rule(rules, event, position)?)
        };
        agenda.note(&portfolio, standing.due);
        Ok(ruling)
    }

    fn settle_one(&mut self, event: &Event, each: &mut impl FnMut(Settled<'_>)) -> bool {
        self.begin(&event.portfolio);
        let Self { policies, absent, portfolios, agenda, .. } = self;
        let Some(standing) = portfolios.get_mut(&event.portfolio) else { return false };
        let is_new = !court::already_ruled(&standing.ledger, event);
        if is_new {
            let rules = Rules { revision: policies.revision(), book: policies.of(&event.portfolio), absent };
            let judgement = standing.settle(rules, event);
            each(Settled::of(event, &standing.ledger, &judgement));
        }
        agenda.note(&event.portfolio, standing.due);
        is_new
    }

    /// Sees to it that the portfolio stands somewhere.
    fn begin(&mut self, portfolio: &PortfolioId) {
        if !self.portfolios.contains_key(portfolio) {
            let standing = Standing::begin(self.policies.of(portfolio), portfolio.clone());
            self.portfolios.insert(portfolio.clone(), standing);
        }
    }

    fn due_by(&mut self, until: Time) -> Option<(Time, PortfolioId)> {
        let Self { portfolios, agenda, .. } = self;
        agenda.next(until, |portfolio| portfolios.get(portfolio)?.due)
    }

    fn next_position(&mut self) -> Position {
        self.sequence.0 += 1;
        Position { stream: STREAM.to_owned(), sequence: self.sequence, through: self.sequence }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("policies", &self.policies).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod agreement;

#[cfg(test)]
mod tests {
    use proto::decision::DecisionType;
    use proto::event::{Body, EventKind, Snapshot, Source};
    use proto::id::{EntryId, RulingHash};
    use proto::number::Fraction;
    use proto::ruling::Heard;
    use proto::testing::{MONDAY, event, snapshot};
    use proto::time::Period;
    use proto::wire::Message as _;

    use super::*;

    fn entry(at: Time, drawdown: f64) -> Event {
        let body = Body::Snapshot(Snapshot { drawdown_pct: Fraction::lit(drawdown), ..snapshot() });
        let entry = EntryId { millis: at.as_millis().unsigned_abs(), number: 0 };
        let source = Source::Redis { stream: "snapshots".into(), entry, through: entry };
        Event { source, ..event(at, body) }
    }

    fn model() -> Model {
        Model::new(Policies::defaults().unwrap())
    }

    fn decided(rulings: &[Ruling]) -> Vec<DecisionType> {
        rulings
            .iter()
            .flat_map(|ruling| &ruling.decisions)
            .map(proto::decision::Decision::decision_type)
            .collect()
    }

    #[test]
    fn an_event_is_ruled_once_and_rulings_form_a_chain() {
        let mut model = model();
        let first = model.tell(entry(MONDAY, 0.12)).unwrap();
        assert!(decided(&first).contains(&DecisionType::Freeze));
        assert!(model.tell(entry(MONDAY, 0.12)).unwrap().is_empty(), "the same entry again");
        let second = model.tell(entry(MONDAY.after(Period::from_secs(5)), 0.12)).unwrap();
        assert_eq!(second[0].version, first[0].version.next());
        assert_eq!(second[0].previous, RulingHash::of(&first[0].to_bytes().unwrap()));
        assert_eq!(second[0].before, first[0].after);
    }

    #[test]
    fn timers_go_off_before_the_event_that_comes_later() {
        let mut model = model();
        model.tell(entry(MONDAY, 0.12)).unwrap();
        let (due, _) = model.next_due().unwrap();
        let rulings = model.tell(entry(MONDAY.after(Period::from_hours(3)), 0.12)).unwrap();
        let kinds: Vec<_> = rulings.iter().map(|ruling| ruling.event.kind()).collect();
        assert_eq!(kinds.last(), Some(&EventKind::Snapshot));
        assert!(kinds.len() > 1 && kinds[..kinds.len() - 1].iter().all(|kind| *kind == EventKind::ClockDue));
        assert_eq!(rulings[0].event.at, due);
        assert!(rulings.is_sorted_by_key(|ruling| ruling.event.at));
    }

    #[test]
    fn the_same_events_give_the_same_bytes() {
        let play = || {
            let mut model = model();
            let times = (0..40).map(|step| MONDAY.after(Period::from_mins(step)));
            let rulings = times.flat_map(|at| model.tell(entry(at, 0.12)).unwrap());
            rulings.map(|ruling| ruling.to_bytes().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(play(), play());
    }

    #[test]
    fn an_absent_role_is_not_heard_until_it_is_back() {
        let mut model = model();
        model.absent(Role::SUPERVISOR, Absence::Disabled);
        let without = model.tell(entry(MONDAY, 0.12)).unwrap();
        assert_eq!(without[0].hearing.roles[&Role::SUPERVISOR], Heard::Absent { why: Absence::Disabled });
        assert!(!decided(&without).contains(&DecisionType::Freeze));
        model.present(&Role::SUPERVISOR);
        let with = model.tell(entry(MONDAY.after(Period::from_secs(5)), 0.12)).unwrap();
        assert_eq!(decided(&with), [DecisionType::Freeze]);
    }

    #[test]
    fn portfolios_stand_apart() {
        let mut model = model();
        let other: PortfolioId = "other".parse().unwrap();
        model.tell(entry(MONDAY, 0.12)).unwrap();
        model.tell(Event { portfolio: other.clone(), ..entry(MONDAY, 0.0) }).unwrap();
        assert!(model.ledger(&PortfolioId::main()).unwrap().freeze.is_some());
        assert!(model.ledger(&other).unwrap().freeze.is_none());
    }
}
