//! Vetoes: what must not loosen, and when a veto's hold ends.

use proto::event::{Body, EssState, Snapshot, SystemStatus};
use proto::id::RuleId;
use proto::ledger::Direction;
use proto::proposal::{Ask, Bound};
use proto::testing;
use proto::time::Period;
use proto::value::{Kind, Mode, Profile, Value};

use crate::desk::{CALM, Desk, pct, told, usd};

const MINUTE: Period = Period::from_mins(1);

/// A desk that was seen calm and well.
fn well() -> Desk {
    let mut desk = Desk::new();
    desk.snapshot(CALM);
    desk.health(SystemStatus::Healthy, EssState::Nominal);
    desk
}

/// A desk with this many losing trades in a row.
fn losing(losses: u32) -> Desk {
    let mut desk = well();
    for step in 1..=losses {
        let realized_pnl_today = usd(-10.0 * f64::from(step));
        desk.wait(MINUTE).snapshot(Snapshot { realized_pnl_today, ..CALM });
    }
    desk
}

fn value(kind: Kind) -> Value {
    testing::base().get(kind)
}

fn vetoed(desk: &Desk, value: &Value) -> Option<String> {
    let vetoes = desk.review(value);
    assert!(vetoes.len() <= 1, "one veto a value: {vetoes:?}");
    vetoes.first().map(|veto| {
        assert_eq!(veto.kind, value.kind());
        assert!(!veto.facts.is_empty(), "a veto says what it saw");
        veto.rule.as_str().trim_start_matches("supervisor.").to_owned()
    })
}

#[test]
fn a_desk_that_is_well_may_loosen_anything() {
    let desk = well();
    for kind in Kind::ALL {
        assert_eq!(vetoed(&desk, &value(kind)), None, "{kind}");
    }
    assert_eq!(vetoed(&desk, &Value::Profile(Profile::Aggressive)), None);
}

#[test]
fn no_profile_up_while_losing() {
    let normal = Value::Profile(Profile::Normal);
    let at = |drawdown: f64| {
        let mut desk = well();
        desk.snapshot(Snapshot { drawdown_pct: pct(drawdown), ..CALM });
        vetoed(&desk, &normal)
    };
    assert_eq!(at(0.05), None);
    assert_eq!(at(0.051).as_deref(), Some("veto-profile"));
    assert_eq!(vetoed(&losing(2), &normal), None);
    assert_eq!(vetoed(&losing(3), &normal).as_deref(), Some("veto-profile"));
}

#[test]
fn aggressive_needs_health_that_is_known_fresh_and_good() {
    let aggressive = Value::Profile(Profile::Aggressive);
    let refused = Some("veto-aggressive");
    let mut unknown = Desk::new();
    unknown.snapshot(CALM);
    assert_eq!(vetoed(&unknown, &aggressive).as_deref(), refused, "H11: never heard");
    let cases = [
        (SystemStatus::Optimal, EssState::Nominal, None),
        (SystemStatus::Healthy, EssState::Caution, refused),
        (SystemStatus::Degraded, EssState::Nominal, refused),
        (SystemStatus::Critical, EssState::Nominal, refused),
    ];
    for (status, ess, expected) in cases {
        let mut desk = well();
        desk.health(status, ess);
        assert_eq!(vetoed(&desk, &aggressive).as_deref(), expected, "{status:?} {ess:?}");
        assert_eq!(vetoed(&desk, &Value::Profile(Profile::Normal)), None, "only AGGRESSIVE");
    }
    let mut old = well();
    old.wait(Period::from_mins(10));
    assert_eq!(vetoed(&old, &aggressive), None);
    old.wait(Period::from_millis(1));
    assert_eq!(vetoed(&old, &aggressive).as_deref(), refused, "H11: heard too long ago");
}

#[test]
fn no_more_symbols_while_degraded() {
    let symbols = value(Kind::Symbols);
    for (status, expected) in [
        (SystemStatus::Healthy, None),
        (SystemStatus::Degraded, Some("veto-symbols")),
        (SystemStatus::Critical, Some("veto-symbols")),
    ] {
        let mut desk = well();
        desk.health(status, EssState::Nominal);
        assert_eq!(vetoed(&desk, &symbols).as_deref(), expected, "{status:?}");
    }
}

#[test]
fn no_looser_limits_or_thresholds_while_losing_trades() {
    assert_eq!(vetoed(&losing(2), &value(Kind::Limits)), None);
    assert_eq!(vetoed(&losing(3), &value(Kind::Limits)).as_deref(), Some("veto-limits"));
    assert_eq!(vetoed(&losing(3), &value(Kind::Ess)).as_deref(), Some("veto-ess"));
}

