//! Risk limits, rule by rule.

use proto::decision::Priority;
use proto::event::{Body, EssState, Snapshot, SystemStatus};
use proto::number::{Fraction, Ratio, Usd};
use proto::testing;
use proto::value::{Limits, Value};

use crate::desk::{CALM, Desk, WELL, at, deep, ess, exposed, limits, rules, told, with_limits};

const BASE: Limits = limits(10.0, 10_000.0, 0.08, 0.9, 1.0);

#[test]
fn an_escalated_emergency_stop_tightens() {
    let target = limits(5.0, 3000.0, 0.05, 0.5, 1.5);
    for (state, fires) in [
        (EssState::Nominal, false),
        (EssState::Caution, false),
        (EssState::Warning, true),
        (EssState::Critical, true),
    ] {
        let proposals = Desk::default().tell(at(0), ess(state));
        let expected = ("ess-escalation", Priority::Critical, Value::Limits(target));
        assert_eq!(told(&proposals), Vec::from_iter(fires.then_some(expected)), "{state:?}");
    }
}

#[test]
fn a_bad_status_alone_says_nothing_about_limits() {
    let emergency = Body::Health(testing::health(SystemStatus::Emergency, EssState::Nominal));
    assert!(Desk::default().tell(at(0), emergency).is_empty());
}

#[test]
fn h26_tightening_never_gives_room() {
    let tight = limits(2.0, 400.0, 0.03, 0.4, 2.0);
    for body in [ess(EssState::Critical), deep(0.12), exposed(0.95)] {
        let proposals = with_limits(tight).tell(at(0), body);
        let values: Vec<Value> = told(&proposals).into_iter().map(|(_, _, value)| value).collect();
        assert!(values.contains(&Value::Limits(tight)), "{values:?}");
        assert!(values.iter().all(|value| !value.is_looser_than(&Value::Limits(tight))));
    }
    let mixed = limits(3.0, 9000.0, 0.08, 0.3, 1.0);
    let proposals = with_limits(mixed).tell(at(0), ess(EssState::Warning));
    assert_eq!(told(&proposals)[0].2, Value::Limits(limits(3.0, 3000.0, 0.05, 0.3, 1.5)), "field by field");
}

#[test]
fn a_rise_of_the_drawdown_is_one_step() {
    for (drawdown, fires) in [(0.0, false), (0.02, false), (0.0201, true), (0.05, true)] {
        let proposals = Desk::default().tell(at(0), deep(drawdown));
        let step = limits(7.0, 7000.0, 0.06, 0.7, 1.3);
        let expected = ("drawdown-rise", Priority::High, Value::Limits(step));
        assert_eq!(told(&proposals), Vec::from_iter(fires.then_some(expected)), "{drawdown}");
    }
}

#[test]
fn leverage_and_position_steps_end_at_their_floors() {
    let mut desk = Desk::default();
    for step in 1..=16_i32 {
        desk.tell_and_grant(at(i64::from(step)), deep(0.03 * f64::from(step)));
    }
    assert_eq!(desk.ledger.owned.limits, limits(5.0, 500.0, 0.06, 0.7, 1.3), "H25: a floor");
}

#[test]
fn the_next_step_needs_another_rise() {
    let mut desk = Desk::default();
    assert_eq!(rules(&desk.tell_and_grant(at(0), deep(0.03))), ["drawdown-rise"]);
    assert!(desk.tell_and_grant(at(5), deep(0.03)).is_empty());
    assert!(desk.tell_and_grant(at(10), deep(0.05)).is_empty(), "by 2 %");
    assert_eq!(rules(&desk.tell_and_grant(at(15), deep(0.0501))), ["drawdown-rise"]);
    assert!(desk.tell_and_grant(at(20), deep(0.0501)).is_empty());
}

#[test]
fn after_a_recovery_a_second_rise_is_seen() {
    let mut desk = Desk::default();
    desk.tell_and_grant(at(0), deep(0.05));
    assert!(desk.tell_and_grant(at(5), deep(0.01)).is_empty());
    assert!(desk.tell_and_grant(at(10), deep(0.03)).is_empty());
    assert_eq!(rules(&desk.tell_and_grant(at(15), deep(0.031))), ["drawdown-rise"]);
}

#[test]
fn h35_a_step_that_was_not_granted_is_asked_for_again() {
    let mut desk = Desk::default();
    let first = desk.tell(at(0), deep(0.03));
    assert_eq!(desk.tell(at(5), deep(0.03)), first);
    desk.grant(&first);
    assert!(desk.tell(at(10), deep(0.03)).is_empty());
}

#[test]
fn too_much_exposure_is_one_step() {
    for (share, fires) in [(0.5, false), (0.85, false), (0.8501, true), (3.0, true)] {
        let proposals = Desk::default().tell(at(0), exposed(share));
        let step =
            Limits { max_position_size_usd: Usd::lit(8000.0), max_exposure_pct: Fraction::lit(0.75), ..BASE };
        let expected = ("exposure", Priority::High, Value::Limits(step));
        assert_eq!(told(&proposals), Vec::from_iter(fires.then_some(expected)), "{share}");
    }
}

