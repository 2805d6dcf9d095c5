//! Freezes: which causes are there, and when they count as gone.

use proto::decision::{Priority, Severity};
use proto::event::{Body, ClockDue, EssState, Snapshot, SystemStatus};
use proto::number::Usd;
use proto::proposal::{Ask, Proposal};
use proto::testing;
use proto::time::Period;

use crate::desk::{CALM, Desk, pct, told, usd};

const MINUTE: Period = Period::from_mins(1);

#[test]
fn a_first_snapshot_freezes_for_what_it_shows() {
    let none: [&str; 0] = [];
    let cases: [(&str, Snapshot, &[&str]); 13] = [
        ("calm", CALM, &none),
        ("equity at the floor", Snapshot { total_equity: usd(1000.0), ..CALM }, &none),
        ("equity below the floor", Snapshot { total_equity: usd(999.99), ..CALM }, &["freeze capital"]),
        ("drawdown at the threshold", Snapshot { drawdown_pct: pct(0.10), ..CALM }, &none),
        ("drawdown above it", Snapshot { drawdown_pct: pct(0.1001), ..CALM }, &["freeze drawdown"]),
        ("a realised loss of 5 %", lost(-500.0, 0.0), &none),
        ("a realised loss above 5 %", lost(-500.01, 0.0), &["freeze daily-loss"]),
        ("H20: an open loss counts", lost(0.0, -4000.0), &["freeze daily-loss"]),
        ("both together", lost(-300.0, -201.0), &["freeze daily-loss"]),
        ("an open gain of unknown age makes up for nothing", lost(-600.0, 200.0), &["freeze daily-loss"]),
        (
            "H20: nothing left",
            Snapshot { total_equity: usd(0.0), ..CALM },
            &["freeze capital", "freeze daily-loss"],
        ),
        (
            "H20: less than nothing",
            Snapshot { total_equity: usd(-5.0), ..CALM },
            &["freeze capital", "freeze daily-loss"],
        ),
        (
            "H41: every cause is told, the strictest is not hidden by the first",
            Snapshot {
                drawdown_pct: pct(0.95),
                total_equity: usd(500.0),
                realized_pnl_today: usd(-9500.0),
                ..CALM
            },
            &["freeze capital", "freeze drawdown", "freeze daily-loss"],
        ),
    ];
    for (name, snapshot, expected) in cases {
        assert_eq!(told(&Desk::new().snapshot(snapshot)), expected, "{name}");
    }
}

/// A day that began with 10 000 USD.
fn lost(realized: f64, unrealized: f64) -> Snapshot {
    Snapshot {
        total_equity: usd(10_000.0 + realized + unrealized),
        realized_pnl_today: usd(realized),
        unrealized_pnl: usd(unrealized),
        ..CALM
    }
}

#[test]
fn each_freeze_is_as_long_and_as_severe_as_its_cause() {
    let everything = Snapshot {
        drawdown_pct: pct(0.95),
        total_equity: usd(500.0),
        realized_pnl_today: usd(-9500.0),
        ..CALM
    };
    let mut proposals = Desk::new().snapshot(everything);
    proposals.extend(Desk::new().health(SystemStatus::Emergency, EssState::Nominal));
    let told: Vec<_> = proposals.iter().filter_map(terms).collect();
    assert_eq!(
        told,
        [
            (None, Severity::Critical, 4, true, Priority::Critical),
            (Some(120), Severity::Critical, 3, true, Priority::Critical),
            (Some(60), Severity::High, 2, true, Priority::Critical),
            (Some(60), Severity::Critical, 3, true, Priority::Critical),
        ]
    );
    assert_eq!(proposals[1].reason(), "[supervisor.drawdown] drawdown_pct 95 % > 10 %");
}

/// Minutes, severity, how many subsystems, review, priority.
fn terms(proposal: &Proposal) -> Option<(Option<u64>, Severity, usize, bool, Priority)> {
    let Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review } = &proposal.ask
    else {
        return None;
    };
    let minutes = duration.map(Period::as_mins_ceil);
    Some((minutes, *severity, affected_subsystems.iter().len(), *requires_manual_review, proposal.priority))
}

