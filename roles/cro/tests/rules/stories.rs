//! Several events, one after another.

use cro::{Cro, Policy};
use proto::case::{Case, Executive};
use proto::event::{Body, EssState, Snapshot};
use proto::number::{Fraction, Usd};
use proto::testing::{self, event};
use proto::value::Value;

use crate::desk::{CALM, Desk, WELL, at, deep, ess, exposed, limits, rules, thresholds, told};

#[test]
fn a_first_drawdown_of_12_percent_tightens_limits_and_thresholds_once() {
    let mut desk = Desk::default();
    let proposals = desk.tell_and_grant(at(0), deep(0.12));
    assert_eq!(rules(&proposals), ["drawdown-rise", "ess-tight"]);
    let (limits, ess) = (limits(7.0, 7000.0, 0.06, 0.7, 1.3), thresholds(0.02, 0.04, 0.06));
    assert_eq!((desk.ledger.owned.limits, desk.ledger.owned.ess), (limits, ess));
    for second in 1..=100 {
        desk.tell_and_grant(at(5 * second), deep(0.12));
        assert_eq!((desk.ledger.owned.limits, desk.ledger.owned.ess), (limits, ess));
    }
}

#[test]
fn several_reasons_on_one_snapshot_are_one_step_and_none_is_lost() {
    let mut desk = Desk::default();
    let bad = || {
        let (drawdown_pct, total_exposure_usd) = (Fraction::lit(0.09), Usd::lit(20_000.0));
        Body::Snapshot(Snapshot { drawdown_pct, total_exposure_usd, ..CALM })
    };
    let proposals = desk.tell_and_grant(at(0), bad());
    assert_eq!(rules(&proposals), ["drawdown-rise", "ess-tight"], "H5: none takes another with it");
    assert!(proposals[0].reason().ends_with("exposure_pct 200 % > 85 %"), "{}", proposals[0].reason());
    assert_eq!(desk.ledger.owned.limits, limits(7.0, 7000.0, 0.06, 0.7, 1.3));
    assert_eq!(rules(&desk.tell_and_grant(at(5), bad())), ["ess-tight"], "the exposure had its step");
    desk.tell_and_grant(at(10), exposed(0.5));
    assert_eq!(rules(&desk.tell_and_grant(at(15), exposed(0.9))), ["exposure"], "armed again");
}

#[test]
fn limits_come_back_step_by_step() {
    let mut desk = Desk::default();
    desk.tell_and_grant(at(0), ess(EssState::Critical));
    desk.tell_and_grant(at(5), ess(EssState::Nominal));
    let mut leverage = Vec::new();
    for step in 1..=6 {
        desk.tell_and_grant(at(3600 * step), Body::Snapshot(WELL));
        leverage.push(desk.ledger.owned.limits.max_leverage.get());
    }
    assert_eq!(leverage, [6.0, 7.2, 8.64, 10.0, 10.0, 10.0]);
    while !desk.tell_and_grant(at(36_000), Body::Snapshot(WELL)).is_empty() {}
    assert_eq!(Value::Limits(desk.ledger.owned.limits), Value::Limits(testing::base().limits));
}

#[test]
fn what_the_cro_has_no_interest_in_changes_nothing() {
    let mut desk = Desk::default();
    desk.tell(at(0), deep(0.01));
    let remembered = desk.memory.clone();
    assert!(desk.tell(at(5), Body::Model(testing::model("xgboost"))).is_empty());
    assert_eq!(desk.memory, remembered);
}

#[test]
fn a_stale_event_is_proposed_on_as_any_other() {
    let mut stale = event(at(0), deep(0.12));
    stale.stale = true;
    let case = Case { event: stale, ledger: testing::ledger(), base: testing::base(), memory: None };
    let verdict = Cro::evaluate(&Policy::default(), &case);
    assert_eq!(told(&verdict.proposals).len(), 2);
}
