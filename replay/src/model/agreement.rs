//! Settling and ruling are one: the same decisions, the same outcomes, the same ledger, the same memories; over made-up
//! stories with roles that go and come back, operators, stale events, and events that come twice.

use proto::command::{Command, Order, Person, Rank};
use proto::decision::{Decision, Severity};
use proto::event::{Body, Source};
use proto::id::EventId;
use proto::ruling::{Finding, Ruling};
use proto::time::Period;
use proto::value::Mode;

use super::*;
use crate::Synthetic;

const SEEDS: u64 = 6;
const EVENTS: usize = 1500;

/// What can be told of an event either way: the state without the memories, which settling writes nowhere.
type Told = (EventId, Ledger, Vec<Finding>, Vec<Decision>);

fn model() -> Model {
    Model::new(Policies::defaults().unwrap())
}

/// The events of a story, some of them twice.
fn story(seed: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, event) in (0_u64..).zip(Synthetic::new(seed, 2).unwrap().take(EVENTS)) {
        let turn = number.wrapping_add(seed.wrapping_mul(31));
        let by_hand = (turn % 173 == 0).then(|| by_hand(&event, turn));
        let again = (turn % 89 == 0).then(|| event.clone());
        let stale = turn % 41 == 0;
        events.push(Event { stale, ..event });
        events.extend(by_hand.into_iter().chain(again));
    }
    events
}

fn by_hand(event: &Event, turn: u64) -> Event {
    let duration = Some(Period::from_mins(20));
    let order = match turn % 3 {
        0 => Order::SetMode { mode: Mode::Paused, duration, releases: Vec::new() },
        1 => Order::SetMode { mode: Mode::Live, duration: None, releases: Vec::new() },
        _ => {
            let affected_subsystems = ["trading"].into();
            Order::Freeze { duration, severity: Severity::High, affected_subsystems }
        }
    };
    let by = Person { name: "ann".to_owned(), rank: Rank::Approver };
    let body = Body::Command(Command { by, approved_by: None, reason: "to see".to_owned(), order });
    let id = EventId::derive(&["by hand", &event.id.to_string()]);
    Event { id, source: Source::Operator, body, ..event.clone() }
}

/// Roles go for a stretch and come back, one after another.
fn attend(model: &mut Model, number: usize) {
    const STRETCH: usize = 120;
    if number.is_multiple_of(STRETCH) {
        let role = &Role::ALL[number / STRETCH % Role::ALL.len()];
        let before = &Role::ALL[(number / STRETCH + 5) % Role::ALL.len()];
        model.present(before);
        model.absent(role.clone(), Absence::Timeout);
    }
    if number % STRETCH == STRETCH / 3 {
        Role::ALL.iter().for_each(|role| model.present(role));
    }
}

#[test]
fn what_is_settled_is_what_would_have_been_ruled() {
    let (mut decided, mut reviewed) = (0, 0);
    for seed in 0..SEEDS {
        let (mut ruling, mut settling) = (model(), model());
        for (number, event) in story(seed).into_iter().enumerate() {
            attend(&mut ruling, number);
            attend(&mut settling, number);
            let mut settled: Vec<Told> = Vec::new();
            let is_new = settling.settle(&event, |one| {
                let ledger = one.ledger.without_memories();
                settled.push((one.event.id, ledger, one.findings.to_vec(), one.decisions.to_vec()));
            });
            let id = event.id;
            let rulings = ruling.tell(event).unwrap();
            reviewed += rulings.iter().filter(|ruling| ruling.hearing.review.is_some()).count();
            let findings = |one: &Ruling| one.outcomes.iter().map(|outcome| outcome.result.clone()).collect();
            let ruled: Vec<Told> = rulings
                .into_iter()
                .map(|one| (one.event.id, one.after.without_memories(), findings(&one), one.decisions))
                .collect();
            assert_eq!(settled, ruled, "seed {seed}, event {number}");
            assert_eq!(is_new, ruled.iter().any(|(ruled, ..)| *ruled == id));
            assert_eq!(settling.next_due(), ruling.next_due());
            decided += ruled.iter().map(|(_, _, _, decisions)| decisions.len()).sum::<usize>();
        }
    }
    assert!(decided > 100 && reviewed > 0, "too little happens: {decided} decisions, {reviewed} reviews");
}

#[test]
fn a_ruling_after_settled_events_begins_with_all_that_roles_remember() {
    for seed in 0..SEEDS {
        let (mut ruling, mut both) = (model(), model());
        let mut events = story(seed).into_iter().enumerate();
        for (number, event) in events.by_ref().take(EVENTS / 2) {
            attend(&mut ruling, number);
            attend(&mut both, number);
            both.settle(&event, |_| ());
            ruling.tell(event).unwrap();
        }
        for (_, event) in events.take(50) {
            let (one, other) = (ruling.tell(event.clone()).unwrap(), both.tell(event).unwrap());
            for (one, other) in one.into_iter().zip(other) {
                assert_eq!((one.before, one.after), (other.before, other.after), "seed {seed}");
                assert_eq!(one.hearing, other.hearing);
            }
        }
    }
}
