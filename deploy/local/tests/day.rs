//! The demo day, played to roles and court in one process: every chapter brings what its title says.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;

use court::policy::CourtPolicy;
use court::{Matter, for_review, genesis, next_due, rule};
use local::feed::DEMO_POLICY;
use local::feed::day::{BEAT, Chapter, DAY, WORST_BEFORE};
use mesh::policy::PolicyFile;
use proto::case::{Case, Executive, ReviewCase};
use proto::command::{Command, Order, Person, Rank};
use proto::decision::{Decision, DecisionType};
use proto::event::{Body, ClockDue, Event, Source};
use proto::id::{EntryId, EventId, PolicyRevision, PortfolioId, Role, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::policy::Policy;
use proto::ruling::{Heard, HeardReview, Hearing, Position, Ruling};
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::value::Mode;
use proto::wire::Schema;
use serde_json::Value;
use supervisor::Supervisor;

/// The mesh as functions: a ledger, and who sits over it.
struct Model {
    terms: Terms,
    ledger: Ledger,
    now: Time,
    decisions: Vec<Decision>,
}

fn section<P: Policy>(name: &'static str) -> P {
    let file = PolicyFile::from_text(DEMO_POLICY).unwrap_or_else(|bad| panic!("{bad}"));
    P::clone(&file.section::<P>(name).unwrap().of(&PortfolioId::main()).policy)
}

fn revision() -> PolicyRevision {
    PolicyRevision::of(DEMO_POLICY)
}

/// A role's answer, as it would come over the wire.
fn verdict<E: Executive>(name: &'static str, event: &Event, ledger: &Ledger, terms: &Terms) -> Heard {
    let memory = ledger.memories.get(&E::ROLE).cloned();
    let case =
        Case { event: event.clone(), ledger: ledger.without_memories(), base: terms.base.clone(), memory };
    let verdict = E::evaluate(&section(name), &case.typed().unwrap()).untyped().unwrap();
    Heard::Verdict { policy: revision(), verdict }
}

fn review(
    event: &Event,
    ledger: &Ledger,
    hearing: &Hearing,
    proposals: Vec<proto::proposal::Proposal>,
) -> HeardReview {
    let memory = match hearing.roles.get(&Role::SUPERVISOR) {
        Some(Heard::Verdict { verdict, .. }) => Some(verdict.memory.clone()),
        Some(Heard::Absent { .. }) | None => None,
    };
    let (event, ledger) = (event.clone(), ledger.without_memories());
    let case = ReviewCase { schema: Schema::Case, event, ledger, memory, proposals };
    let vetoes = Supervisor::review(&section("supervisor"), &case.typed().unwrap());
    HeardReview::Opinion { role: Role::SUPERVISOR, policy: revision(), vetoes }
}

impl Model {
    fn new() -> Self {
        let terms = section::<CourtPolicy>("court").terms(revision());
        let ledger = genesis(&terms, PortfolioId::main());
        let now = "2026-01-31T09:30:00Z".parse().unwrap();
        Self { terms, ledger, now, decisions: Vec::new() }
    }

    fn hear(&self, event: &Event) -> Hearing {
        let kind = event.kind();
        let seats = self.terms.seats.iter().filter(|(_, seat)| seat.interests.contains(kind));
        let roles: BTreeMap<Role, Heard> = seats
            .map(|(role, _)| {
                let heard = match role.as_str() {
                    "supervisor" => verdict::<Supervisor>("supervisor", event, &self.ledger, &self.terms),
                    "cro" => verdict::<cro::Cro>("cro", event, &self.ledger, &self.terms),
                    "ceo" => verdict::<ceo::Ceo>("ceo", event, &self.ledger, &self.terms),
                    "cio" => verdict::<cio::Cio>("cio", event, &self.ledger, &self.terms),
                    "cfo" => verdict::<cfo::Cfo>("cfo", event, &self.ledger, &self.terms),
                    "researcher" => {
                        verdict::<researcher::Researcher>("researcher", event, &self.ledger, &self.terms)
                    }
                    other => panic!("nobody sits as {other}"),
                };
                (role.clone(), heard)
            })
            .collect();
        Hearing { roles, review: None }
    }

    fn rule(&mut self, source: Source, body: Body) -> Ruling {
        self.now = self.now.after(Period::from_millis(1));
        let id = EventId::derive(&["day", &self.now.to_string()]);
        let event = Event {
            schema: Schema::Event,
            id,
            portfolio: PortfolioId::main(),
            at: self.now,
            source,
            trace_id: id.into(),
            correlation_id: id.to_string(),
            stale: false,
            body,
        };
        let position = Position { stream: String::new(), sequence: Sequence(1), through: Sequence(1) };
        let (before, hearing) = (self.ledger.clone(), self.hear(&event));
        let mut matter = Matter { position, previous: RulingHash::default(), event, before, hearing };
        let loosening = for_review(&self.terms, &matter);
        if !loosening.is_empty() {
            matter.hearing.review = Some(review(&matter.event, &self.ledger, &matter.hearing, loosening));
        }
        let ruling = rule(&self.terms, matter);
        self.ledger = ruling.after.clone();
        self.decisions.extend(ruling.decisions.iter().cloned());
        ruling
    }

    fn publish(&mut self, kind: &str, payload: &Value) {
        let entry = EntryId { millis: self.now.as_millis().unsigned_abs() + 1, number: 0 };
        let source = Source::Redis { stream: kind.to_owned().into(), entry, through: entry };
        let body = serde_json::json!({ "type": kind, "data": payload });
        self.rule(source, serde_json::from_value(body).unwrap());
    }

    fn release_freeze(&mut self) {
        let freezes: Vec<_> =
            self.ledger.holds.values().filter(|hold| hold.is_freeze()).map(|hold| hold.id).collect();
        for hold in freezes {
            let by = Person { name: "operator".to_owned(), rank: Rank::Approver };
            let order = Order::Release { hold };
            let command = Command { by, approved_by: None, reason: "looked at it".to_owned(), order };
            self.rule(Source::Operator, Body::Command(command));
        }
    }

    /// Lets time pass, with the timers that go off meanwhile.
    fn wait(&mut self, millis: i64) {
        let until = self.now.after(Period::from_millis(millis));
        while let Some(due) = next_due(&self.terms, &self.ledger).filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.rule(Source::Clock, Body::ClockDue(ClockDue { due }));
        }
        self.now = self.now.max(until);
    }

    /// Plays a chapter; what was decided in it.
    fn play(&mut self, chapter: &Chapter, worst: &mut f64) -> Vec<Decision> {
        let already = self.decisions.len();
        if chapter.release {
            self.release_freeze();
        }
        for (number, beat) in chapter.beats.iter().enumerate() {
            *worst = worst.max(beat.drawdown_pct);
            self.publish("system.health_updated", &chapter.health.payload());
            self.publish("portfolio.snapshot_updated", &beat.payload(*worst));
            if let Some(model) = chapter.models.get(number) {
                self.publish("model.performance_updated", &model.payload());
            }
            self.wait(i64::try_from(BEAT.as_millis()).unwrap());
        }
        self.decisions.split_off(already)
    }
}

