//! Looser must be earned: what stands against it, in order, and how it is confirmed.

use proto::decision::{DecisionType, Severity};
use proto::event::{Body, Snapshot};
use proto::id::Role;
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Finding, Refusal};
use proto::testing::snapshot;
use proto::time::Period;
use proto::value::{Kind, Mode, Profile, Value};

use crate::testing::{Story, finding, freeze, hold_at, leverage, mins, propose, refusal, secs, set, types};

/// A portfolio whose leverage is at 5, with nothing cooling down.
fn tight() -> Story {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    story.wait(secs(5));
    story
}

/// A snapshot that its own producer does not rely on.
fn degraded() -> Body {
    Body::Snapshot(Snapshot { degraded: true, ..snapshot() })
}

fn looser() -> Proposal {
    set(&Role::CRO, "cro.recovery", leverage(6.0))
}

#[test]
fn degraded_numbers_loosen_nothing_and_may_tighten() {
    let mut story = tight();
    for _ in 0..5 {
        let ruling = story.wait(secs(30)).round(degraded()).says(looser()).rule();
        assert_eq!(*refusal(&ruling, "cro.recovery"), Refusal::SuspectInput);
    }
    assert!(story.ledger.evidence.is_empty(), "they are no evidence either");
    let tighter = story.round(degraded()).says(set(&Role::CRO, "cro.x", leverage(4.0))).rule();
    assert_eq!(types(&tighter), [DecisionType::RiskAdjustment]);
}

#[test]
fn three_times_over_a_minute_loosens() {
    let mut story = tight();
    let first = story.snapshot().says(looser()).rule();
    let since = story.now;
    let expected = Refusal::Unconfirmed { times: 1, needed: 3, since };
    assert_eq!(*refusal(&first, "cro.recovery"), expected);
    story.wait(secs(10)).snapshot().says(looser()).rule();
    let often_enough = story.wait(secs(10)).snapshot().says(looser()).rule();
    assert!(matches!(refusal(&often_enough, "cro.recovery"), Refusal::Unconfirmed { times: 3, .. }));
    let granted = story.wait(secs(40)).snapshot().says(looser()).rule();
    assert_eq!(types(&granted), [DecisionType::RiskAdjustment]);
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(6.0));
    assert!(story.ledger.evidence.is_empty(), "evidence is used up");
}

#[test]
fn the_tightest_of_what_was_proposed_is_granted() {
    let mut story = tight();
    for value in [leverage(9.0), leverage(7.0)] {
        story.snapshot().says(set(&Role::CRO, "cro.recovery", value)).rule();
        story.wait(secs(30));
    }
    story.snapshot().says(set(&Role::CRO, "cro.recovery", leverage(8.0))).rule();
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(7.0));
}

#[test]
fn silence_in_between_keeps_the_evidence_and_tightening_or_the_value_in_force_ends_it() {
    for (between, kept) in [(None, true), (Some(leverage(4.0)), false), (Some(leverage(5.0)), false)] {
        let mut story = tight();
        story.snapshot().says(looser()).rule();
        let round = story.wait(secs(5)).snapshot();
        match between.clone() {
            Some(value) => round.says(set(&Role::CRO, "cro.x", value)).rule(),
            None => round.rule(),
        };
        assert_eq!(story.ledger.evidence.contains_key(&Kind::Limits), kept, "{between:?}");
    }
}

#[test]
fn what_is_not_fresh_believed_and_guarded_is_no_evidence() {
    let table: [(&str, Refusal); 3] = [
        ("stale", Refusal::StaleInput),
        ("suspect", Refusal::SuspectInput),
        ("supervisor", Refusal::GuardianAbsent { role: Role::SUPERVISOR }),
    ];
    for (what, expected) in &table {
        let mut story = tight();
        let round = story.snapshot().says(looser());
        let ruling = match *what {
            "stale" => round.stale().rule(),
            "suspect" => round.equity(20_000.0).rule(),
            _ => round.without(&Role::SUPERVISOR).rule(),
        };
        assert_eq!(refusal(&ruling, "cro.recovery"), expected);
        assert!(story.ledger.evidence.is_empty(), "{what}");
    }
}

#[test]
fn stale_comes_before_suspect_before_guardian_before_hold() {
    let mut story = tight();
    story.snapshot().says(hold_at("supervisor.x", leverage(5.0))).rule();
    let ruling = story.snapshot().says(looser()).without(&Role::SUPERVISOR).equity(1.0).stale().rule();
    assert_eq!(*refusal(&ruling, "cro.recovery"), Refusal::StaleInput);
    let ruling = story.snapshot().says(looser()).without(&Role::SUPERVISOR).equity(900.0).rule();
    assert_eq!(*refusal(&ruling, "cro.recovery"), Refusal::SuspectInput);
    let mut story = tight();
    story.snapshot().says(hold_at("supervisor.x", leverage(5.0))).rule();
    let ruling = story.snapshot().says(looser()).without(&Role::SUPERVISOR).rule();
    assert_eq!(*refusal(&ruling, "cro.recovery"), Refusal::GuardianAbsent { role: Role::SUPERVISOR });
    let ruling = story.snapshot().says(looser()).rule();
    assert!(matches!(refusal(&ruling, "cro.recovery"), Refusal::Held { .. }));
}