#[test]
fn not_live_while_frozen_by_what_stands_or_by_this_event() {
    let live = Value::Mode(Mode::Live);
    let mut desk = well();
    assert_eq!(vetoed(&desk, &live), None);
    let deep = Snapshot { drawdown_pct: pct(0.12), ..CALM };
    let proposals = desk.snapshot(deep.clone());
    let on_this_event = desk.review_on(Body::Snapshot(deep), &live);
    assert_eq!(on_this_event[0].rule.as_str(), "supervisor.veto-live");
    assert!(desk.review(&Value::Mode(Mode::Shadow)).is_empty(), "a stage on the way is no LIVE");
    desk.place(&proposals);
    assert_eq!(vetoed(&desk, &live).as_deref(), Some("veto-live"));
}

#[test]
fn the_third_reversal_within_an_hour_is_one_too_many() {
    let limits = value(Kind::Limits);
    let ago = |desk: &Desk, mins: i64| desk.now.before(Period::from_mins(mins));
    let mut desk = well();
    desk.wait(Period::from_hours(2)).snapshot(CALM);
    let (just_inside, recent) = (ago(&desk, 59), ago(&desk, 10));
    desk.flapped(Kind::Limits, &[recent]);
    assert_eq!(vetoed(&desk, &limits), None, "the second");
    desk.flapped(Kind::Limits, &[ago(&desk, 60), recent]);
    assert_eq!(vetoed(&desk, &limits), None, "an hour ago is over");
    desk.flapped(Kind::Limits, &[just_inside, recent]);
    assert_eq!(vetoed(&desk, &limits).as_deref(), Some("veto-flapping"));
    assert_eq!(vetoed(&desk, &value(Kind::Ess)), None, "another value");
    if let Some(changes) = desk.ledger.changes.get_mut(&Kind::Limits) {
        changes.last = Some(Direction::Looser);
    }
    assert_eq!(vetoed(&desk, &limits), None, "going on is no reversal");
}

#[test]
fn a_vetos_hold_ends_when_its_reason_is_gone_on_the_feed_that_shows_it() {
    let mut desk = losing(3);
    let cause = RuleId::new("supervisor.veto-limits");
    desk.hold(&cause, Bound::Value { at: value(Kind::Limits) }, None, false);
    assert!(desk.snapshot(Snapshot { realized_pnl_today: usd(-30.0), ..CALM }).is_empty());
    desk.snapshot(CALM);
    assert!(desk.health(SystemStatus::Optimal, EssState::Nominal).is_empty(), "health shows no trades");
    let proposals = desk.snapshot(CALM);
    assert_eq!(proposals[0].ask, Ask::Clear { cause, kind: Some(Kind::Limits) });
}

#[test]
fn an_aggressive_vetos_hold_ends_on_good_health() {
    let mut desk = well();
    let cause = RuleId::new("supervisor.veto-aggressive");
    desk.hold(&cause, Bound::Value { at: Value::Profile(Profile::Normal) }, None, false);
    assert!(desk.health(SystemStatus::Degraded, EssState::Nominal).is_empty());
    assert!(desk.snapshot(CALM).is_empty());
    assert_eq!(told(&desk.health(SystemStatus::Healthy, EssState::Nominal)), ["clear veto-aggressive"]);
}

#[test]
fn a_live_vetos_hold_ends_with_the_freeze() {
    let mut desk = well();
    let frozen = desk.snapshot(Snapshot { drawdown_pct: pct(0.12), ..CALM });
    desk.place(&frozen);
    let cause = RuleId::new("supervisor.veto-live");
    desk.hold(&cause, Bound::Value { at: Value::Mode(Mode::Shadow) }, None, false);
    assert_eq!(told(&desk.snapshot(CALM)), ["clear drawdown"]);
    desk.lift("supervisor.drawdown");
    assert_eq!(told(&desk.snapshot(CALM)), ["clear veto-live"]);
}

#[test]
fn a_flapping_vetos_hold_ends_after_a_quiet_hour() {
    let mut desk = well();
    let cause = RuleId::new("supervisor.veto-flapping");
    desk.hold(&cause, Bound::Value { at: value(Kind::Symbols) }, None, false);
    let turned = desk.now;
    desk.flapped(Kind::Symbols, &[turned]);
    for _ in 0..59 {
        assert!(desk.wait(MINUTE).snapshot(CALM).is_empty());
    }
    assert_eq!(told(&desk.wait(MINUTE).snapshot(CALM)), ["clear veto-flapping"]);
}

#[test]
fn a_role_that_was_not_asked_before_objects_to_what_it_can_see() {
    let desk = Desk::new();
    assert_eq!(vetoed(&desk, &Value::Profile(Profile::Aggressive)).as_deref(), Some("veto-aggressive"));
    assert_eq!(vetoed(&desk, &value(Kind::Limits)), None);
}
