//! Step 6: the reviewer sees what would loosen, and a veto is an OVERRIDE with a hold.

use proto::decision::{Author, DecisionType, Payload};
use proto::id::{DecisionId, Role};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Finding, Refusal};
use proto::value::{Kind, Mode, Profile, Value};

use crate::testing::{Story, clear, finding, leverage, propose, refusal, secs, set, types};

fn up() -> Proposal {
    set(&Role::CEO, "ceo.upgrade", Value::Profile(Profile::Normal))
}

/// One event short of the upgrade.
fn nearly_up() -> Story {
    let mut story = Story::new();
    story.snapshot().says(up()).rule();
    story.wait(secs(30)).snapshot().says(up()).rule();
    story.wait(secs(30));
    story
}

#[test]
fn the_reviewer_is_asked_about_what_would_be_granted_and_nothing_else() {
    let mut story = nearly_up();
    let tighter = set(&Role::CIO, "cio.x", Value::Symbols(proto::testing::base().symbols));
    let wider = set(&Role::CEO, "ceo.upgrade", Value::Profile(Profile::Aggressive));
    let round = story.snapshot().says(wider).says(tighter);
    assert_eq!(round.for_review(), [up()], "the tightest of what was proposed");
    let unconfirmed = Story::new().snapshot().says(up()).for_review();
    assert_eq!(unconfirmed, []);
}

#[test]
fn a_review_is_foreseen_where_one_may_come_and_nowhere_else() {
    let mut story = nearly_up();
    assert!(story.snapshot().says(up()).may_need_review());
    assert!(!story.snapshot().may_need_review(), "nobody asks for it");
    assert!(!story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).may_need_review());
    let mut early = Story::new();
    assert!(!early.snapshot().says(up()).may_need_review());
    early.snapshot().says(up()).rule();
    assert!(!early.snapshot().says(up()).may_need_review(), "one more is needed before the last");
    early.terms.confirm = 2;
    assert!(early.snapshot().says(up()).may_need_review());
    let mut at_once = Story::new();
    at_once.terms.confirm = 1;
    assert!(at_once.snapshot().says(up()).may_need_review());
}

#[test]
fn a_review_of_a_mode_that_runs_out_is_foreseen_without_confirmation() {
    let mut story = Story::new();
    let pause = Ask::Set { value: Value::Mode(Mode::Paused), duration: Some(secs(1800)) };
    story.snapshot().says(propose(&Role::CEO, "ceo.pause", pause)).rule();
    let shadow = set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow));
    assert!(story.snapshot().says(shadow).may_need_review());
    assert!(!story.snapshot().says(up()).may_need_review(), "only the mode runs out");
}

#[test]
fn what_passes_the_review_is_granted() {
    let ruling = nearly_up().snapshot().says(up()).rule();
    assert_eq!(types(&ruling), [DecisionType::CapitalProfile]);
    let payload = serde_json::to_value(&ruling.decisions[0].payload).unwrap();
    assert_eq!(payload["payload"]["max_positions"], 5, "with the profile's numbers: {payload}");
}

#[test]
fn without_a_review_nothing_loosens_and_the_evidence_stays() {
    let mut story = nearly_up();
    let ruling = story.snapshot().says(up()).unreviewed().rule();
    assert_eq!(*refusal(&ruling, "ceo.upgrade"), Refusal::GuardianAbsent { role: Role::SUPERVISOR });
    let ruling = story.wait(secs(5)).snapshot().says(up()).rule();
    assert_eq!(types(&ruling), [DecisionType::CapitalProfile]);
}

#[test]
fn a_veto_is_an_override_and_a_hold() {
    let mut story = nearly_up();
    let ruling = story.snapshot().says(up()).veto(Kind::Profile, "supervisor.veto-profile").rule();
    let [decision] = ruling.decisions.as_slice() else { panic!("{ruling:?}") };
    let (event, subject) = (ruling.event.id.to_string(), "profile");
    let would_be = DecisionId::derive(&[&event, "ceo", "CAPITAL_PROFILE", subject]);
    let expected = Payload::Override {
        overridden_decision_id: would_be,
        overridden_role: Role::CEO.into(),
        reason: "[supervisor.veto-profile]".to_owned(),
        new_directive: Some(Value::Profile(Profile::Low)),
    };
    assert_eq!(decision.payload, expected);
    assert_eq!(decision.role_source, Author::Role(Role::SUPERVISOR));
    let vetoed = Refusal::Vetoed { rule: decision.rule.clone(), decision: decision.decision_id };
    assert_eq!(*refusal(&ruling, "ceo.upgrade"), vetoed);
    let hold = story.hold("supervisor.veto-profile").unwrap();
    assert_eq!(hold.bound, Bound::Value { at: Value::Profile(Profile::Low) });
    assert_eq!(hold.decision_id, Some(decision.decision_id));
    assert!(story.ledger.evidence.is_empty());
}

#[test]
fn while_the_veto_stands_there_is_no_second_override() {
    let mut story = nearly_up();
    story.snapshot().says(up()).veto(Kind::Profile, "supervisor.veto-profile").rule();
    for _ in 0..10 {
        let ruling = story.wait(secs(30)).snapshot().says(up()).veto(Kind::Profile, "supervisor.v").rule();
        assert!(matches!(refusal(&ruling, "ceo.upgrade"), Refusal::Held { .. }));
        assert_eq!(types(&ruling), []);
    }
    story.confirm(&clear("supervisor.veto-profile"));
    assert!(story.ledger.holds.is_empty());
    story.wait(secs(5)).confirm(&up());
    assert_eq!(story.ledger.effective.profile, Profile::Normal);
}

#[test]
fn what_stays_in_effect_is_what_the_event_leaves_in_effect() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused))).rule();
    let mode = set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow));
    story.snapshot().says(mode.clone()).rule();
    story.wait(secs(30)).snapshot().says(mode.clone()).rule();
    let round = story.wait(secs(30)).snapshot().says(mode).veto(Kind::Mode, "supervisor.veto-live");
    let ruling = round.rule();
    let Payload::Override { new_directive, .. } = &ruling.decisions[0].payload else { panic!() };
    assert_eq!(*new_directive, Some(Value::Mode(Mode::Paused)));
}

#[test]
fn a_veto_of_what_nobody_asks_for_does_nothing() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    let ruling = story.snapshot().veto(Kind::Limits, "supervisor.veto-limits").rule();
    assert_eq!(types(&ruling), []);
    let none = Ask::Clear { cause: proto::id::RuleId::new("supervisor.veto-limits"), kind: None };
    let ruling = story.snapshot().says(propose(&Role::SUPERVISOR, "supervisor.x", none)).rule();
    assert_eq!(*finding(&ruling, "supervisor.x"), Finding::Unchanged);
}
