//! What the view remembers, and for how long.

use proto::case::Verdict;
use proto::decision::{Author, DecisionType};
use proto::id::{PolicyRevision, RulingHash};
use proto::time::Period;

use super::*;
use crate::testing::{decision, portfolio, ruling, snapshot_event};

fn said(page: &Page) -> Vec<String> {
    page.decisions
        .iter()
        .map(|said| format!("{}/{}", said.decision.portfolio, said.decision.ruling))
        .collect()
}

/// Rulings 1 to `count` of each portfolio, one after another.
fn state(portfolios: &[&str], count: u64) -> State {
    let mut state = State::default();
    let mut sequence = 0;
    for version in 1..=count {
        for id in portfolios {
            sequence += 1;
            let event = snapshot_event(&portfolio(id), version);
            state.take(ruling(event, version, RulingHash::default(), Mode::Paused), Sequence(sequence));
        }
    }
    state
}

#[test]
fn a_page_is_the_latest_in_either_order() {
    let state = state(&["a", "b"], 3);
    let mut filter = Filter { limit: 3, ..Filter::default() };
    let page = state.decisions(&filter);
    assert_eq!((page.total, said(&page)), (6, vec!["b/2".to_owned(), "a/3".to_owned(), "b/3".to_owned()]));
    filter.order = Order::Descending;
    assert_eq!(said(&state.decisions(&filter)), ["b/3", "a/3", "b/2"]);
    filter.before = Some(page.decisions[0].decision.decision_id);
    assert_eq!(said(&state.decisions(&filter)), ["a/2", "b/1", "a/1"]);
}

#[test]
fn filters_pass_what_they_name() {
    let state = state(&["a", "b"], 3);
    let count = |filter: Filter| state.decisions(&filter).total;
    assert_eq!(count(Filter { portfolio: Some(portfolio("a")), ..Filter::default() }), 3);
    assert_eq!(count(Filter { kind: Some(DecisionType::Freeze), ..Filter::default() }), 0);
    assert_eq!(count(Filter { role: Some(Author::Role(Role::CEO)), ..Filter::default() }), 6);
    assert_eq!(count(Filter { role: Some(Author::Manual), ..Filter::default() }), 0);
    let second = snapshot_event(&portfolio("a"), 2).at;
    assert_eq!(count(Filter { since: Some(second), ..Filter::default() }), 4);
    assert_eq!(count(Filter { until: Some(second), ..Filter::default() }), 2);
    let later = second.after(Period::from_hours(1));
    assert_eq!(count(Filter { since: Some(later), ..Filter::default() }), 0);
}

#[test]
fn decisions_known_from_the_start_are_not_counted_twice() {
    let event = snapshot_event(&portfolio("a"), 1);
    let known = decision(&event, proto::id::Version(1), Mode::Paused, Role::CEO.into());
    let mut state = State::default();
    state.begin(41, vec![known]);
    state.take(ruling(event, 1, RulingHash::default(), Mode::Paused), Sequence(9));
    assert_eq!(state.counts().decisions, 41);
    let event = snapshot_event(&portfolio("a"), 2);
    state.take(ruling(event, 2, RulingHash::default(), Mode::Live), Sequence(10));
    assert_eq!(state.counts().decisions, 42);
    assert_eq!(state.counts().modes, BTreeMap::from([(Mode::Live, 1)]));
}

/// The `number`th snapshot of a portfolio, as it came from Redis.
fn from_redis(id: &str, number: u64) -> Event {
    let entry = EntryId { millis: number, number: 0 };
    let source = Source::Redis { stream: "s".into(), entry, through: entry };
    Event { source, ..snapshot_event(&portfolio(id), number) }
}

#[test]
fn a_portfolio_is_known_once_it_was_seen_or_ruled() {
    let mut state = state(&["a"], 1);
    state.expect(&from_redis("b", 1), Time::default());
    assert_eq!(state.known(), [portfolio("a"), portfolio("b")].into());
    assert!(state.ledger(&portfolio("b")).is_none());
}

