//! Silence of the feed while trading is LIVE.

use proto::event::{Body, ClockDue, EssState, Snapshot, SystemStatus};
use proto::proposal::{Ask, Bound};
use proto::testing;
use proto::time::{Period, Time};
use proto::value::{Mode, Value};
use supervisor::policy::OnSilence;

use crate::desk::{CALM, Desk, told};

const MINUTE: Period = Period::from_mins(1);
const JUST: Period = Period::from_millis(1);

fn clock(desk: &mut Desk) -> Vec<String> {
    let due = desk.now;
    told(&desk.verdict(Body::ClockDue(ClockDue { due })).proposals)
}

#[test]
fn a_minute_without_a_snapshot_holds_what_would_loosen() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    assert!(clock(desk.wait(MINUTE)).is_empty());
    assert_eq!(clock(desk.wait(JUST)), ["hold silence"]);
    let on_health = desk.health(SystemStatus::Optimal, EssState::Nominal);
    assert_eq!(on_health[0].ask, Ask::Hold { bound: Bound::Loosening });
    assert_eq!(on_health[0].reason(), "[supervisor.silence] silence 1m 1ms > 1m");
}

#[test]
fn nothing_is_silent_that_was_never_heard_or_does_not_trade() {
    let mut desk = Desk::new();
    assert!(clock(desk.wait(MINUTE)).is_empty(), "never heard");
    desk.snapshot(CALM);
    desk.ledger.effective.mode = Mode::Shadow;
    assert!(clock(desk.wait(Period::from_hours(1))).is_empty(), "not LIVE");
}

#[test]
fn silence_pauses_where_the_policy_says_so() {
    let mut desk = Desk::new();
    desk.policy.on_silence = OnSilence::Pause;
    desk.snapshot(CALM);
    let due = desk.wait(MINUTE).wait(JUST).now;
    let proposals = desk.verdict(Body::ClockDue(ClockDue { due })).proposals;
    let paused = Bound::Value { at: Value::Mode(Mode::Paused) };
    assert_eq!(proposals[0].ask, Ask::Hold { bound: paused });
    desk.place(&proposals);
    desk.ledger.effective.mode = Mode::Paused;
    assert_eq!(told(&desk.wait(MINUTE).snapshot(CALM)), ["clear silence"], "whatever the mode");
}

#[test]
fn a_snapshot_ends_the_silence_and_health_does_not() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    desk.wait(MINUTE).wait(JUST);
    let held = desk.health(SystemStatus::Optimal, EssState::Nominal);
    desk.place(&held);
    assert_eq!(told(&desk.health(SystemStatus::Optimal, EssState::Nominal)), ["hold silence"]);
    assert_eq!(told(&desk.snapshot(CALM)), ["clear silence"]);
    assert!(desk.health(SystemStatus::Optimal, EssState::Nominal).is_empty());
}

#[test]
fn an_old_snapshot_breaks_no_silence() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    desk.wait(Period::from_mins(10)).health(SystemStatus::Optimal, EssState::Nominal);
    let old = testing::event(testing::MONDAY.after(MINUTE), Body::Snapshot(CALM));
    assert_eq!(told(&desk.hear(&old).proposals), ["hold silence"]);
}

#[test]
fn the_supervisor_asks_to_be_woken_when_the_feed_will_be_silent() {
    let mut desk = Desk::new();
    let wake = |desk: &mut Desk, body: Body| desk.verdict(body).wake_at;
    let well = || Body::Health(testing::health(SystemStatus::Optimal, EssState::Nominal));
    assert_eq!(wake(&mut desk, well()), None, "never heard");
    let due: Time = testing::MONDAY.after(MINUTE).after(JUST);
    assert_eq!(wake(&mut desk, Body::Snapshot(CALM)), Some(due));
    assert_eq!(wake(desk.wait(Period::from_secs(30)), well()), Some(due), "no snapshot");
    desk.now = due;
    assert_eq!(wake(&mut desk, Body::ClockDue(ClockDue { due })), None, "silent, and told so");
    desk.ledger.effective.mode = Mode::Paused;
    let snapshot = Body::Snapshot(Snapshot { num_positions: 0, ..CALM });
    assert_eq!(wake(&mut desk, snapshot), Some(due.after(MINUTE).after(JUST)), "LIVE by then, perhaps");
}

#[test]
fn a_silent_portfolio_that_is_not_live_is_looked_at_again() {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    desk.ledger.effective.mode = Mode::Paused;
    let due = desk.wait(Period::from_hours(1)).now;
    let verdict = desk.verdict(Body::ClockDue(ClockDue { due }));
    assert_eq!((told(&verdict.proposals), verdict.wake_at), (vec![], Some(due.after(MINUTE))));
    desk.ledger.effective.mode = Mode::Live;
    assert_eq!(clock(desk.wait(MINUTE)), ["hold silence"], "LIVE by an operator's word");
}
