//! When the arbiter's timer has to go off.

use proto::command::Order;
use proto::decision::Severity;
use proto::id::Role;
use proto::proposal::Ask;
use proto::value::{Mode, Value};

use crate::next_due;
use crate::testing::{Story, clear, freeze, mins, propose, secs, set};

fn due(story: &Story) -> Option<i64> {
    next_due(&story.terms, &story.ledger).map(|at| at.since(story.now).as_millis() / 1000)
}

#[test]
fn nothing_is_due_where_nothing_runs_out() {
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", None, Severity::Critical)).rule();
    assert_eq!(due(&story), None);
}

#[test]
fn a_hold_is_due_shortly_before_its_end_and_at_its_end_once_its_cause_is_gone() {
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", Some(30), Severity::High)).rule();
    assert_eq!(due(&story), Some(29 * 60));
    story.snapshot().says(clear("supervisor.x")).rule();
    assert_eq!(due(&story), Some(30 * 60));
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", Some(2), Severity::High)).rule();
    assert_eq!(due(&story), Some(90), "a quarter of a short one");
    let mut story = Story::new();
    story.operator(Order::SetMode { mode: Mode::Paused, duration: Some(mins(5)), releases: Vec::new() });
    assert_eq!(due(&story), Some(5 * 60), "an operator's ends on time, without asking");
}

#[test]
fn a_hold_that_nobody_can_judge_is_looked_at_again_and_again() {
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", Some(30), Severity::High)).rule();
    story.snapshot().says(clear("supervisor.x")).rule();
    story.wait(mins(30)).clock().without(&Role::SUPERVISOR).rule();
    assert_eq!(due(&story), Some(10));
    story.wait(secs(4)).model().rule();
    assert_eq!(due(&story), Some(6), "other events do not put it off");
    story.wait(secs(6)).clock().rule();
    assert_eq!(due(&story), None);
    assert!(story.ledger.freeze.is_none());
}

#[test]
fn a_timed_mode_and_an_alarm_are_due_too() {
    let mut story = Story::new();
    let ask = Ask::Set { value: Value::Mode(Mode::Paused), duration: Some(mins(30)) };
    story.health().says(propose(&Role::CEO, "ceo.pause", ask)).rule();
    assert_eq!(due(&story), Some(29 * 60));
    story.health().says(set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow))).rule();
    assert_eq!(due(&story), Some(30 * 60));
    let at = story.now.after(secs(61));
    story.snapshot().wake_at(&Role::SUPERVISOR, at).rule();
    assert_eq!(due(&story), Some(61));
}

#[test]
fn an_hour_of_timers_alone_settles_and_never_spins() {
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", Some(30), Severity::High)).rule();
    story.snapshot().says(freeze("supervisor.y", Some(1), Severity::High)).rule();
    let end = story.now.after(mins(60));
    let mut rounds = 0;
    while let Some(at) = next_due(&story.terms, &story.ledger).filter(|at| *at <= end) {
        assert!(at > story.ledger.at, "a timer is never due in the past");
        story.now = at;
        story.clock().rule();
        rounds += 1;
    }
    assert!((60..=90).contains(&rounds), "{rounds}: each minute's hold is extended a little before its end");
}
