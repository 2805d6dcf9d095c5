//! One cause and what it bounds: each kind of value for itself, and lifted when that is confirmed in number and in time.

use proto::decision::Severity;
use proto::id::{Role, RuleId};
use proto::proposal::{Ask, Bound};
use proto::ruling::{Finding, Refusal};
use proto::time::Period;
use proto::value::{Kind, Mode, Profile, Value};

use crate::testing::{
    Story, clear, finding, freeze, hold_at, leverage, mins, propose, refusal, secs, set, terms, types,
};

const CAUSE: &str = "supervisor.x";

/// A portfolio where one cause bounds two kinds of value.
fn bounded() -> Story {
    let mut story = Story::new();
    let round = story.snapshot().says(hold_at(CAUSE, Value::Mode(Mode::Paused)));
    round.says(hold_at(CAUSE, leverage(5.0))).rule();
    story
}

/// What its holds bound, the values' kinds in order.
fn bounds(story: &Story) -> Vec<Value> {
    let values = story.ledger.holds.values().filter_map(|hold| match &hold.bound {
        Bound::Value { at } => Some(at.clone()),
        Bound::Freeze { .. } | Bound::Loosening => None,
    });
    let mut values: Vec<Value> = values.collect();
    values.sort_by_key(Value::kind);
    values
}

#[test]
fn one_cause_bounds_each_kind_of_value_for_itself() {
    let mut story = bounded();
    assert_eq!(bounds(&story), [Value::Mode(Mode::Paused), leverage(5.0)]);
    story.wait(secs(5)).snapshot().says(hold_at(CAUSE, leverage(4.0))).rule();
    assert_eq!(bounds(&story), [Value::Mode(Mode::Paused), leverage(4.0)], "tighter, in place");
    let fired = story.ledger.fired.clone();
    let looser = story.wait(secs(5)).snapshot().says(hold_at(CAUSE, leverage(6.0))).rule();
    assert_eq!(*finding(&looser, CAUSE), Finding::Unchanged);
    assert_eq!(
        (bounds(&story), &story.ledger.fired),
        (vec![Value::Mode(Mode::Paused), leverage(4.0)], &fired)
    );
}

#[test]
fn the_end_of_one_kind_leaves_the_other() {
    let mut story = bounded();
    let gone = Ask::Clear { cause: RuleId::new(CAUSE), kind: Some(Kind::Mode) };
    story.confirm(&propose(&Role::SUPERVISOR, CAUSE, gone));
    assert_eq!(bounds(&story), [leverage(5.0)]);
}

#[test]
fn a_cause_is_gone_when_it_was_seen_to_be_often_enough_and_for_long_enough() {
    let held = || {
        let mut story = Story::new();
        story.snapshot().says(freeze(CAUSE, None, Severity::High)).rule();
        story
    };
    for (pauses, lifted) in [([10, 10], false), ([0, 59], false), ([30, 30], true), ([60, 0], true)] {
        let mut story = held();
        let first = story.snapshot().says(clear(CAUSE)).rule();
        assert!(matches!(refusal(&first, CAUSE), Refusal::Unconfirmed { times: 1, .. }));
        for pause in pauses {
            story.wait(secs(pause)).snapshot().says(clear(CAUSE)).rule();
        }
        assert_eq!(story.hold(CAUSE).is_none(), lifted, "{pauses:?}");
    }
    let mut story = held();
    story.snapshot().says(clear(CAUSE)).rule();
    let long_after = story.wait(mins(10)).snapshot().says(clear(CAUSE)).rule();
    assert!(
        matches!(refusal(&long_after, CAUSE), Refusal::Unconfirmed { times: 2, .. }),
        "twice is not enough"
    );
}

#[test]
fn nobody_ends_another_ones_hold_whatever_kind_is_named() {
    let mut story = bounded();
    let quant: Role = "quant".parse().unwrap();
    let mut seat = story.terms.seats[&Role::SUPERVISOR].clone();
    (seat.rank, seat.guardian, seat.reviews) = (7, false, false);
    story.terms.seats.insert(quant.clone(), seat);
    for (kind, is_anothers) in [(None, true), (Some(Kind::Mode), true), (Some(Kind::Profile), false)] {
        let gone = Ask::Clear { cause: RuleId::new(CAUSE), kind };
        let ruling = story.snapshot().says(propose(&quant, "quant.x", gone)).rule();
        let refused =
            matches!(finding(&ruling, "quant.x"), Finding::Refused { refusal: Refusal::Invalid { .. } });
        assert_eq!(refused, is_anothers, "{kind:?}");
    }
}