#[test]
fn every_chapter_brings_what_it_says() {
    use DecisionType as T;
    let expected: [&[T]; 7] = [
        &[T::StrategyAllocation, T::Cashflow, T::ResearchTask],
        &[T::SymbolUniverse, T::RiskAdjustment],
        &[T::SymbolUniverse, T::RiskAdjustment, T::CapitalProfile, T::Cashflow, T::EssPolicy],
        &[T::ModeChange, T::RiskAdjustment],
        &[T::Freeze],
        &[T::ModeChange, T::Override],
        &[T::ModeChange, T::RiskAdjustment, T::SymbolUniverse, T::EssPolicy, T::Cashflow],
    ];
    let (mut model, mut worst) = (Model::new(), WORST_BEFORE);
    for (chapter, expected) in DAY.iter().zip(expected) {
        let decisions = model.play(chapter, &mut worst);
        println!("{}", chapter.title);
        for decision in &decisions {
            let (kind, payload) = (decision.decision_type(), local::decisions::in_short(&decision.payload));
            println!("  {} {kind} {payload}: {}", decision.timestamp, decision.reason);
        }
        for kind in expected {
            let brought = decisions.iter().any(|decision| decision.decision_type() == *kind);
            assert!(brought, "no {kind} in {:?}", chapter.title);
        }
    }
    let effective = &model.ledger.effective;
    assert!(model.ledger.freeze.is_none() && effective.mode == Mode::Live, "{effective:?}");
    assert_eq!(effective.symbols.active_symbols.len(), 8);
    assert_eq!(effective.ess, model.terms.base.ess);
}

#[test]
fn the_freeze_stands_until_a_person_releases_it() {
    let (mut model, mut worst) = (Model::new(), WORST_BEFORE);
    for chapter in DAY.iter().take_while(|chapter| !chapter.release) {
        model.play(chapter, &mut worst);
    }
    let freezes: Vec<&str> =
        model.ledger.holds.values().filter(|hold| hold.is_freeze()).map(|hold| hold.cause.as_str()).collect();
    assert_eq!(freezes, ["supervisor.drawdown"]);
    assert_ne!(model.ledger.effective.mode, Mode::Live);
    let frozen = model.ledger.effective.limits;
    assert!(frozen.max_leverage < model.terms.base.limits.max_leverage, "{frozen:?}");
}
