//! Operators: tightening at once; loosening past a hold names it, and takes an approver.

use proto::command::{Order, Rank, SomeLimits};
use proto::decision::{Author, DecisionType, Payload, Priority, Severity};
use proto::id::{HoldId, Role};
use proto::number::{Ratio, Usd};
use proto::ruling::{Finding, Refusal, Ruling};
use proto::time::Period;
use proto::value::{Mode, Value};

use crate::testing::{Story, finding, freeze, hold_at, leverage, mins, refusal, secs, set, types};

fn mode(mode: Mode) -> Order {
    Order::SetMode { mode, duration: None, releases: Vec::new() }
}

fn timed(mode: Mode, minutes: i64) -> Order {
    Order::SetMode { mode, duration: Some(mins(minutes)), releases: Vec::new() }
}

fn past(mode: Mode, releases: &[HoldId]) -> Order {
    Order::SetMode { mode, duration: None, releases: releases.to_vec() }
}

fn limits(limits: SomeLimits) -> Order {
    Order::SetLimits { limits, duration: None, releases: Vec::new() }
}

fn max_leverage(max: f64) -> SomeLimits {
    SomeLimits { max_leverage: Some(Ratio::lit(max)), ..SomeLimits::default() }
}

fn stop(duration: Option<Period>) -> Order {
    let affected_subsystems = ["trading"].into();
    Order::Freeze { duration, severity: Severity::Critical, affected_subsystems }
}

fn outcome(ruling: &Ruling) -> &Finding {
    let [outcome] = ruling.outcomes.as_slice() else { panic!("{:?}", ruling.outcomes) };
    &outcome.result
}

#[test]
fn a_tighter_mode_holds_at_once_and_says_who() {
    let mut story = Story::new();
    let ruling = story.operator(mode(Mode::Paused));
    let [decision] = ruling.decisions.as_slice() else { panic!("{ruling:?}") };
    assert_eq!((&decision.role_source, decision.priority), (&Author::Manual, Priority::Critical));
    assert_eq!(decision.reason, "[manual.mode] operator ann; reason because");
    let hold = story.hold("manual.mode").unwrap();
    assert_eq!(hold.person.as_deref(), Some("ann"));
    let up = story.confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
    assert_eq!(*finding(&up, "ceo.resume"), Finding::Unchanged, "the CEO's own mode is LIVE all along");
    assert_eq!(story.ledger.effective.mode, Mode::Paused);
}

#[test]
fn no_role_loosens_past_a_manual_hold_or_freeze() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(3.0))).rule();
    story.operator(limits(max_leverage(3.0)));
    let ruling = story.wait(secs(5)).snapshot().says(set(&Role::CRO, "cro.recovery", leverage(4.0))).rule();
    assert!(matches!(refusal(&ruling, "cro.recovery"), Refusal::ManualHold { .. }));
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused))).rule();
    story.operator(stop(None));
    let resume = set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Shadow));
    let ruling = story.wait(secs(5)).snapshot().says(resume).rule();
    assert!(matches!(refusal(&ruling, "ceo.resume"), Refusal::ManualHold { .. }));
}

#[test]
fn a_manual_hold_ends_on_time_with_every_role_gone() {
    let mut story = Story::new();
    story.operator(timed(Mode::Paused, 20));
    let ruling = story.wait(mins(20)).clock().without(&Role::SUPERVISOR).rule();
    let expected = Payload::ModeChange { mode: Mode::Live, duration_minutes: None, lifts: Vec::new() };
    assert_eq!(ruling.decisions[0].payload, expected);
    assert_eq!(ruling.decisions[0].priority, Priority::Normal);
    assert!(story.ledger.holds.is_empty());
}

#[test]
fn a_renewal_with_a_duration_is_told_again_and_one_without_is_unchanged() {
    let mut story = Story::new();
    story.operator(timed(Mode::Paused, 20));
    let id = story.hold("manual.mode").unwrap().id;
    let renewed = story.wait(mins(5)).operator(timed(Mode::Paused, 20));
    assert_eq!(types(&renewed), [DecisionType::ModeChange]);
    assert_eq!(story.hold("manual.mode").unwrap().id, id);
    let for_good = story.operator(mode(Mode::Paused));
    assert_eq!(types(&for_good), [DecisionType::ModeChange], "its end is gone");
    let again = story.operator(mode(Mode::Paused));
    assert_eq!(*outcome(&again), Finding::Unchanged);
}

