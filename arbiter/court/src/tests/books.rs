//! What every ruling books: events, memories, alarms, guardians, equity.

use proto::event::{Body, EventKind, Snapshot, Source};
use proto::id::{Role, RuleId};
use proto::ledger::{Fired, Ruled};
use proto::ruling::Heard;
use proto::testing::snapshot;
use proto::time::Period;
use proto::value::{Mode, Value};

use crate::already_ruled;
use crate::testing::{Story, leverage, mins, research, secs, set};

#[test]
fn an_event_is_known_when_it_comes_again() {
    let mut story = Story::new();
    for ruling in [story.snapshot().rule(), story.clone().clock().rule()] {
        assert!(!already_ruled(&ruling.before, &ruling.event));
        assert!(already_ruled(&ruling.after, &ruling.event));
    }
    let older = story.snapshot().rule().event;
    let newer = story.wait(secs(1)).snapshot().rule();
    assert!(already_ruled(&newer.after, &older), "entries of one stream come in order");
    let mut other = older;
    if let Source::Redis { stream, .. } = &mut other.source {
        stream.to_mut().push_str(".v2");
    }
    assert!(!already_ruled(&newer.after, &other));
}

#[test]
fn timers_and_commands_are_remembered_up_to_a_bound() {
    let mut story = Story::new();
    let first = story.clock().rule().event;
    for _ in 0..Ruled::RECENT {
        assert!(already_ruled(&story.ledger, &first));
        story.wait(secs(1)).clock().rule();
    }
    assert!(!already_ruled(&story.ledger, &first));
    assert_eq!(story.ledger.ruled.recent.len(), Ruled::RECENT);
}

#[test]
fn the_clock_never_goes_back_and_versions_count_on() {
    let mut story = Story::new();
    let (at, version) = (story.ledger.at, story.ledger.version);
    story.now = at.before(mins(5));
    story.snapshot().rule();
    assert_eq!((story.ledger.at, story.ledger.version), (at, version.next()));
}

#[test]
fn who_was_not_heard_keeps_its_memory() {
    let mut story = Story::new();
    let mut matter = story.snapshot().matter();
    if let Some(Heard::Verdict { verdict, .. }) = matter.hearing.roles.get_mut(&Role::CEO) {
        verdict.memory = serde_json::json!({"seen": 1});
    }
    story.ledger = crate::rule(&story.terms, matter).after;
    story.snapshot().without(&Role::CEO).rule();
    assert_eq!(story.ledger.memories[&Role::CEO], serde_json::json!({"seen": 1}));
    story.snapshot().rule();
    assert_eq!(story.ledger.memories[&Role::CEO], serde_json::Value::Null);
}

#[test]
fn an_alarm_is_kept_replaced_removed_and_put_off() {
    let mut story = Story::new();
    let soon = story.now.after(secs(60));
    story.snapshot().wake_at(&Role::SUPERVISOR, soon).wake_at(&Role::CEO, soon).rule();
    assert_eq!(story.ledger.wakes, [(Role::SUPERVISOR, soon)].into(), "timers ask only who listens to them");
    story.wait(secs(60)).clock().without(&Role::SUPERVISOR).rule();
    let put_off = story.now.after(story.terms.due_retry);
    assert_eq!(story.ledger.wakes[&Role::SUPERVISOR], put_off);
    let past = story.now.before(secs(1));
    story.clock().wake_at(&Role::SUPERVISOR, past).rule();
    assert_eq!(story.ledger.wakes[&Role::SUPERVISOR], put_off, "an alarm in the past would go off for ever");
    story.clock().rule();
    assert!(story.ledger.wakes.is_empty());
}

#[test]
fn the_alarm_of_a_role_that_timers_ask_no_more_is_gone() {
    let mut story = Story::new();
    let soon = story.now.after(secs(60));
    story.snapshot().wake_at(&Role::SUPERVISOR, soon).rule();
    let seat = story.terms.seats.get_mut(&Role::SUPERVISOR).unwrap();
    seat.interests = [EventKind::Snapshot, EventKind::Health].into();
    story.model().rule();
    assert!(story.ledger.wakes.is_empty());
}

#[test]
fn which_guardians_were_heard_is_remembered_and_of_nobody_else() {
    let mut story = Story::new();
    story.ledger.heard.clear();
    story.snapshot().without(&Role::CRO).rule();
    assert_eq!(story.ledger.heard, [Role::SUPERVISOR].into());
    story.snapshot().rule();
    assert_eq!(story.ledger.heard, [Role::CRO, Role::SUPERVISOR].into());
}