#[test]
fn health_freezes_on_an_emergency_and_on_a_critical_emergency_stop() {
    use EssState as Ess;
    use SystemStatus as Status;
    let none: [&str; 0] = [];
    let cases: [(Status, Ess, &[&str]); 5] = [
        (Status::Optimal, Ess::Nominal, &none),
        (Status::Degraded, Ess::Warning, &none),
        (Status::Critical, Ess::Caution, &none),
        (Status::Healthy, Ess::Critical, &["freeze health"]),
        (Status::Emergency, Ess::Nominal, &["freeze health"]),
    ];
    for (status, ess, expected) in cases {
        assert_eq!(told(&Desk::new().health(status, ess)), expected, "{status:?} {ess:?}");
    }
}

#[test]
fn a_cause_that_stands_is_told_again_and_nothing_more() {
    let mut desk = Desk::new();
    let deep = Snapshot { drawdown_pct: pct(0.12), ..CALM };
    let first = desk.snapshot(deep.clone());
    desk.place(&first);
    for _ in 0..100 {
        assert_eq!(desk.wait(Period::from_secs(5)).snapshot(deep.clone()), first, "H40");
    }
}

#[test]
fn a_cause_is_gone_once_the_portfolio_has_recovered_and_not_before() {
    let none: [&str; 0] = [];
    let cases: [(&str, Snapshot, &[&str]); 7] = [
        ("recovered", CALM, &["clear drawdown"]),
        ("the cause is there", Snapshot { drawdown_pct: pct(0.11), ..CALM }, &["freeze drawdown"]),
        ("between the thresholds", Snapshot { drawdown_pct: pct(0.07), ..CALM }, &none),
        ("drawdown of 5 %", Snapshot { drawdown_pct: pct(0.05), ..CALM }, &none),
        ("equity of 1500", Snapshot { total_equity: usd(1500.0), ..CALM }, &none),
        ("a negative day", Snapshot { realized_pnl_today: usd(-1.0), ..CALM }, &none),
        (
            "a day that is negative by its open positions",
            Snapshot { unrealized_pnl: usd(-1.0), ..CALM },
            &none,
        ),
    ];
    for (name, snapshot, expected) in cases {
        let mut desk = Desk::new();
        let frozen = desk.snapshot(Snapshot { drawdown_pct: pct(0.12), ..CALM });
        desk.place(&frozen);
        assert_eq!(told(&desk.wait(MINUTE).snapshot(snapshot)), expected, "{name}");
    }
}

#[test]
fn without_a_hold_there_is_nothing_to_clear() {
    let mut desk = Desk::new();
    assert!(desk.snapshot(CALM).is_empty());
    assert!(desk.health(SystemStatus::Optimal, EssState::Nominal).is_empty());
}

#[test]
fn h39_a_calm_snapshot_does_not_lift_a_health_freeze() {
    let mut desk = Desk::new();
    let frozen = desk.health(SystemStatus::Healthy, EssState::Critical);
    desk.place(&frozen);
    assert!(desk.wait(MINUTE).snapshot(CALM).is_empty());
    assert_eq!(told(&desk.health(SystemStatus::Healthy, EssState::Nominal)), ["clear health"]);
}

#[test]
fn h39_nor_does_good_health_lift_a_drawdown_freeze() {
    let mut desk = Desk::new();
    let frozen = desk.snapshot(Snapshot { drawdown_pct: pct(0.12), ..CALM });
    desk.place(&frozen);
    desk.wait(MINUTE).snapshot(Snapshot { drawdown_pct: pct(0.04), ..CALM });
    assert!(desk.health(SystemStatus::Optimal, EssState::Nominal).is_empty());
}