#[test]
fn some_limits_leave_the_others_as_they_are() {
    let mut story = Story::new();
    let ruling = story.operator(limits(max_leverage(3.0)));
    assert_eq!(Value::Limits(ruling.after.effective.limits), leverage(3.0), "all five are told");
    let size = SomeLimits { max_position_size_usd: Some(Usd::lit(500.0)), ..SomeLimits::default() };
    let ruling = story.operator(limits(size));
    assert_eq!(ruling.after.effective.limits.max_leverage, Ratio::lit(3.0), "the first order still holds");
    assert_eq!(ruling.after.effective.limits.max_position_size_usd, Usd::lit(500.0));
    assert_eq!(ruling.after.holds.len(), 1);
    let none = story.operator(limits(SomeLimits::default()));
    assert!(matches!(outcome(&none), Finding::Refused { refusal: Refusal::Invalid { .. } }));
}

#[test]
fn what_no_hold_bounds_an_operator_loosens_alone_and_at_once() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    let ruling = story.operator(limits(max_leverage(7.0)));
    assert_eq!(types(&ruling), [DecisionType::RiskAdjustment]);
    assert_eq!(ruling.decisions[0].priority, Priority::High);
    assert_eq!(Value::Limits(story.ledger.owned.limits), leverage(7.0));
    assert!(story.ledger.holds.is_empty(), "it bounds nothing that the owner does not");
    assert_eq!(story.ledger.changes[&proto::value::Kind::Limits].loosenings.len(), 1);
    let timed =
        Order::SetLimits { limits: max_leverage(9.0), duration: Some(mins(10)), releases: Vec::new() };
    story.operator(timed);
    assert_eq!(story.ledger.holds.len(), 1, "for a time: the hold says for how long");
}

#[test]
fn what_an_order_loosens_is_the_owners_and_what_it_tightens_is_a_hold() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    let owned = story.ledger.owned.limits;
    let half = owned.max_position_size_usd.times(0.5);
    story.operator(limits(SomeLimits { max_position_size_usd: Some(half), ..max_leverage(7.0) }));
    let (now, in_effect) = (story.ledger.owned.limits, story.ledger.effective.limits);
    assert_eq!((now.max_leverage, now.max_position_size_usd), (Ratio::lit(7.0), owned.max_position_size_usd));
    assert_eq!((in_effect.max_leverage, in_effect.max_position_size_usd), (Ratio::lit(7.0), half));
}

#[test]
fn a_hold_on_a_value_does_not_stand_against_what_is_tighter() {
    let mut story = Story::new();
    story.snapshot().says(hold_at("supervisor.x", Value::Mode(Mode::Paused))).rule();
    let ruling = story.operator(mode(Mode::Emergency));
    assert_eq!(types(&ruling), [DecisionType::ModeChange]);
    assert_eq!(ruling.after.effective.mode, Mode::Emergency);
}

#[test]
fn an_operator_relaxes_an_operators_hold() {
    let mut story = Story::new();
    story.operator(limits(max_leverage(3.0)));
    story.operator(limits(max_leverage(6.0)));
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(6.0));
    let live = {
        story.operator(mode(Mode::Paused));
        story.operator(mode(Mode::Live))
    };
    assert_eq!(types(&live), [DecisionType::ModeChange]);
    assert!(story.hold("manual.mode").is_none(), "LIVE holds nothing");
}

#[test]
fn past_another_hold_it_takes_its_name_and_an_approver() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused))).rule();
    story.snapshot().says(freeze("supervisor.capital", None, Severity::Critical)).rule();
    let hold = story.hold("supervisor.capital").unwrap().id;
    let before = story.ledger.effective.clone();
    let unnamed = story.person(Rank::Approver, None, mode(Mode::Live));
    assert!(matches!(outcome(&unnamed), Finding::Refused { refusal: Refusal::Held { .. } }));
    let too_low = story.operator(past(Mode::Live, &[hold]));
    assert_eq!(*outcome(&too_low), Finding::Refused { refusal: Refusal::NeedsApprover });
    let unknown = story.person(Rank::Approver, None, past(Mode::Live, &[HoldId::derive(&["no"])]));
    assert!(matches!(outcome(&unknown), Finding::Refused { refusal: Refusal::Invalid { .. } }));
    assert_eq!(story.ledger.effective, before, "a refused order changes nothing");
    let passed = story.person(Rank::Approver, None, past(Mode::Live, &[hold]));
    assert_eq!(types(&passed), [DecisionType::ModeChange], "mode and lift in one");
    let Payload::ModeChange { mode, lifts, .. } = &passed.decisions[0].payload else { panic!() };
    assert_eq!((*mode, lifts.len()), (Mode::Live, 1));
}

