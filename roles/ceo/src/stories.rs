//! What the CEO does over days of events.

use proptest::prelude::*;
use proto::case::{Case, Executive};
use proto::event::{Body, EssState, Snapshot, SystemStatus};
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Proposal};
use proto::regressions;
use proto::testing::laws::{law, usual};
use proto::testing::{self, MONDAY, any, morning, snapshot};
use proto::time::{Period, Time};
use proto::value::{Mode, Profile, Value};

use crate::{Ceo, Memory, Policy};

type Story = testing::Story<Ceo>;
/// A rule and the profile that it asks for.
type Asked<'a> = (&'a str, Profile);

fn at_drawdown(drawdown_pct: f64) -> Snapshot {
    Snapshot { drawdown_pct: Fraction::lit(drawdown_pct), ..snapshot() }
}

/// Good enough for a step up, but for the days.
fn good() -> Snapshot {
    Snapshot {
        realized_pnl_today: Usd::lit(100.0),
        win_rate_today: Some(Fraction::lit(0.61)),
        sharpe_ratio_7d: Some(Ratio::lit(1.6)),
        ..at_drawdown(0.01)
    }
}

fn lossy() -> Snapshot {
    Snapshot { realized_pnl_today: Usd::lit(-1.0), ..snapshot() }
}

fn asked(proposals: &[Proposal]) -> Vec<Asked<'_>> {
    let profile = |proposal: &Proposal| {
        let Ask::Set { value: Value::Profile(profile), .. } = &proposal.ask else { panic!("{proposal:?}") };
        *profile
    };
    proposals.iter().map(|proposal| (proposal.rule.as_str(), profile(proposal))).collect()
}

/// A story with one good snapshot a day, from day 0 to `days` - 1.
fn good_days(days: i64) -> Story {
    let mut story = Story::default();
    for day in 0..days {
        assert_eq!(story.tell(morning(day), Body::Snapshot(good())), []);
    }
    story
}

#[test]
fn a_first_snapshot_in_deep_drawdown_goes_to_micro_and_stays_there() {
    let mut story = Story::default();
    let seen = Body::Snapshot(at_drawdown(0.12));
    let first = story.tell_and_grant(MONDAY, seen.clone());
    assert_eq!(asked(&first), [("ceo.emergency", Profile::Micro), ("ceo.downgrade", Profile::Micro)]);
    assert_eq!(first[0].reason(), "[ceo.emergency] drawdown_pct 12 % > 8 %");
    for again in 1..100 {
        let proposals = story.tell_and_grant(MONDAY.after(Period::from_secs(5 * again)), seen.clone());
        assert_eq!(asked(&proposals), [("ceo.emergency", Profile::Micro)], "its cause stands, nothing moves");
    }
}

#[test]
fn each_rule_down_has_its_boundary() {
    let low_win_rate = |rate: f64, num_positions| Snapshot {
        win_rate_today: Some(Fraction::lit(rate)),
        num_positions,
        ..snapshot()
    };
    let worst = |max: f64| Snapshot { max_drawdown_pct: Some(Fraction::lit(max)), ..snapshot() };
    let table: [(&str, Snapshot, Vec<Asked>); 9] = [
        ("a calm day", snapshot(), vec![]),
        ("drawdown at the threshold", at_drawdown(0.05), vec![]),
        ("drawdown above it", at_drawdown(0.051), vec![("ceo.downgrade", Profile::Low)]),
        ("drawdown at the emergency", at_drawdown(0.08), vec![("ceo.downgrade", Profile::Low)]),
        ("worst drawdown at the threshold", worst(0.10), vec![]),
        ("a new worst drawdown", worst(0.11), vec![("ceo.emergency", Profile::Micro)]),
        ("win rate at the threshold", low_win_rate(0.4, 1), vec![]),
        ("low win rate, no position", low_win_rate(0.39, 0), vec![]),
        (
            "low win rate, open positions",
            low_win_rate(0.39, 1),
            vec![("ceo.downgrade-win-rate", Profile::Low)],
        ),
    ];
    for (name, seen, expected) in table {
        let mut story = Story::default();
        story.ledger.owned.profile = Profile::Normal;
        assert_eq!(asked(&story.tell(MONDAY, Body::Snapshot(seen))), expected, "{name}");
    }
}

