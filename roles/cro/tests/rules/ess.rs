//! Thresholds of the emergency stop.

use proto::decision::Priority;
use proto::event::{Body, EssState, Snapshot};
use proto::number::Fraction;
use proto::proposal::Proposal;
use proto::value::{EssThresholds, Value};

use crate::desk::{CALM, Desk, at, deep, ess, thresholds, told};

const TIGHT: EssThresholds = thresholds(0.02, 0.04, 0.06);
const BASE: EssThresholds = thresholds(0.03, 0.05, 0.08);
const HALF_AN_HOUR: i64 = 1800;

fn worst(drawdown: f64) -> Body {
    Body::Snapshot(Snapshot { max_drawdown_pct: Some(Fraction::lit(drawdown)), ..CALM })
}

/// Only what is asked about thresholds.
fn asked(proposals: &[Proposal]) -> Vec<(&str, Priority, Value)> {
    told(proposals).into_iter().filter(|(rule, ..)| rule.starts_with("ess-")).collect()
}

fn tight() -> Vec<(&'static str, Priority, Value)> {
    vec![("ess-tight", Priority::Critical, Value::Ess(TIGHT))]
}

fn restored() -> Vec<(&'static str, Priority, Value)> {
    vec![("ess-restore", Priority::Normal, Value::Ess(BASE))]
}

/// A desk with tight thresholds, calm since second 0, seen every minute for so many minutes.
fn calm_for(minutes: i64) -> Desk {
    let mut desk = Desk::default();
    desk.ledger.owned.ess = TIGHT;
    for minute in 0..=minutes {
        assert!(desk.tell(at(60 * minute), Body::Snapshot(CALM)).is_empty());
    }
    desk
}

#[test]
fn a_bad_drawdown_tightens() {
    assert_eq!(asked(&Desk::default().tell(at(0), deep(0.06))), []);
    assert_eq!(asked(&Desk::default().tell(at(0), deep(0.0601))), tight());
}

#[test]
fn a_worst_drawdown_tightens_when_it_is_new() {
    assert_eq!(asked(&Desk::default().tell(at(0), worst(0.08))), []);
    let mut desk = Desk::default();
    desk.tell(at(0), worst(0.05));
    assert_eq!(asked(&desk.tell(at(5), worst(0.081))), tight());
    assert_eq!(asked(&desk.tell(at(10), worst(0.081))), [], "H21: an old worst pins nothing");
    assert_eq!(asked(&desk.tell(at(15), Body::Snapshot(CALM))), [], "not sent");
    assert_eq!(asked(&desk.tell(at(20), worst(0.081))), [], "still the old one");
    assert_eq!(asked(&desk.tell(at(25), worst(0.09))), tight());
}

#[test]
fn a_worst_drawdown_that_is_counted_anew_can_be_new_again() {
    let mut desk = Desk::default();
    desk.tell(at(0), worst(0.3));
    assert_eq!(asked(&desk.tell(at(5), worst(0.01))), [], "a new baseline");
    assert_eq!(asked(&desk.tell(at(10), worst(0.09))), tight());
}

#[test]
fn thresholds_that_are_tighter_still_stay() {
    let mut desk = Desk::default();
    desk.ledger.owned.ess = thresholds(0.01, 0.045, 0.05);
    let expected = Value::Ess(thresholds(0.01, 0.04, 0.05));
    assert_eq!(asked(&desk.tell(at(0), deep(0.12)))[0].2, expected);
}

#[test]
fn h28_thresholds_come_back_after_half_an_hour_of_calm() {
    let mut desk = calm_for(29);
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR - 1), Body::Snapshot(CALM))), []);
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR), Body::Snapshot(CALM))), restored());
}

#[test]
fn calm_that_was_broken_begins_anew() {
    let mut desk = calm_for(20);
    desk.tell(at(1210), deep(0.02));
    for minute in 21..51 {
        assert_eq!(asked(&desk.tell(at(60 * minute), Body::Snapshot(CALM))), [], "{minute}");
    }
    assert_eq!(asked(&desk.tell(at(60 * 51), Body::Snapshot(CALM))), restored());
}

#[test]
fn calm_that_nobody_saw_is_none() {
    let mut desk = calm_for(1);
    assert_eq!(asked(&desk.tell(at(60 + HALF_AN_HOUR), Body::Snapshot(CALM))), []);
}

#[test]
fn nothing_is_restored_while_the_emergency_stop_is_escalated() {
    let mut desk = calm_for(29);
    desk.tell(at(HALF_AN_HOUR - 10), ess(EssState::Critical));
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR), Body::Snapshot(CALM))), []);
    desk.tell(at(HALF_AN_HOUR + 1), ess(EssState::Nominal));
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR + 2), Body::Snapshot(CALM))), restored());
}

#[test]
fn a_new_worst_and_a_restore_are_never_asked_for_together() {
    let mut desk = calm_for(29);
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR), worst(0.09))), tight());
}

#[test]
fn what_is_restored_is_not_asked_for_again() {
    let mut desk = calm_for(29);
    desk.tell_and_grant(at(HALF_AN_HOUR), Body::Snapshot(CALM));
    assert_eq!(asked(&desk.tell(at(HALF_AN_HOUR + 5), Body::Snapshot(CALM))), []);
}
