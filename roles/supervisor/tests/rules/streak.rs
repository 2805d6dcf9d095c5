//! The break after losing trades in a row.

use proto::decision::{Priority, Severity};
use proto::event::Snapshot;
use proto::proposal::Ask;
use proto::testing;
use proto::time::Period;

use crate::desk::{CALM, Desk, told, usd};

const CAUSE: &str = "supervisor.loss-streak";
const SNAP: Period = Period::from_secs(5);

fn day(realized: f64) -> Snapshot {
    Snapshot { realized_pnl_today: usd(realized), ..CALM }
}

/// Tells one snapshot for each result of the day, and what came of the last.
fn results(desk: &mut Desk, results: &[f64]) -> Vec<String> {
    let mut last = Vec::new();
    for result in results {
        last = told(&desk.wait(SNAP).snapshot(day(*result)));
    }
    last
}

/// A desk whose break has just begun: five losses of 10 USD.
fn in_a_break() -> Desk {
    let mut desk = Desk::new();
    results(&mut desk, &[0.0, -10.0, -20.0, -30.0, -40.0]);
    let fifth = desk.wait(SNAP).snapshot(day(-50.0));
    assert_eq!(told(&fifth), ["freeze loss-streak"]);
    desk.place(&fifth);
    desk
}

#[test]
fn five_losing_trades_in_a_row_make_a_break() {
    let none: [&str; 0] = [];
    let cases: [(&str, &[f64], &[&str]); 7] = [
        ("five", &[0.0, -10.0, -20.0, -30.0, -40.0, -50.0], &["freeze loss-streak"]),
        ("four", &[0.0, -10.0, -20.0, -30.0, -40.0], &none),
        ("a win between", &[0.0, -10.0, -20.0, -30.0, -25.0, -35.0, -45.0], &none),
        ("H19: a bad day is no streak", &[-50.0; 20], &none),
        ("H19: small change does not count", &[0.0, -4.9, -9.8, -14.7, -19.6, -24.5, -29.4], &none),
        ("just large enough", &[0.0, -5.0, -10.0, -15.0, -20.0, -25.0], &["freeze loss-streak"]),
        (
            "rounding is no win",
            &[0.0, -10.0, -20.0, -30.0, -29.999_999, -40.0, -50.0],
            &["freeze loss-streak"],
        ),
    ];
    for (name, told_results, expected) in cases {
        assert_eq!(results(&mut Desk::new(), told_results), expected, "{name}");
    }
}

#[test]
fn a_break_is_medium_and_needs_no_review() {
    let mut desk = Desk::new();
    results(&mut desk, &[0.0, -10.0, -20.0, -30.0, -40.0]);
    let proposals = desk.wait(SNAP).snapshot(day(-50.0));
    assert_eq!(proposals[0].priority, Priority::High);
    let expected = Ask::Freeze {
        duration: Some(Period::from_mins(30)),
        severity: Severity::Medium,
        affected_subsystems: ["trading"].into(),
        requires_manual_review: false,
    };
    assert_eq!(proposals[0].ask, expected);
}

#[test]
fn where_closed_trades_are_counted_only_they_count() {
    let mut desk = Desk::new();
    let mut tell = |realized: f64, closed: u32| {
        let snapshot = Snapshot { closed_trades_today: Some(closed), ..day(realized) };
        told(&desk.wait(SNAP).snapshot(snapshot))
    };
    tell(0.0, 0);
    for step in 1..10_u32 {
        assert!(tell(-10.0 * f64::from(step), 0).is_empty(), "fees and funding close no trade");
    }
    for step in 1..5_u32 {
        assert!(tell(-100.0 - 10.0 * f64::from(step), step).is_empty());
    }
    assert_eq!(tell(-150.0, 5), ["freeze loss-streak"]);
}

#[test]
fn a_streak_goes_on_past_midnight_and_the_reset_counter_is_no_win() {
    let mut desk = Desk::new();
    results(&mut desk, &[0.0, -10.0, -20.0, -30.0]);
    desk.now = testing::morning(1);
    assert!(results(&mut desk, &[0.0, -10.0]).is_empty());
    assert_eq!(results(&mut desk, &[-20.0]), ["freeze loss-streak"]);
}

#[test]
fn on_nothing_left_every_loss_counts() {
    let mut desk = Desk::new();
    let broke = |realized: f64| Snapshot { total_equity: usd(-1.0), ..day(realized) };
    for step in 0..5_u32 {
        desk.wait(SNAP).snapshot(broke(-0.01 * f64::from(step)));
    }
    let fifth = told(&desk.wait(SNAP).snapshot(broke(-0.05)));
    assert!(fifth.contains(&"freeze loss-streak".to_owned()));
}

#[test]
fn a_break_ends_by_its_own_time_though_no_win_came() {
    let mut desk = in_a_break();
    assert!(results(&mut desk, &[-50.0; 5]).is_empty(), "neither there nor gone");
    desk.wait(Period::from_mins(27));
    assert!(results(&mut desk, &[-50.0]).is_empty());
    desk.wait(Period::from_secs(30));
    desk.wait(Period::from_secs(30));
    assert_eq!(results(&mut desk, &[-50.0]), ["clear loss-streak"], "two minutes before its end");
}

#[test]
fn the_losses_that_a_break_answered_start_no_other() {
    let mut desk = in_a_break();
    desk.wait(Period::from_mins(30));
    desk.lift(CAUSE);
    assert!(results(&mut desk, &[-50.0; 10]).is_empty());
    assert_eq!(results(&mut desk, &[-60.0]), ["freeze loss-streak"], "a sixth loss does");
}

#[test]
fn losses_after_a_win_have_to_add_up_anew() {
    let mut desk = in_a_break();
    desk.lift(CAUSE);
    assert!(results(&mut desk, &[-40.0, -50.0, -60.0, -70.0, -80.0]).is_empty());
    assert_eq!(results(&mut desk, &[-90.0]), ["freeze loss-streak"]);
}

#[test]
fn a_loss_within_the_break_renews_it_once() {
    let mut desk = in_a_break();
    assert_eq!(results(&mut desk, &[-60.0, -60.0]), ["freeze loss-streak"]);
    desk.wait(Period::from_mins(29));
    assert_eq!(results(&mut desk, &[-60.0]), ["freeze loss-streak"], "still to be answered");
    desk.extend(CAUSE);
    assert!(results(&mut desk, &[-60.0]).is_empty(), "answered by the longer break");
    desk.wait(Period::from_mins(29));
    assert_eq!(results(&mut desk, &[-60.0]), ["clear loss-streak"]);
    desk.lift(CAUSE);
    assert!(results(&mut desk, &[-60.0; 10]).is_empty());
}

#[test]
fn a_win_ends_a_break_early_once_the_day_is_not_negative() {
    let mut desk = in_a_break();
    assert!(results(&mut desk, &[-20.0]).is_empty(), "a negative day");
    assert_eq!(results(&mut desk, &[0.0]), ["clear loss-streak"]);
}

#[test]
fn a_person_who_ends_the_break_is_not_overruled_by_the_same_losses() {
    let mut desk = in_a_break();
    desk.lift(CAUSE);
    assert!(results(&mut desk, &[-50.0]).is_empty());
}

#[test]
fn h35_a_break_that_was_not_granted_is_asked_for_again() {
    let mut desk = Desk::new();
    results(&mut desk, &[0.0, -10.0, -20.0, -30.0, -40.0, -50.0]);
    assert_eq!(results(&mut desk, &[-50.0]), ["freeze loss-streak"]);
}