#[test]
fn h25_exposure_that_stays_high_is_one_step_until_it_was_low() {
    let mut desk = Desk::default();
    let step = |desk: &mut Desk, second: i64, share: f64| {
        rules(&desk.tell_and_grant(at(second), exposed(share))).len()
    };
    assert_eq!(step(&mut desk, 0, 0.95), 1);
    for second in 1..=720 {
        assert_eq!(step(&mut desk, second, 0.95), 0);
    }
    assert_eq!(desk.ledger.owned.limits.max_position_size_usd, Usd::lit(8000.0));
    assert_eq!(step(&mut desk, 800, 0.75), 0);
    assert_eq!(step(&mut desk, 801, 0.95), 0, "not low enough");
    assert_eq!(step(&mut desk, 802, 0.74), 0);
    assert_eq!(step(&mut desk, 803, 0.95), 1, "armed again");
    assert_eq!(desk.ledger.owned.limits.max_position_size_usd, Usd::lit(6400.0));
}

#[test]
fn exposure_steps_end_at_the_floor() {
    let mut desk = with_limits(Limits { max_position_size_usd: Usd::lit(600.0), ..BASE });
    desk.tell_and_grant(at(0), exposed(0.95));
    assert_eq!(desk.ledger.owned.limits.max_position_size_usd, Usd::lit(500.0));
}

#[test]
fn with_nothing_left_any_exposure_is_too_much() {
    for equity in [0.0, -1.0] {
        let broke = Snapshot { total_equity: Usd::lit(equity), ..CALM };
        let proposals = Desk::default().tell(at(0), Body::Snapshot(broke));
        assert_eq!(rules(&proposals), ["exposure"]);
        assert_eq!(
            proposals[0].reason(),
            format!("[cro.exposure] exposure_pct unbounded > 85 %; total_equity {equity} USD ≤ 0 USD")
        );
    }
}

#[test]
fn recovery_is_a_step_towards_the_base_and_not_past_it() {
    let cases = [
        (limits(5.0, 3000.0, 0.05, 0.5, 1.5), limits(6.0, 3600.0, 0.08, 0.9, 1.0)),
        (limits(9.0, 9000.0, 0.08, 0.9, 1.0), BASE),
        (limits(12.0, 3000.0, 0.09, 0.5, 0.9), limits(12.0, 3600.0, 0.09, 0.9, 0.9)),
    ];
    for (owned, expected) in cases {
        let proposals = with_limits(owned).tell(at(0), Body::Snapshot(WELL));
        let expected = ("recovery", Priority::Normal, Value::Limits(expected));
        assert_eq!(told(&proposals), [expected]);
    }
    assert!(Desk::default().tell(at(0), Body::Snapshot(WELL)).is_empty(), "nothing to recover");
}

#[test]
fn recovery_needs_all_that_it_looks_at() {
    let cases = [
        ("well", WELL, true),
        ("drawdown of 2 %", Snapshot { drawdown_pct: Fraction::lit(0.02), ..WELL }, false),
        ("win rate of 65 %", Snapshot { win_rate_today: Some(Fraction::lit(0.65)), ..WELL }, false),
        ("no win rate", Snapshot { win_rate_today: None, ..WELL }, false),
        ("H22: too few trades", Snapshot { closed_trades_today: Some(4), ..WELL }, false),
        ("closed trades not counted", Snapshot { closed_trades_today: None, ..WELL }, true),
        ("Sharpe of 2", Snapshot { sharpe_ratio_7d: Some(Ratio::lit(2.0)), ..WELL }, false),
        ("no Sharpe", Snapshot { sharpe_ratio_7d: None, ..WELL }, false),
    ];
    for (name, snapshot, fires) in cases {
        let mut desk = with_limits(limits(5.0, 3000.0, 0.05, 0.5, 1.5));
        assert_eq!(!desk.tell(at(0), Body::Snapshot(snapshot)).is_empty(), fires, "{name}");
    }
}

#[test]
fn nothing_recovers_while_a_reason_to_tighten_stands() {
    let mut desk = with_limits(limits(5.0, 3000.0, 0.05, 0.5, 1.5));
    desk.tell(at(0), ess(EssState::Warning));
    assert!(desk.tell(at(1), Body::Snapshot(WELL)).is_empty(), "the emergency stop is escalated");
    desk.tell(at(2), ess(EssState::Nominal));
    assert_eq!(rules(&desk.tell(at(3), Body::Snapshot(WELL))), ["recovery"]);
    let exposed = Snapshot { total_exposure_usd: Usd::lit(9500.0), ..WELL };
    desk.tell_and_grant(at(4), Body::Snapshot(exposed.clone()));
    assert!(!rules(&desk.tell(at(5), Body::Snapshot(exposed))).contains(&"recovery"), "exposed");
}