#[test]
fn five_profit_days_earn_one_step_up() {
    let mut story = good_days(5);
    let proposals = story.tell(morning(5), Body::Snapshot(good()));
    assert_eq!(asked(&proposals), [("ceo.upgrade", Profile::Normal)]);
    assert_eq!(
        proposals[0].reason(),
        "[ceo.upgrade] profit_days 5 ≥ 5; drawdown_pct 1 % < 3 %; win_rate_today 61 % > 60 %; sharpe_ratio_7d 1.6 > 1.5"
    );
}

#[test]
fn each_condition_of_a_step_up_is_needed() {
    let table = [
        ("drawdown", Snapshot { drawdown_pct: Fraction::lit(0.03), ..good() }),
        ("win rate", Snapshot { win_rate_today: Some(Fraction::lit(0.6)), ..good() }),
        ("win rate not sent", Snapshot { win_rate_today: None, ..good() }),
        ("too few closed trades", Snapshot { closed_trades_today: Some(4), ..good() }),
        ("Sharpe", Snapshot { sharpe_ratio_7d: Some(Ratio::lit(1.5)), ..good() }),
        ("Sharpe not sent", Snapshot { sharpe_ratio_7d: None, ..good() }),
    ];
    for (name, seen) in table {
        assert_eq!(good_days(5).tell(morning(5), Body::Snapshot(seen)), [], "{name}");
    }
    assert_eq!(good_days(4).tell(morning(4), Body::Snapshot(good())), [], "days");
}

#[test]
fn h18_a_step_up_spends_the_streak() {
    let mut story = good_days(5);
    story.tell_and_grant(morning(5), Body::Snapshot(good()));
    for day in 6..11 {
        assert_eq!(story.tell(morning(day), Body::Snapshot(good())), [], "day {day}");
    }
    let again = story.tell(morning(11), Body::Snapshot(good()));
    assert_eq!(asked(&again), [("ceo.upgrade", Profile::Aggressive)]);
}

#[test]
fn h35_a_step_up_that_was_not_granted_is_proposed_again() {
    let mut story = good_days(5);
    for seconds in 0..20 {
        let proposals = story.tell(morning(5).after(Period::from_secs(seconds)), Body::Snapshot(good()));
        assert_eq!(asked(&proposals), [("ceo.upgrade", Profile::Normal)]);
    }
}

#[test]
fn nothing_is_above_aggressive() {
    let mut story = good_days(5);
    story.ledger.owned.profile = Profile::Aggressive;
    assert_eq!(story.tell(morning(5), Body::Snapshot(good())), []);
}

#[test]
fn h17_one_good_morning_is_no_streak() {
    let mut story = Story::default();
    for again in 0..1000 {
        let at = MONDAY.after(Period::from_secs(5 * again));
        assert_eq!(story.tell_and_grant(at, Body::Snapshot(good())), []);
    }
}

#[test]
fn h17_one_small_loss_all_day_is_no_streak() {
    let mut story = Story::default();
    for again in 0..1000 {
        let at = MONDAY.after(Period::from_secs(5 * again));
        assert_eq!(story.tell_and_grant(at, Body::Snapshot(lossy())), []);
    }
}

#[test]
fn three_loss_days_cost_one_step_and_three_more_another() {
    let mut story = Story::default();
    story.ledger.owned.profile = Profile::Aggressive;
    let mut steps = Vec::new();
    for day in 0..8 {
        for hours in 0..3 {
            let at = morning(day).after(Period::from_hours(hours));
            let proposals = story.tell_and_grant(at, Body::Snapshot(lossy()));
            steps.extend(asked(&proposals).into_iter().map(|(rule, to)| (day, rule.to_owned(), to)));
        }
    }
    let step = |day, to| (day, "ceo.downgrade-streak".to_owned(), to);
    assert_eq!(steps, [step(3, Profile::Normal), step(6, Profile::Low)]);
}