#[test]
fn health_lifts_only_for_a_portfolio_that_was_just_seen() {
    let mut desk = Desk::new();
    let frozen = desk.health(SystemStatus::Emergency, EssState::Nominal);
    desk.place(&frozen);
    let well = |desk: &mut Desk| told(&desk.health(SystemStatus::Optimal, EssState::Nominal));
    assert!(well(&mut desk).is_empty(), "never seen");
    desk.wait(MINUTE).snapshot(CALM);
    assert_eq!(well(desk.wait(MINUTE)), ["clear health"]);
    assert_eq!(well(desk.wait(Period::from_millis(1))), ["hold silence"], "seen too long ago");
}

#[test]
fn h42_a_cause_that_stands_is_told_until_it_is_gone() {
    let mut desk = Desk::new();
    for _ in 0..5 {
        let told_now = desk.wait(MINUTE).health(SystemStatus::Emergency, EssState::Critical);
        assert_eq!(told(&told_now), ["freeze health"]);
        desk.place(&told_now);
    }
}

#[test]
fn the_day_begins_with_its_first_snapshot() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    // Carried into Tuesday: an open loss of 600 USD, made on Monday.
    desk.now = testing::morning(1);
    let open =
        |unrealized: f64| Snapshot { total_equity: usd(9400.0), unrealized_pnl: usd(unrealized), ..CALM };
    assert!(desk.snapshot(open(-600.0)).is_empty(), "no loss of Tuesday");
    assert!(desk.wait(MINUTE).snapshot(open(-1100.0)).is_empty(), "500 of 10 000 is just 5 %");
    assert_eq!(told(&desk.wait(MINUTE).snapshot(open(-1101.0))), ["freeze daily-loss"]);
}

#[test]
fn after_a_gap_an_open_loss_counts_as_made_today() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    desk.now = testing::morning(3);
    let open = Snapshot { total_equity: usd(9400.0), unrealized_pnl: usd(-600.0), ..CALM };
    assert_eq!(told(&desk.snapshot(open)), ["freeze daily-loss"]);
}

#[test]
fn h24_midnight_alone_heals_nothing() {
    let mut desk = Desk::new();
    desk.now = testing::MONDAY.after(Period::from_mins(14 * 60 + 59));
    let frozen = desk.snapshot(lost(-600.0, 0.0));
    assert_eq!(told(&frozen), ["freeze daily-loss"]);
    desk.place(&frozen);
    let new_day = Snapshot { total_equity: usd(9400.0), ..CALM };
    assert!(
        desk.wait(MINUTE).snapshot(new_day.clone()).is_empty(),
        "the counter was reset, the loss was not"
    );
    let recovered = Snapshot { realized_pnl_today: usd(600.0), ..new_day.clone() };
    assert_eq!(told(&desk.wait(MINUTE).snapshot(recovered)), ["clear daily-loss"], "made up for");
    let later = desk.wait(Period::from_mins(58)).snapshot(new_day.clone());
    assert!(later.is_empty(), "59 minutes into the day");
    assert_eq!(told(&desk.wait(MINUTE).snapshot(new_day)), ["clear daily-loss"], "an hour without a loss");
}

#[test]
fn a_late_snapshot_of_a_day_that_is_over_freezes_but_begins_no_day() {
    let mut desk = Desk::new();
    desk.now = testing::morning(1);
    desk.snapshot(CALM);
    let remembered = desk.memory.clone();
    desk.now = testing::MONDAY;
    let late = Snapshot { drawdown_pct: pct(0.2), realized_pnl_today: usd(-300.0), ..CALM };
    assert_eq!(told(&desk.snapshot(late)), ["freeze drawdown"]);
    assert_eq!(desk.memory, remembered);
}

#[test]
fn a_clock_says_nothing_about_causes() {
    let mut desk = Desk::new();
    let frozen = desk.snapshot(Snapshot { drawdown_pct: pct(0.12), total_equity: Usd::lit(10.0), ..CALM });
    desk.place(&frozen);
    let due = desk.wait(MINUTE).now;
    assert!(desk.verdict(Body::ClockDue(ClockDue { due })).proposals.is_empty());
}
