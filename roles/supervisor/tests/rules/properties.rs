//! What holds for every event, in every order.

use proptest::prelude::*;
use proto::case::{Case, Executive};
use proto::event::{Body, ClockDue, EssState, Health, Snapshot, SystemStatus};
use proto::number::{Fraction, Usd};
use proto::proposal::Ask;
use proto::regressions;
use proto::testing;
use proto::testing::laws::{law, usual};
use proto::time::{Period, Time};
use supervisor::{Memory, Policy, Supervisor};

use crate::desk::Desk;

fn usd() -> impl Strategy<Value = Usd> {
    prop_oneof![
        (-20_000.0..20_000.0_f64).prop_map(Usd::lit),
        any::<f64>().prop_map(|value| Usd::new(value).unwrap_or(Usd::ZERO)),
    ]
}

fn snapshot() -> impl Strategy<Value = Body> {
    (usd(), 0.0..=1.0_f64, usd(), usd(), proptest::option::of(0..10_u32)).prop_map(
        |(total_equity, drawdown, realized_pnl_today, unrealized_pnl, closed_trades_today)| {
            Body::Snapshot(Snapshot {
                total_equity,
                drawdown_pct: Fraction::lit(drawdown),
                realized_pnl_today,
                unrealized_pnl,
                closed_trades_today,
                ..testing::snapshot()
            })
        },
    )
}

fn health() -> impl Strategy<Value = Body> {
    let status = prop::sample::select(vec![
        SystemStatus::Optimal,
        SystemStatus::Healthy,
        SystemStatus::Degraded,
        SystemStatus::Critical,
        SystemStatus::Emergency,
    ]);
    let ess = prop::sample::select(vec![
        EssState::Nominal,
        EssState::Caution,
        EssState::Warning,
        EssState::Critical,
    ]);
    (status, ess).prop_map(|(status, ess)| {
        let health: Health = testing::health(status, ess);
        Body::Health(health)
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => snapshot(),
        2 => health(),
        1 => Just(Body::ClockDue(ClockDue { due: testing::MONDAY })),
        1 => Just(Body::Model(testing::model("xgboost"))),
    ]
}

/// Events with how long after (or before) the one before they come.
fn story() -> impl Strategy<Value = Vec<(i64, Body)>> {
    prop::collection::vec((-5_000..3_600_000_i64, body()), 1..40)
}

fn later(now: Time, millis: i64) -> Time {
    Time::from_millis(now.as_millis().saturating_add(millis))
}

proptest! {
    #![proptest_config(usual(regressions!("properties")))]

    #[test]
    fn the_same_case_gives_the_same_verdict_and_memory_survives_being_written(story in story()) {
        let mut desk = Desk::new();
        for (millis, body) in story {
            desk.now = later(desk.now, millis);
            let case = Case {
                event: testing::event(desk.now, body.clone()),
                ledger: desk.ledger.clone(),
                base: testing::base(),
                memory: desk.memory.clone(),
            };
            let verdict = desk.verdict(body);
            prop_assert_eq!(&verdict, &Supervisor::evaluate(&Policy::default(), &case));
            let written = serde_json::to_string(&verdict.memory).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Memory>(&written).unwrap(), &verdict.memory);
            desk.place(&verdict.proposals);
        }
    }

    #[test]
    fn no_cause_is_told_both_there_and_gone(story in story()) {
        let mut desk = Desk::new();
        for (millis, body) in story {
            desk.now = later(desk.now, millis);
            let proposals = desk.verdict(body).proposals;
            let mut rules: Vec<&str> = proposals.iter().map(|proposal| proposal.rule.as_str()).collect();
            rules.sort_unstable();
            let told = rules.len();
            rules.dedup();
            prop_assert_eq!(rules.len(), told);
            desk.place(&proposals);
        }
    }

    #[test]
    fn a_freeze_never_comes_from_the_clock_and_never_lasts_no_time(story in story()) {
        let mut desk = Desk::new();
        for (millis, body) in story {
            desk.now = later(desk.now, millis);
            let seen = matches!(body, Body::Snapshot(_) | Body::Health(_));
            for proposal in desk.verdict(body).proposals {
                if let Ask::Freeze { duration, .. } = proposal.ask {
                    prop_assert!(seen);
                    prop_assert!(duration.is_none_or(|duration| duration > Period::ZERO));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p12_equal_snapshots_all_day_are_one_day_without_a_trade(count in 1..200_usize, body in snapshot()) {
        let mut desk = Desk::new();
        let first = desk.verdict(body.clone());
        for _ in 0..count {
            let next = desk.wait(Period::from_secs(5)).verdict(body.clone());
            prop_assert_eq!(next.proposals, first.proposals.clone());
        }
    }
}