#[test]
fn nothing_loosens_before_each_guardian_was_heard_once() {
    let mut story = Story::unheard();
    let mode = || set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live));
    story.health().says(set(&Role::CEO, "ceo.shadow", Value::Mode(Mode::Shadow))).without(&Role::CRO).rule();
    let ruling = story.health().says(mode()).without(&Role::CRO).rule();
    assert_eq!(*refusal(&ruling, "ceo.resume"), Refusal::GuardianAbsent { role: Role::CRO });
    let ruling = story.health().says(mode()).rule();
    assert!(matches!(refusal(&ruling, "ceo.resume"), Refusal::Unconfirmed { .. }), "both are heard now");
}

#[test]
fn a_hold_stands_against_what_would_exceed_it() {
    let loosening = propose(&Role::SUPERVISOR, "supervisor.silence", Ask::Hold { bound: Bound::Loosening });
    let table = [
        ("a tighter bound", hold_at("supervisor.x", leverage(5.5)), true),
        ("a bound that it meets", hold_at("supervisor.x", leverage(6.0)), false),
        ("a bound on another value", hold_at("supervisor.x", Value::Profile(Profile::Low)), false),
        ("a stop to all loosening", loosening, true),
        ("a freeze", freeze("supervisor.x", Some(30), Severity::Medium), true),
    ];
    for (what, hold, held) in table {
        let mut story = tight();
        story.snapshot().says(hold).rule();
        let ruling = story.wait(secs(5)).snapshot().says(looser()).rule();
        assert_eq!(matches!(refusal(&ruling, "cro.recovery"), Refusal::Held { .. }), held, "{what}");
        assert_eq!(story.ledger.evidence.contains_key(&Kind::Limits), !held, "{what}: held is no evidence");
    }
}

#[test]
fn under_a_freeze_the_mode_may_step_back_but_not_to_live() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.pause", Value::Mode(Mode::Paused))).rule();
    story.snapshot().says(freeze("supervisor.capital", None, Severity::Critical)).rule();
    story.wait(secs(5));
    story.confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow)));
    assert_eq!(story.ledger.effective.mode, Mode::Shadow);
    let ruling = story.confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
    assert!(matches!(refusal(&ruling, "ceo.resume"), Refusal::Held { .. }), "even where nobody vetoes it");
    assert_eq!(story.ledger.effective.mode, Mode::Shadow);
}

#[test]
fn after_a_loosening_the_value_cools_down() {
    let mut story = tight();
    story.confirm(&looser());
    let loosened = story.now;
    let again = set(&Role::CRO, "cro.recovery", leverage(7.0));
    let ruling = story.wait(mins(59)).snapshot().says(again.clone()).rule();
    let until = loosened.after(mins(60));
    assert_eq!(*refusal(&ruling, "cro.recovery"), Refusal::CoolingDown { until });
    assert!(story.ledger.evidence.is_empty());
    story.wait(mins(1));
    story.confirm(&again);
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(7.0));
}

#[test]
fn a_value_loosens_at_most_six_times_in_a_day() {
    let mut story = Story::new();
    let started = story.now;
    let mut loosened = 0;
    while story.now < started.after(mins(23 * 60)) {
        story.snapshot().says(set(&Role::CEO, "ceo.shadow", Value::Mode(Mode::Shadow))).rule();
        story.wait(secs(5));
        let ruling = story.confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
        match finding(&ruling, "ceo.resume") {
            Finding::Decided { .. } => loosened += 1,
            Finding::Refused { refusal } => {
                let until = story.ledger.changes[&Kind::Mode].loosenings[0].after(mins(24 * 60));
                assert_eq!(*refusal, Refusal::CoolingDown { until });
            }
            Finding::Unchanged => panic!("neither"),
        }
        story.wait(mins(10));
    }
    assert_eq!(loosened, 6);
    story.now = started.after(mins(24 * 60 + 5));
    story.confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
    assert_eq!(story.ledger.effective.mode, Mode::Live, "the next day has a budget of its own");
}

#[test]
fn a_spent_budget_is_there_again_a_day_later_to_the_instant() {
    let mut terms = crate::testing::terms();
    (terms.confirm, terms.confirm_over, terms.flap_budget) = (1, Period::ZERO, 1);
    terms.cool_down.clear();
    let mut story = Story::under(terms);
    let up = |profile| set(&Role::CEO, "ceo.upgrade", Value::Profile(profile));
    story.snapshot().says(up(Profile::Normal)).rule();
    let until = story.now.after(Period::from_hours(24));
    let early = story.wait(secs(24 * 3600 - 1)).snapshot().says(up(Profile::Aggressive)).rule();
    assert_eq!(*refusal(&early, "ceo.upgrade"), Refusal::CoolingDown { until });
    let then = story.wait(secs(1)).snapshot().says(up(Profile::Aggressive)).rule();
    assert_eq!(types(&then), [DecisionType::CapitalProfile]);
}
