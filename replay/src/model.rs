//! The model: a portfolio's events one after another, everybody with interest heard, each event ruled once.

use std::collections::BTreeMap;

use court::Matter;
use proto::case::{Case, ReviewCase};
use proto::chain::Chain;
use proto::event::Event;
use proto::id::{PortfolioId, Role, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::proposal::Proposal;
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
use proto::time::Time;
use proto::wire::Message as _;

use crate::policy::{Book, Policies};

/// The identity of the model's own stream of events.
const STREAM: &str = "model";

/// The whole mesh in one process.
#[derive(Debug)]
pub struct Model {
    policies: Policies,
    absent: BTreeMap<Role, Absence>,
    portfolios: BTreeMap<PortfolioId, Standing>,
    sequence: Sequence,
}

/// Where a portfolio stands.
#[derive(Debug)]
struct Standing {
    chain: Chain,
    ledger: Ledger,
}

impl Model {
    /// A mesh that begins empty, with every role present.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self { policies, absent: BTreeMap::new(), portfolios: BTreeMap::new(), sequence: Sequence(0) }
    }

    /// From now on this role does not answer; it is not heard until it is [`Model::present`] again.
    pub fn absent(&mut self, role: Role, why: Absence) {
        self.absent.insert(role, why);
    }

    /// From now on this role answers.
    pub fn present(&mut self, role: &Role) {
        self.absent.remove(role);
    }

    /// The ledger of a portfolio; none before its first event.
    #[must_use]
    pub fn ledger(&self, portfolio: &PortfolioId) -> Option<&Ledger> {
        self.portfolios.get(portfolio).map(|standing| &standing.ledger)
    }

    /// Rules an event, and before it every timer that is due by then. Nothing for an event that was ruled already.
    ///
    /// # Errors
    /// A ruling that has no JSON form.
    pub fn tell(&mut self, event: Event) -> Result<Vec<Ruling>, serde_json::Error> {
        let mut rulings = self.pass(event.at)?;
        self.sequence.0 += 1;
        let position =
            Position { stream: STREAM.to_owned(), sequence: self.sequence, through: self.sequence };
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
        while let Some((due, portfolio)) = self.next_due().filter(|(due, _)| *due <= until) {
            self.sequence.0 += 1;
            let position =
                Position { stream: STREAM.to_owned(), sequence: self.sequence, through: self.sequence };
            match self.rule(Event::clock_due(&portfolio, due), position)? {
                Some(ruling) => rulings.push(ruling),
                None => break,
            }
        }
        Ok(rulings)
    }

    /// When the next timer is due, and whose.
    #[must_use]
    pub fn next_due(&self) -> Option<(Time, PortfolioId)> {
        let due = |(portfolio, standing): (&PortfolioId, &Standing)| {
            let terms = &self.policies.of(portfolio).terms;
            Some((court::next_due(terms, &standing.ledger)?, portfolio.clone()))
        };
        self.portfolios.iter().filter_map(due).min()
    }

    /// Rules one event as it stood in EVENTS, without any timer of the model's own: timers are among the events.
    /// None when it was ruled already.
    ///
    /// # Errors
    /// A ruling that has no JSON form.
    pub fn rule(&mut self, event: Event, position: Position) -> Result<Option<Ruling>, serde_json::Error> {
        let portfolio = event.portfolio.clone();
        let book = self.policies.of(&portfolio);
        let standing = self.portfolios.remove(&portfolio).unwrap_or_else(|| Standing {
            chain: Chain::default(),
            ledger: court::genesis(&book.terms, portfolio.clone()),
        });
        if court::already_ruled(&standing.ledger, &event) {
            self.portfolios.insert(portfolio, standing);
            return Ok(None);
        }
        let Standing { mut chain, ledger } = standing;
        let ruling = self.hold(book, event, ledger, position, chain.hash);
        chain.fold(ruling.version, ruling.previous, RulingHash::of(&ruling.to_bytes()?));
        self.portfolios.insert(portfolio, Standing { chain, ledger: ruling.after.clone() });
        Ok(Some(ruling))
    }

    /// One round, as the arbiter holds it.
    fn hold(
        &self,
        book: &Book,
        event: Event,
        before: Ledger,
        position: Position,
        previous: RulingHash,
    ) -> Ruling {
        let roles = self.hear(book, &event, &before);
        let mut matter =
            Matter { position, previous, event, before, hearing: Hearing { roles, review: None } };
        matter.hearing.review = self.review(book, &matter);
        court::rule(&book.terms, matter)
    }

    fn hear(&self, book: &Book, event: &Event, before: &Ledger) -> BTreeMap<Role, Heard> {
        let interested = book.terms.seats.iter().filter(|(_, seat)| seat.interests.contains(&event.kind()));
        let ask = |role: &Role| {
            let case = Case::of(role, event, before, &book.terms.base);
            let desk = self.desk(book, role)?;
            let verdict = desk.evaluate(case).map_err(|error| invalid(&error))?;
            Ok(Heard::Verdict { policy: self.policies.revision().clone(), verdict })
        };
        interested
            .map(|(role, _)| (role.clone(), ask(role).unwrap_or_else(|why| Heard::Absent { why })))
            .collect()
    }

    /// Asks the reviewer about what would still loosen; nobody is asked when nothing would.
    fn review(&self, book: &Book, matter: &Matter) -> Option<HeardReview> {
        let proposals = court::for_review(&book.terms, matter);
        let (role, _) = book.terms.seats.iter().find(|(_, seat)| seat.reviews)?;
        (!proposals.is_empty()).then(|| {
            let opinion = self.opinion(book, role, matter, proposals);
            opinion.unwrap_or_else(|why| HeardReview::Absent { role: role.clone(), why })
        })
    }

    fn opinion(
        &self,
        book: &Book,
        role: &Role,
        matter: &Matter,
        proposals: Vec<Proposal>,
    ) -> Result<HeardReview, Absence> {
        let case = ReviewCase::of(role, &matter.event, &matter.before, &matter.hearing, proposals);
        let vetoes = self.desk(book, role)?.review(case).map_err(|error| invalid(&error))?;
        Ok(HeardReview::Opinion { role: role.clone(), policy: self.policies.revision().clone(), vetoes })
    }

    fn desk<'a>(&self, book: &'a Book, role: &Role) -> Result<&'a dyn crate::roles::Desk, Absence> {
        match self.absent.get(role) {
            Some(why) => Err(why.clone()),
            None => book.staff.get(role).map(AsRef::as_ref).ok_or(Absence::NoResponders),
        }
    }
}

fn invalid(error: &serde_json::Error) -> Absence {
    Absence::Invalid { error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use proto::decision::DecisionType;
    use proto::event::{Body, EventKind, Snapshot, Source};
    use proto::id::EntryId;
    use proto::number::Fraction;
    use proto::testing::{MONDAY, event, snapshot};
    use proto::time::Period;

    use super::*;

    fn entry(at: Time, drawdown: f64) -> Event {
        let body = Body::Snapshot(Snapshot { drawdown_pct: Fraction::lit(drawdown), ..snapshot() });
        let entry = EntryId { millis: at.as_millis().unsigned_abs(), number: 0 };
        let source = Source::Redis { stream: "snapshots".to_owned(), entry, through: entry };
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