#[test]
fn a_jump_of_equity_is_believed_when_three_more_agree() {
    let mut story = Story::new();
    let mut suspect = |equity: f64| {
        story.wait(secs(5)).snapshot().equity(equity).rule();
        story.ledger.equity.unwrap().suspect_for
    };
    assert_eq!(suspect(12_000.0), 0, "20 % is no jump");
    let jump: Vec<u32> = [17_000.0, 17_100.0, 16_900.0, 17_000.0].map(&mut suspect).into();
    assert_eq!(jump, [3, 2, 1, 0]);
    let fall: Vec<u32> = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0].map(&mut suspect).into();
    assert_eq!(fall, [3, 2, 3, 2, 1, 0], "from nothing any change is a jump");
}

#[test]
fn degraded_equity_is_nothing_to_measure_the_next_by() {
    let mut story = Story::new();
    story.wait(secs(5)).snapshot().equity(900.0).rule();
    let before = story.ledger.equity;
    let made_up = Snapshot { degraded: true, ..snapshot() };
    story.wait(secs(5)).round(Body::Snapshot(made_up)).rule();
    assert_eq!(story.ledger.equity, before, "an equity that was made up is no base");
    story.wait(secs(5)).snapshot().equity(910.0).rule();
    assert_eq!(story.ledger.equity.unwrap().suspect_for, before.unwrap().suspect_for.saturating_sub(1));
}

#[test]
fn what_is_told_again_under_another_entry_is_known() {
    let mut story = Story::new();
    let told = |story: &mut Story| {
        let reported_at = Some(story.now);
        story.round(Body::Snapshot(Snapshot { reported_at, ..snapshot() })).rule()
    };
    let first = told(&mut story);
    assert!(already_ruled(&first.after, &first.event));
    let mut again = first.event.clone();
    if let Source::Redis { entry, through, .. } = &mut again.source {
        (entry.millis, through.millis) = (entry.millis + 86_400_000, through.millis + 86_400_000);
    }
    assert!(already_ruled(&first.after, &again), "a buffer that publishes the same again says nothing new");
    for _ in 1..Ruled::RECENT {
        told(story.wait(secs(1)));
    }
    assert!(already_ruled(&story.ledger, &again), "it is remembered for as long as it is fresh");
    told(story.wait(secs(1)));
    assert!(!already_ruled(&story.ledger, &again));
    assert_eq!(story.ledger.ruled.told.len(), Ruled::RECENT);
}

#[test]
fn what_rules_saw_is_remembered_up_to_a_bound_and_the_oldest_goes() {
    let mut story = Story::new();
    let moves = |story: &mut Story, most| {
        story.snapshot().says(set(&Role::CRO, "cro.x", leverage(most))).rule();
    };
    for number in 0..255 {
        let fired = Fired { at: story.now.after(secs(number)), facts: Vec::new() };
        story.ledger.fired.insert(RuleId::from(format!("cio.{number:03}")), fired);
    }
    moves(story.wait(mins(10)), 5.0);
    assert_eq!(story.ledger.fired.len(), 256);
    moves(&mut story, 4.0);
    assert_eq!(story.ledger.fired.len(), 256, "a rule that is known takes no more room");
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Shadow))).rule();
    assert_eq!(story.ledger.fired.len(), 256);
    assert!(story.ledger.fired(&RuleId::new("ceo.x")).is_some());
    let names: Vec<&str> = story.ledger.fired.keys().map(RuleId::as_str).collect();
    assert!(!names.contains(&"cio.000") && names.contains(&"cio.001"), "{names:?}");
}

#[test]
fn research_is_forgotten_after_a_week() {
    let mut story = Story::new();
    story.ledger.research.insert("risk_analysis".to_owned(), story.now);
    let given_out = |story: &mut Story, model| {
        story.snapshot().says(research(Some(model))).rule();
        story.ledger.research.len()
    };
    assert_eq!(given_out(story.wait(Period::from_hours(7 * 24)), "a"), 2);
    assert_eq!(given_out(story.wait(secs(1)), "b"), 2, "the first of the three is gone");
    assert!(!story.ledger.research.contains_key("risk_analysis"));
}