#[test]
fn a_portfolio_whose_events_are_not_ruled_is_neglected() {
    let mut state = State::default();
    let at = |millis: i64| Time::from_millis(millis);
    state.expect(&from_redis("a", 1), at(100));
    state.expect(&from_redis("a", 2), at(200));
    state.expect(&from_redis("b", 1), at(300));
    assert_eq!(state.neglected(at(100)), [].into());
    assert_eq!(state.neglected(at(250)), [portfolio("a")].into());

    let mut ruling = ruling(from_redis("a", 2), 1, RulingHash::default(), Mode::Paused);
    ruling.after.ruled.entries.insert("s".to_owned(), EntryId { millis: 2, number: 0 });
    state.take(ruling, Sequence(1));
    assert_eq!(state.neglected(at(1000)), [portfolio("b")].into());
    state.expect(&from_redis("a", 2), at(400));
    assert_eq!(state.neglected(at(1000)), [portfolio("b")].into(), "what is ruled is not waited for");
}

#[test]
fn what_is_told_again_is_not_waited_for() {
    let mut ruling = ruling(from_redis("a", 2), 1, RulingHash::default(), Mode::Paused);
    let mut again = from_redis("a", 3);
    again.id = ruling.event.id;
    ruling.after.ruled.told.push(again.id);
    let mut state = State::default();
    state.take(ruling, Sequence(1));
    state.expect(&again, Time::from_millis(100));
    assert_eq!(state.neglected(Time::from_millis(1000)), [].into());
}

#[test]
fn a_portfolio_whose_commands_are_not_ruled_is_neglected() {
    let at = |millis: i64| Time::from_millis(millis);
    let mut state = state(&["a"], 1);
    let command = snapshot_event(&portfolio("a"), 2);
    state.expect_command(&command, Sequence(2), at(100));
    state.expect_command(&snapshot_event(&portfolio("a"), 3), Sequence(3), at(200));
    assert_eq!(state.neglected(at(100)), [].into());
    assert_eq!(state.neglected(at(150)), [portfolio("a")].into());

    let mut ruling = ruling(command.clone(), 2, RulingHash::default(), Mode::Paused);
    ruling.after.ruled.recent.push(command.id);
    state.take(ruling, Sequence(2));
    assert_eq!(state.neglected(at(1000)), [].into());
    state.expect_command(&command, Sequence(2), at(300));
    assert_eq!(state.neglected(at(1000)), [].into(), "what is ruled is not waited for");
}

#[test]
fn memory_is_bounded() {
    let mut state = State::default();
    let many = u64::try_from(MAX_DECISIONS).unwrap() + 5;
    let decisions = (0..many)
        .map(|number| {
            let event = snapshot_event(&portfolio("a"), number);
            decision(&event, proto::id::Version(number), Mode::Paused, Role::CEO.into())
        })
        .collect();
    state.begin(many, decisions);
    assert_eq!((state.decisions.len(), state.by_id.len()), (MAX_DECISIONS, MAX_DECISIONS));
    assert_eq!(state.counts().decisions, many);
}

#[test]
fn a_role_that_is_not_asked_hangs_until_it_is_heard() {
    let mut state = State::default();
    let mut hear = |number: u64, heard: Heard| {
        let event = snapshot_event(&portfolio("a"), number);
        let mut ruling = ruling(event, number, RulingHash::default(), Mode::Live);
        ruling.hearing.roles.insert(Role::CIO, heard);
        state.take(ruling, Sequence(number));
        state.hung()
    };
    assert_eq!(hear(1, Heard::Absent { why: Absence::Timeout }), [].into(), "once is nothing");
    assert_eq!(hear(2, Heard::Absent { why: Absence::CircuitOpen }), [Role::CIO].into());
    assert_eq!(hear(3, Heard::Absent { why: Absence::Timeout }), [Role::CIO].into(), "a probe");
    let (policy, verdict) = (
        PolicyRevision::of("test"),
        Verdict { proposals: Vec::new(), memory: serde_json::Value::Null, wake_at: None },
    );
    assert_eq!(hear(4, Heard::Verdict { policy, verdict }), [].into());
}