#[test]
fn the_reviewer_holds_without_authority_over_freezes() {
    let mut story = Story::new();
    if let Some(seat) = story.terms.seats.get_mut(&Role::SUPERVISOR) {
        seat.authority = [].into();
    }
    story
        .snapshot()
        .says(hold_at(CAUSE, leverage(5.0)))
        .says(freeze("supervisor.y", None, Severity::High))
        .rule();
    assert_eq!(story.ledger.holds.len(), 2);
}

#[test]
fn of_two_freezes_of_one_cause_the_worse_counts_and_of_equally_bad_ones_the_longer() {
    let (high, medium) = (Severity::High, Severity::Medium);
    let table = [
        ((Some(30), high), (Some(60), high), (Some(60), high)),
        ((Some(60), high), (None, high), (None, high)),
        ((None, medium), (Some(30), high), (Some(30), high)),
    ];
    for (one, other, expected) in table {
        for [first, second] in [[one, other], [other, one]] {
            let mut story = Story::new();
            let round = story.snapshot().says(freeze(CAUSE, first.0, first.1));
            round.says(freeze(CAUSE, second.0, second.1)).rule();
            let hold = story.hold(CAUSE).unwrap();
            assert_eq!(hold.duration, expected.0.map(mins), "{first:?} and {second:?}");
            let severity = story.ledger.freeze.as_ref().map(|freeze| freeze.severity);
            assert_eq!(severity, Some(expected.1), "{first:?} and {second:?}");
        }
    }
    let mut story = Story::new();
    let twice = story.snapshot().says(freeze(CAUSE, None, high)).says(freeze(CAUSE, None, high)).rule();
    let [first, second] = twice.outcomes.as_slice() else { panic!("{twice:?}") };
    assert!(matches!(first.result, Finding::Decided { .. }), "of equal ones the first counts");
    assert_eq!(second.result, Finding::Unchanged);
}

#[test]
fn a_second_veto_takes_the_place_of_a_looser_one_and_of_nothing_else() {
    let mut terms = terms();
    (terms.confirm, terms.confirm_over) = (1, Period::ZERO);
    terms.cool_down.clear();
    let mut story = Story::under(terms);
    let profile = |profile| set(&Role::CEO, "ceo.x", Value::Profile(profile));
    story.snapshot().says(profile(Profile::Normal)).rule();
    story.snapshot().says(profile(Profile::Aggressive)).veto(Kind::Profile, CAUSE).rule();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(11.0))).veto(Kind::Limits, CAUSE).rule();
    story.snapshot().says(hold_at("supervisor.y", Value::Profile(Profile::Normal))).rule();
    story.snapshot().says(profile(Profile::Low)).rule();
    let (normal, low) = (Value::Profile(Profile::Normal), Value::Profile(Profile::Low));
    let limits = Value::Limits(story.ledger.effective.limits);
    assert_eq!(bounds(&story), [normal.clone(), normal.clone(), limits.clone()]);
    let again = story.snapshot().says(profile(Profile::Normal)).veto(Kind::Profile, CAUSE).rule();
    assert_eq!(types(&again), [proto::decision::DecisionType::Override]);
    let of = |cause: &str| -> Vec<Bound> {
        let holds = story.ledger.holds.values().filter(|hold| hold.cause.as_str() == cause);
        holds.map(|hold| hold.bound.clone()).collect()
    };
    assert_eq!(of("supervisor.y"), [Bound::Value { at: normal }]);
    let of_the_veto = of(CAUSE);
    assert!(of_the_veto.len() == 2 && of_the_veto.contains(&Bound::Value { at: low }), "{of_the_veto:?}");
    assert!(of_the_veto.contains(&Bound::Value { at: limits }), "{of_the_veto:?}");
}