#[test]
fn a_hold_on_the_value_stands_against_a_higher_limit_and_only_in_its_field() {
    let mut story = Story::new();
    story.snapshot().says(hold_at("supervisor.x", leverage(3.0))).rule();
    let refused = story.person(Rank::Approver, None, limits(max_leverage(4.0)));
    assert!(matches!(outcome(&refused), Finding::Refused { refusal: Refusal::Held { .. } }));
    let size = SomeLimits { max_position_size_usd: Some(Usd::lit(9000.0)), ..SomeLimits::default() };
    assert_eq!(types(&story.operator(limits(size))), [DecisionType::RiskAdjustment]);
    assert_eq!(story.ledger.effective.limits.max_leverage, Ratio::lit(3.0));
}

#[test]
fn two_people_where_the_policy_says_so() {
    let mut story = Story::new();
    story.terms.two_person = true;
    story.snapshot().says(freeze("supervisor.capital", None, Severity::Critical)).rule();
    let hold = story.hold("supervisor.capital").unwrap().id;
    let seconds = [None, Some(("ann", Rank::Approver)), Some(("bob", Rank::Operator))];
    for second in seconds {
        let ruling = story.person(Rank::Approver, second, Order::Release { hold });
        assert_eq!(*outcome(&ruling), Finding::Refused { refusal: Refusal::NeedsSecondPerson }, "{second:?}");
    }
    let ruling = story.person(Rank::Approver, Some(("bob", Rank::Approver)), Order::Release { hold });
    assert_eq!(types(&ruling), [DecisionType::ModeChange]);
    let tighter = story.operator(mode(Mode::Emergency));
    assert_eq!(types(&tighter), [DecisionType::ModeChange], "tightening takes one");
}

#[test]
fn a_release_ends_one_hold() {
    let mut story = Story::new();
    story.operator(stop(None));
    let hold = story.hold("manual.freeze").unwrap().id;
    let released = story.operator(Order::Release { hold });
    assert_eq!(types(&released), [DecisionType::ModeChange]);
    assert_eq!(released.decisions[0].rule.as_str(), "manual.release");
    let again = story.operator(Order::Release { hold });
    assert!(matches!(outcome(&again), Finding::Refused { refusal: Refusal::Invalid { .. } }));
}

#[test]
fn a_viewer_commands_nothing() {
    let mut story = Story::new();
    for order in [mode(Mode::Paused), limits(max_leverage(1.0)), stop(None)] {
        let ruling = story.person(Rank::Viewer, None, order);
        assert!(matches!(outcome(&ruling), Finding::Refused { refusal: Refusal::Invalid { .. } }));
    }
    assert!(story.ledger.holds.is_empty());
}

#[test]
fn a_freeze_by_hand_works_before_anybody_was_heard_and_is_renewed_in_place() {
    let mut story = Story::unheard();
    let ruling = story.operator(stop(Some(mins(30))));
    let Payload::Freeze { duration_minutes, requires_manual_review, .. } = &ruling.decisions[0].payload
    else {
        panic!("{ruling:?}")
    };
    assert_eq!((*duration_minutes, *requires_manual_review), (30, false));
    let renewed = story.wait(mins(5)).operator(stop(Some(mins(30))));
    assert_eq!(types(&renewed), [DecisionType::Freeze]);
    let shorter = story.operator(stop(Some(mins(1))));
    assert_eq!(*outcome(&shorter), Finding::Unchanged, "a stop never shortens one");
    let for_good = story.operator(stop(None));
    assert_eq!(types(&for_good), [DecisionType::Freeze]);
    assert_eq!(story.ledger.holds.len(), 1);
    let freeze = story.ledger.freeze.as_ref().unwrap();
    assert!(freeze.until.is_none() && freeze.requires_manual_review);
}

#[test]
fn a_mode_by_hand_ends_the_owners_timer() {
    let mut story = Story::new();
    let ask = proto::proposal::Ask::Set { value: Value::Mode(Mode::Shadow), duration: Some(mins(30)) };
    story.health().says(crate::testing::propose(&Role::CEO, "ceo.x", ask)).rule();
    story.operator(mode(Mode::Paused));
    assert!(story.ledger.timed_mode.is_none());
}
