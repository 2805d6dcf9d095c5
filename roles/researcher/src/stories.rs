//! What the researcher does over days of events.

use proptest::prelude::*;
use proto::event::{Body, EssState, ModelPerformance, Snapshot, SystemStatus};
use proto::number::{Fraction, Ratio};
use proto::proposal::{Ask, Proposal};
use proto::regressions;
use proto::testing::laws::usual;
use proto::testing::{self, MONDAY, any, model, morning, snapshot};
use proto::time::Period;

use crate::Researcher;

type Story = testing::Story<Researcher>;

fn weak(name: &str) -> Body {
    Body::Model(ModelPerformance { sharpe_ratio: Some(Ratio::lit(0.5)), ..model(name) })
}

fn deep() -> Body {
    Body::Snapshot(Snapshot { drawdown_pct: Fraction::lit(0.12), ..snapshot() })
}

fn subjects(proposals: &[Proposal]) -> Vec<String> {
    let subject = |proposal: &Proposal| {
        let Ask::Research { task } = &proposal.ask else { panic!("{proposal:?}") };
        task.subject()
    };
    proposals.iter().map(subject).collect()
}

#[test]
fn a_deep_drawdown_is_looked_into_once_a_day() {
    let mut story = Story::default();
    let first = story.tell_and_grant(MONDAY, deep());
    assert_eq!(subjects(&first), ["risk_analysis"]);
    assert_eq!(first[0].reason(), "[researcher.risk] drawdown_pct 12 % > 6 %");
    for again in 1..100 {
        assert_eq!(story.tell_and_grant(MONDAY.after(Period::from_secs(5 * again)), deep()), []);
    }
    let day = Period::from_hours(24);
    assert_eq!(story.tell(MONDAY.after(day).before(Period::from_millis(1)), deep()), []);
    assert_eq!(subjects(&story.tell(MONDAY.after(day), deep())), ["risk_analysis"]);
}

#[test]
fn h34_each_model_has_its_own_task() {
    let mut story = Story::default();
    assert_eq!(subjects(&story.tell_and_grant(MONDAY, weak("nhits"))), ["hyperparameter_tuning/nhits"]);
    assert_eq!(subjects(&story.tell_and_grant(MONDAY, weak("xgboost"))), ["hyperparameter_tuning/xgboost"]);
    assert_eq!(story.tell_and_grant(MONDAY, weak("nhits")), []);
}

#[test]
fn h35_a_task_that_was_not_given_out_is_proposed_again() {
    let mut story = Story::default();
    for again in 0..10 {
        let at = MONDAY.after(Period::from_secs(again));
        assert_eq!(subjects(&story.tell(at, deep())), ["risk_analysis"]);
    }
}

#[test]
fn a_task_given_out_does_not_make_room_for_the_next_rule() {
    let mut story = Story::default();
    let weak_and_old = ModelPerformance {
        sharpe_ratio: Some(Ratio::lit(0.5)),
        days_since_training: Some(Ratio::lit(99.0)),
        ..model("nhits")
    };
    story.tell_and_grant(MONDAY, Body::Model(weak_and_old.clone()));
    assert_eq!(story.tell(MONDAY, Body::Model(weak_and_old)), []);
}

#[test]
fn h22_an_idle_day_asks_for_nothing() {
    let mut story = Story::default();
    let idle = Snapshot { win_rate_today: Some(Fraction::ZERO), ..snapshot() };
    for again in 0..720 {
        let at = MONDAY.after(Period::from_secs(5 * again));
        assert_eq!(story.tell_and_grant(at, Body::Snapshot(idle.clone())), []);
    }
}

#[test]
fn an_event_that_comes_late_does_not_ask_again() {
    let mut story = Story::default();
    story.tell_and_grant(morning(1), deep());
    assert_eq!(story.tell(morning(0), deep()), [], "the ledger's clock does not go back");
}

#[test]
fn a_degraded_system_is_looked_into() {
    let mut story = Story::default();
    let degraded = Body::Health(testing::health(SystemStatus::Degraded, EssState::Nominal));
    let proposals = story.tell(MONDAY, degraded);
    assert_eq!(subjects(&proposals), ["performance_analysis"]);
    let Ask::Research { task } = &proposals[0].ask else { panic!("{proposals:?}") };
    assert_eq!(task.expected_impact, "The system back to HEALTHY once its bottleneck is removed.");
}

proptest! {
    #![proptest_config(usual(regressions!("stories")))]

    #[test]
    fn no_subject_comes_twice_within_a_day(
        told in proptest::collection::vec((0..600_i64, any::bodies(&["xgboost", "nhits", "other"])), 1..80)
    ) {
        let (mut story, mut twin) = (Story::default(), Story::default());
        let mut given: Vec<(String, proto::time::Time)> = Vec::new();
        let mut at = MONDAY;
        for (minutes, body) in told {
            at = at.after(Period::from_mins(minutes));
            let proposals = story.tell_and_grant(at, body.clone());
            prop_assert_eq!(&twin.tell_and_grant(at, body), &proposals, "same input, same output");
            for subject in subjects(&proposals) {
                let earlier = given.iter().rev().find(|(other, _)| *other == subject);
                prop_assert!(earlier.is_none_or(|(_, then)| at.since(*then) >= Period::from_hours(24)));
                given.push((subject, at));
            }
        }
    }
}