#[test]
fn a_profit_day_ends_a_loss_streak() {
    let mut story = Story::default();
    for (day, seen) in [(0, lossy()), (1, lossy()), (2, good()), (3, lossy()), (4, snapshot())] {
        assert_eq!(story.tell(morning(day), Body::Snapshot(seen)), [], "day {day}");
    }
}

#[test]
fn one_step_down_a_day_and_another_when_drawdown_is_clearly_worse() {
    let mut story = Story::default();
    story.ledger.owned.profile = Profile::Aggressive;
    let mut step = |at: Time, drawdown_pct| {
        story.tell_and_grant(at, Body::Snapshot(at_drawdown(drawdown_pct)));
        story.ledger.owned.profile
    };
    assert_eq!(step(MONDAY, 0.055), Profile::Normal);
    assert_eq!(step(MONDAY, 0.055), Profile::Normal);
    assert_eq!(step(MONDAY, 0.064), Profile::Normal);
    assert_eq!(step(MONDAY, 0.065), Profile::Low);
    assert_eq!(step(MONDAY, 0.07), Profile::Low);
    assert_eq!(step(morning(1), 0.051), Profile::Micro, "another day");
}

#[test]
fn h18_a_drawdown_around_the_threshold_does_not_flap() {
    let mut story = good_days(5);
    let mut seen = Vec::new();
    for again in 0..1000 {
        let drawdown_pct = Fraction::lit(if again % 2 == 0 { 0.029 } else { 0.051 });
        let at = morning(5).after(Period::from_secs(5 * again));
        story.tell_and_grant(at, Body::Snapshot(Snapshot { drawdown_pct, ..good() }));
        seen.push(story.ledger.owned.profile);
    }
    seen.dedup();
    assert_eq!(seen, [Profile::Normal, Profile::Low], "one step up with the streak, one down for the day");
}

#[test]
fn a_step_up_does_not_excuse_the_drawdown_of_the_same_day() {
    let mut story = good_days(5);
    let mut profile = |seconds, seen| {
        story.tell_and_grant(morning(5).after(Period::from_secs(seconds)), Body::Snapshot(seen));
        story.ledger.owned.profile
    };
    assert_eq!(profile(0, at_drawdown(0.051)), Profile::Micro);
    assert_eq!(profile(1, good()), Profile::Low);
    assert_eq!(profile(2, at_drawdown(0.051)), Profile::Micro);
}

#[test]
fn h21_an_old_worst_drawdown_does_not_pin_micro() {
    let mut story = Story::default();
    let scarred = Snapshot { max_drawdown_pct: Some(Fraction::lit(0.15)), ..good() };
    story.tell_and_grant(morning(0), Body::Snapshot(scarred.clone()));
    assert_eq!(story.ledger.owned.profile, Profile::Micro);
    for day in 1..=5 {
        story.tell_and_grant(morning(day), Body::Snapshot(scarred.clone()));
    }
    assert_eq!(story.ledger.owned.profile, Profile::Low);
}

#[test]
fn h22_no_trade_is_no_lost_trade() {
    let mut story = Story::default();
    let idle = Snapshot { win_rate_today: Some(Fraction::ZERO), ..snapshot() };
    assert_eq!(story.tell(MONDAY, Body::Snapshot(idle.clone())), []);
    let all_lost = Snapshot { closed_trades_today: Some(5), ..idle };
    assert_eq!(
        asked(&story.tell(MONDAY, Body::Snapshot(all_lost))),
        [("ceo.downgrade-win-rate", Profile::Micro)]
    );
}

#[test]
fn h32_the_reason_is_that_of_the_rule_that_fired() {
    let mut story = good_days(5);
    let proposals = story.tell(morning(5), Body::Snapshot(at_drawdown(0.06)));
    assert_eq!(proposals[0].reason(), "[ceo.downgrade] drawdown_pct 6 % > 5 %");
}

fn mode_after(story: &mut Story, status: SystemStatus, ess: EssState) -> Mode {
    story.tell_and_grant(MONDAY, Body::Health(testing::health(status, ess)));
    story.ledger.owned.mode
}

