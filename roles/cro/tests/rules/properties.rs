//! What holds for every event, in every order.

use cro::{Cro, Memory, Policy};
use proptest::prelude::*;
use proto::case::{Case, Executive};
use proto::event::{Body, EssState, Snapshot};
use proto::number::{Fraction, Ratio, Usd};
use proto::regressions;
use proto::testing;
use proto::testing::laws::usual;
use proto::time::Time;
use proto::value::{Limits, Value};

use crate::desk::{Desk, ess, told};

fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![
        (-20_000.0..20_000.0_f64).prop_map(Usd::lit),
        any::<f64>().prop_map(|value| Usd::new(value).unwrap_or(Usd::ZERO)),
    ]
}

fn share() -> impl Strategy<Value = Fraction> {
    prop_oneof![0.0..=0.03_f64, 0.0..=1.0_f64].prop_map(Fraction::lit)
}

fn snapshot() -> impl Strategy<Value = Body> {
    let optional = (
        proptest::option::of(share()),
        proptest::option::of(0.0..=1.0_f64),
        proptest::option::of(-5.0..5.0_f64),
        proptest::option::of(0..10_u32),
    );
    (usd(), share(), usd(), optional).prop_map(|(equity, drawdown_pct, exposure, optional)| {
        let (max_drawdown_pct, win_rate, sharpe, closed_trades_today) = optional;
        Body::Snapshot(Snapshot {
            total_equity: equity,
            drawdown_pct,
            total_exposure_usd: exposure,
            max_drawdown_pct,
            win_rate_today: win_rate.map(Fraction::lit),
            sharpe_ratio_7d: sharpe.map(Ratio::lit),
            closed_trades_today,
            ..testing::snapshot()
        })
    })
}

fn body() -> impl Strategy<Value = Body> {
    let states = vec![EssState::Nominal, EssState::Caution, EssState::Warning, EssState::Critical];
    prop_oneof![4 => snapshot(), 1 => prop::sample::select(states).prop_map(ess)]
}

/// Events with how long after (or before) the one before they come.
fn story() -> impl Strategy<Value = Vec<(i64, Body)>> {
    prop::collection::vec((-5_000..600_000_i64, body()), 1..60)
}

fn limits() -> impl Strategy<Value = Limits> {
    (0.1..20.0_f64, 0.0..20_000.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0.1..3.0_f64).prop_map(
        |(leverage, position, drawdown, exposure, stop)| {
            crate::desk::limits(leverage, position, drawdown, exposure, stop)
        },
    )
}

fn later(now: Time, millis: i64) -> Time {
    Time::from_millis(now.as_millis().saturating_add(millis))
}

proptest! {
    #![proptest_config(usual(regressions!("properties")))]

    #[test]
    fn only_recovery_and_restore_ever_give_room(story in story(), owned in limits()) {
        let mut desk = Desk::default();
        desk.ledger.owned.limits = owned;
        let mut now = testing::MONDAY;
        for (millis, body) in story {
            now = later(now, millis);
            let proposals = desk.tell(now, body);
            for (rule, _, value) in told(&proposals) {
                let looser = value.is_looser_than(&desk.ledger.owned.get(value.kind()));
                prop_assert!(!looser || ["recovery", "ess-restore"].contains(&rule), "{}", rule);
            }
            desk.grant(&proposals);
        }
    }

    #[test]
    fn what_gives_room_gives_no_more_than_the_base(story in story()) {
        let mut desk = Desk::default();
        let mut now = testing::MONDAY;
        for (millis, body) in story {
            now = later(now, millis);
            desk.tell_and_grant(now, body);
            prop_assert!(!Value::Limits(desk.ledger.owned.limits).is_looser_than(&Value::Limits(testing::base().limits)));
            prop_assert!(!Value::Ess(desk.ledger.owned.ess).is_looser_than(&Value::Ess(testing::base().ess)));
        }
    }

    #[test]
    fn the_same_snapshot_again_changes_nothing_more(body in snapshot()) {
        let mut desk = Desk::default();
        desk.tell_and_grant(testing::MONDAY, body.clone());
        let owned = desk.ledger.owned.clone();
        for seconds in 1..20 {
            desk.tell_and_grant(crate::desk::at(seconds), body.clone());
        }
        prop_assert_eq!(desk.ledger.owned, owned);
    }

    #[test]
    fn the_same_case_gives_the_same_verdict_and_memory_survives_being_written(story in story()) {
        let mut memory = None;
        let mut now = testing::MONDAY;
        for (millis, body) in story {
            now = later(now, millis);
            let case = Case { event: testing::event(now, body), ledger: testing::ledger(), base: testing::base(), memory };
            let verdict = Cro::evaluate(&Policy::default(), &case);
            prop_assert_eq!(&verdict, &Cro::evaluate(&Policy::default(), &case));
            let written = serde_json::to_string(&verdict.memory).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Memory>(&written).unwrap(), &verdict.memory);
            memory = Some(verdict.memory);
        }
    }
}
