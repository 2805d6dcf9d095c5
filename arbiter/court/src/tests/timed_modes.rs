//! Timed modes: the mesh owns the timer, and a pause whose cause stands does not run out.

use proto::decision::{DecisionType, Payload};
use proto::id::Role;
use proto::proposal::{Ask, Proposal};
use proto::ruling::{Finding, Ruling};
use proto::value::{Kind, Mode, Value};

use crate::testing::{Story, finding, mins, propose, set, types};

fn pause() -> Proposal {
    let ask = Ask::Set { value: Value::Mode(Mode::Paused), duration: Some(mins(30)) };
    propose(&Role::CEO, "ceo.pause", ask)
}

fn resume() -> Proposal {
    set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow))
}

fn paused() -> Story {
    let mut story = Story::new();
    let ruling = story.health().says(pause()).rule();
    assert_eq!(told(&ruling), (Mode::Paused, Some(30)));
    story
}

fn told(ruling: &Ruling) -> (Mode, Option<u64>) {
    let [decision] = ruling.decisions.as_slice() else { panic!("{:?}", ruling.decisions) };
    let Payload::ModeChange { mode, duration_minutes, .. } = &decision.payload else {
        panic!("{decision:?}")
    };
    (*mode, *duration_minutes)
}

#[test]
fn a_standing_cause_is_silent_until_the_end_is_near() {
    let mut story = paused();
    for _ in 0..28 {
        let ruling = story.wait(mins(1)).health().says(pause()).rule();
        assert_eq!(types(&ruling), []);
        assert_eq!(*finding(&ruling, "ceo.pause"), Finding::Unchanged);
    }
    let near = story.wait(mins(1)).health().says(pause()).rule();
    assert_eq!(told(&near), (Mode::Paused, Some(30)));
    assert!(matches!(finding(&near, "ceo.pause"), Finding::Decided { .. }));
}

#[test]
fn near_its_end_it_is_asked_for_as_long_as_its_role_says_then() {
    let mut story = paused();
    let ask = Ask::Set { value: Value::Mode(Mode::Paused), duration: Some(mins(60)) };
    let near = story.wait(mins(29)).health().says(propose(&Role::CEO, "ceo.pause", ask)).rule();
    assert_eq!(told(&near), (Mode::Paused, Some(60)));
    assert_eq!(story.ledger.timed_mode.unwrap().duration, mins(60), "and is extended by that from then on");
}

#[test]
fn a_pause_that_nobody_speaks_of_is_extended() {
    let mut story = paused();
    let ruling = story.wait(mins(29)).snapshot().rule();
    assert_eq!(told(&ruling), (Mode::Paused, Some(30)));
    assert_eq!(story.ledger.timed_mode.unwrap().until, story.now.after(mins(30)));
}

#[test]
fn a_pause_whose_cause_is_gone_steps_back_at_its_end() {
    let mut story = paused();
    story.wait(mins(28)).health().says(resume()).rule();
    let near = story.wait(mins(1)).clock().rule();
    assert_eq!(types(&near), [], "not extended: its cause is gone");
    let due = story.wait(mins(1)).clock().rule();
    assert_eq!(told(&due), (Mode::Shadow, None), "one stage, not two");
    assert_eq!(due.decisions[0].rule.as_str(), "court.timed-mode");
    assert_eq!(due.decisions[0].role_source, Role::CEO.into());
    assert!(story.ledger.timed_mode.is_none());
}

#[test]
fn at_its_end_the_role_that_set_it_needs_no_further_confirmation() {
    let mut story = paused();
    story.wait(mins(28)).health().says(resume()).rule();
    let ruling = story.wait(mins(2)).health().says(resume()).rule();
    assert_eq!(told(&ruling), (Mode::Shadow, None));
    assert!(matches!(finding(&ruling, "ceo.resume"), Finding::Decided { .. }));
}

#[test]
fn with_a_guardian_absent_or_stale_it_is_extended_instead() {
    for what in ["supervisor", "ceo", "stale"] {
        let mut story = paused();
        story.wait(mins(28)).health().says(resume()).rule();
        let round = story.wait(mins(2)).snapshot();
        let ruling = match what {
            "supervisor" => round.without(&Role::SUPERVISOR).rule(),
            "ceo" => round.without(&Role::CEO).rule(),
            _ => round.stale().rule(),
        };
        assert_eq!(told(&ruling), (Mode::Paused, Some(30)), "{what}");
        assert!(story.ledger.evidence.contains_key(&Kind::Mode), "{what}: what was seen was seen");
    }
}

#[test]
fn another_mode_takes_its_place() {
    let mut story = paused();
    let ruling = story.health().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Emergency))).rule();
    assert_eq!(told(&ruling), (Mode::Emergency, None));
    assert!(story.ledger.timed_mode.is_none());
}

#[test]
fn the_same_mode_without_an_end_is_stricter() {
    let mut story = paused();
    let ruling = story.health().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused))).rule();
    assert_eq!(told(&ruling), (Mode::Paused, None));
    assert_eq!(types(&story.wait(mins(60)).snapshot().rule()), [] as [DecisionType; 0]);
}