#[test]
fn h42_a_pause_is_asked_for_again_while_its_cause_stands() {
    let mut story = Story::default();
    for _ in 0..5 {
        let critical = Body::Health(testing::health(SystemStatus::Critical, EssState::Nominal));
        let proposals = story.tell_and_grant(MONDAY, critical);
        let paused = Value::Mode(Mode::Paused);
        assert_eq!(proposals[0].ask, Ask::Set { value: paused, duration: Some(Period::from_mins(30)) });
    }
}

#[test]
fn h43_an_emergency_ends_in_stages_and_only_when_all_is_well() {
    let mut story = Story::default();
    let mut mode = |status, ess| mode_after(&mut story, status, ess);
    assert_eq!(mode(SystemStatus::Emergency, EssState::Nominal), Mode::Emergency);
    assert_eq!(mode(SystemStatus::Healthy, EssState::Warning), Mode::Emergency);
    assert_eq!(mode(SystemStatus::Degraded, EssState::Nominal), Mode::Emergency);
    assert_eq!(mode(SystemStatus::Critical, EssState::Nominal), Mode::Emergency);
    assert_eq!(mode(SystemStatus::Healthy, EssState::Caution), Mode::Emergency);
    assert_eq!(mode(SystemStatus::Healthy, EssState::Nominal), Mode::Paused);
    assert_eq!(mode(SystemStatus::Optimal, EssState::Nominal), Mode::Shadow);
    assert_eq!(mode(SystemStatus::Degraded, EssState::Nominal), Mode::Shadow);
    assert_eq!(mode(SystemStatus::Optimal, EssState::Nominal), Mode::Live);
    assert_eq!(mode(SystemStatus::Optimal, EssState::Nominal), Mode::Live);
}

#[test]
fn memory_reads_back_as_it_was_written() {
    let story = good_days(3);
    let written = serde_json::to_string(&story.memory).unwrap();
    assert_eq!(serde_json::from_str::<Option<Memory>>(&written).unwrap(), story.memory);
}

proptest! {
    #![proptest_config(usual(regressions!("stories")))]

    #[test]
    fn only_upgrade_and_resume_ask_for_more_room(
        told in proptest::collection::vec((0..20_i64, any::bodies(&["xgboost"])), 1..60)
    ) {
        let mut story = Story::default();
        for (day, body) in told {
            let owned = story.ledger.owned.clone();
            for proposal in story.tell_and_grant(morning(day), body) {
                let Ask::Set { value, .. } = &proposal.ask else { panic!("{proposal:?}") };
                let loosens = value.is_looser_than(&owned.get(value.kind()));
                let may = ["ceo.upgrade", "ceo.resume"].contains(&proposal.rule.as_str());
                prop_assert_eq!(loosens, may, "{}", proposal.reason());
            }
        }
    }

    #[test]
    fn the_same_case_gives_the_same_verdict(days in 0..9_i64, body in any::bodies(&["xgboost"])) {
        let case = Case {
            event: testing::event(morning(days), body),
            ledger: testing::ledger(),
            base: testing::base(),
            memory: good_days(5).memory,
        };
        let policy = Policy::default();
        prop_assert_eq!(Ceo::evaluate(&policy, &case), Ceo::evaluate(&policy, &case));
    }
}

proptest! {
    #![proptest_config(law(regressions!("stories")))]

    #[test]
    fn p12_equal_snapshots_all_day_make_one_day(seen in any::snapshots(), seconds in proptest::collection::vec(0..50_000_i64, 1..50)) {
        let (mut once, mut often) = (Story::default(), Story::default());
        once.tell(MONDAY, Body::Snapshot(seen.clone()));
        for seconds in seconds {
            often.tell(MONDAY.after(Period::from_secs(seconds)), Body::Snapshot(seen.clone()));
        }
        once.tell(morning(1), Body::Snapshot(snapshot()));
        often.tell(morning(1), Body::Snapshot(snapshot()));
        prop_assert_eq!(once.memory, often.memory);
    }
}
