//! Freezes: one hold a cause, announced when it matters, lifted by cause.

use proto::decision::{DecisionType, Payload, Severity};
use proto::hold::Standing;
use proto::id::Role;
use proto::proposal::Ask;
use proto::ruling::{Finding, Refusal, Ruling};
use proto::value::Mode;

use crate::testing::{Story, clear, finding, freeze, mins, propose, refusal, secs, types};

fn lasting(rule: &'static str, minutes: Option<i64>) -> proto::proposal::Proposal {
    freeze(rule, minutes, Severity::High)
}

fn reviewed(rule: &'static str, minutes: i64) -> proto::proposal::Proposal {
    let ask = Ask::Freeze {
        duration: Some(mins(minutes)),
        severity: Severity::Critical,
        affected_subsystems: ["trading", "risk"].into(),
        requires_manual_review: true,
    };
    propose(&Role::SUPERVISOR, rule, ask)
}

/// The minutes of the only FREEZE.
fn minutes(ruling: &Ruling) -> u64 {
    let mut freezes = ruling.decisions.iter().filter_map(|decision| {
        let Payload::Freeze { duration_minutes, .. } = &decision.payload else { return None };
        Some(*duration_minutes)
    });
    let minutes = freezes.next().unwrap();
    assert_eq!(freezes.next(), None);
    minutes
}

#[test]
fn a_standing_cause_is_one_hold_and_one_freeze() {
    let mut story = Story::new();
    let first = story.snapshot().says(reviewed("supervisor.drawdown", 120)).rule();
    assert_eq!(minutes(&first), 120);
    let hold = story.hold("supervisor.drawdown").unwrap().clone();
    assert_eq!(hold.decision_id, Some(first.decisions[0].decision_id));
    for _ in 0..100 {
        let again = story.wait(secs(5)).snapshot().says(reviewed("supervisor.drawdown", 120)).rule();
        assert_eq!(types(&again), []);
        assert_eq!(*finding(&again, "supervisor.drawdown"), Finding::Unchanged);
    }
    assert_eq!(story.hold("supervisor.drawdown"), Some(&hold));
}

#[test]
fn several_causes_are_several_holds_and_one_freeze_of_the_strictest() {
    let mut story = Story::new();
    let round = story.snapshot().says(reviewed("supervisor.drawdown", 120));
    let ruling = round.says(freeze("supervisor.capital", None, Severity::Critical)).rule();
    assert_eq!(types(&ruling), [DecisionType::Freeze]);
    assert_eq!(minutes(&ruling), 0, "for ever is the strictest");
    let decided = Finding::Decided { decision: ruling.decisions[0].decision_id };
    for rule in ["supervisor.drawdown", "supervisor.capital"] {
        assert_eq!(*finding(&ruling, rule), decided);
    }
    let in_effect = story.ledger.freeze.as_ref().unwrap();
    assert_eq!(in_effect.affected_subsystems, ["risk", "trading"].into());
    assert!(in_effect.requires_manual_review);
    assert_eq!(in_effect.holds[0], story.hold("supervisor.capital").unwrap().id);
    assert_eq!(ruling.decisions[0].rule.as_str(), "supervisor.capital");
}

#[test]
fn a_milder_cause_beside_a_stricter_one_is_silent() {
    let mut story = Story::new();
    story.snapshot().says(reviewed("supervisor.drawdown", 120)).rule();
    let ruling = story.wait(secs(5)).snapshot().says(lasting("supervisor.loss-streak", Some(30))).rule();
    assert_eq!(types(&ruling), []);
    assert_eq!(*finding(&ruling, "supervisor.loss-streak"), Finding::Unchanged);
    assert_eq!(story.ledger.holds.len(), 2, "but it holds");
}

#[test]
fn stricter_terms_of_one_cause_change_its_hold_in_place() {
    let table = [
        ("severity", freeze("supervisor.x", Some(30), Severity::Critical), 30),
        ("longer", freeze("supervisor.x", Some(60), Severity::High), 60),
        ("for ever", freeze("supervisor.x", None, Severity::High), 0),
        ("wider, with review", reviewed("supervisor.x", 30), 30),
    ];
    for (what, stricter, expected) in table {
        let mut story = Story::new();
        story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
        let id = story.hold("supervisor.x").unwrap().id;
        let ruling = story.snapshot().says(stricter).rule();
        assert_eq!(minutes(&ruling), expected, "{what}");
        assert_eq!(story.hold("supervisor.x").unwrap().id, id, "{what}");
    }
    let mut story = Story::new();
    story.snapshot().says(reviewed("supervisor.x", 60)).rule();
    let milder = story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    assert_eq!(types(&milder), [], "milder terms change nothing");
    assert!(story.hold("supervisor.x").unwrap().requires_manual_review);
}

#[test]
fn a_standing_cause_is_announced_again_shortly_before_its_end() {
    let mut story = Story::new();
    let proposal = lasting("supervisor.x", Some(30));
    story.snapshot().says(proposal.clone()).rule();
    let early = story.wait(secs(29 * 60 - 1)).snapshot().says(proposal.clone()).rule();
    assert_eq!(types(&early), []);
    let near = story.wait(secs(1)).snapshot().says(proposal.clone()).rule();
    assert_eq!(minutes(&near), 30);
    assert_eq!(story.hold("supervisor.x").unwrap().until, Some(story.now.after(mins(30))));
}

#[test]
fn the_timer_extends_a_standing_cause_and_ends_one_that_is_gone() {
    let mut story = Story::new();
    story.snapshot().says(reviewed("supervisor.x", 30)).rule();
    let extended = story.wait(mins(29)).clock().rule();
    assert_eq!(minutes(&extended), 30);
    story.wait(mins(20)).snapshot().says(clear("supervisor.x")).rule();
    let still = story.wait(secs(599)).clock().rule();
    assert_eq!(types(&still), [], "what is gone is not extended, and a review does not end early");
    let ended = story.wait(secs(1)).clock().rule();
    assert_eq!(types(&ended), [DecisionType::ModeChange]);
    assert!(story.ledger.freeze.is_none());
    assert_eq!(ended.decisions[0].rule.as_str(), "supervisor.x");
    assert!(ended.decisions[0].reason.contains("ended"), "{}", ended.decisions[0].reason);
}

#[test]
fn what_is_due_while_nobody_can_judge_it_stands_without_an_end() {
    let mut story = Story::new();
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    story.snapshot().says(clear("supervisor.x")).rule();
    story.wait(mins(30));
    let quiet = story.model().rule();
    assert_eq!(types(&quiet), [], "nobody is asked about models: the timer is on its way");
    for absent in [Role::SUPERVISOR, Role::CRO] {
        let mut story = story.clone();
        let ruling = story.snapshot().without(&absent).rule();
        assert_eq!(minutes(&ruling), 0, "the backend's own timer must not end it");
        let again = story.wait(mins(5)).snapshot().without(&absent).rule();
        assert_eq!(types(&again), [], "announced once");
        let heard = story.wait(secs(5)).snapshot().rule();
        assert_eq!(
            types(&heard),
            [DecisionType::ModeChange],
            "its cause was gone, and now somebody can say so"
        );
    }
    let stale = story.snapshot().stale().rule();
    assert!(story.ledger.freeze.is_some(), "{stale:?}");
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    assert_eq!(story.hold("supervisor.x").unwrap().until, Some(story.now.after(mins(30))));
}

#[test]
fn a_cause_that_stands_is_extended_whoever_else_is_missing() {
    let mut story = Story::new();
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    let ruling = story.wait(mins(30)).snapshot().without(&Role::CRO).stale().rule();
    assert_eq!(minutes(&ruling), 30);
}

#[test]
fn before_its_end_a_cause_that_nobody_can_judge_stands_without_one() {
    let mut story = Story::new();
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    let ruling = story.wait(mins(29)).clock().without(&Role::SUPERVISOR).rule();
    assert_eq!(minutes(&ruling), 0);
    let ruling = story.wait(secs(10)).clock().rule();
    assert_eq!(types(&ruling), [], "a new end is no news while the backend knows of none");
    assert_eq!(story.hold("supervisor.x").unwrap().until, Some(story.now.after(mins(30))));
}

#[test]
fn a_cleared_cause_is_confirmed_before_it_lifts() {
    let mut story = Story::new();
    let placed = story.snapshot().says(lasting("supervisor.loss-streak", Some(30))).rule();
    let since = story.wait(secs(5)).now;
    let first = story.snapshot().says(clear("supervisor.loss-streak")).rule();
    let expected = Refusal::Unconfirmed { times: 1, needed: 3, since };
    assert_eq!(*refusal(&first, "supervisor.loss-streak"), expected);
    story.wait(secs(30)).snapshot().says(clear("supervisor.loss-streak")).rule();
    let lifted = story.wait(secs(30)).snapshot().says(clear("supervisor.loss-streak")).rule();
    let lifts = vec![placed.decisions[0].decision_id];
    let expected = Payload::ModeChange { mode: Mode::Live, duration_minutes: None, lifts };
    assert_eq!(lifted.decisions[0].payload, expected, "a lift is never a FREEZE");
    assert!(matches!(finding(&lifted, "supervisor.loss-streak"), Finding::Decided { .. }));
}

#[test]
fn only_fit_events_count_towards_a_lift_and_a_new_presence_starts_again() {
    let mut story = Story::new();
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    let standing = |story: &Story| story.hold("supervisor.x").unwrap().standing;
    let stale = story.snapshot().says(clear("supervisor.x")).stale().rule();
    assert_eq!(*refusal(&stale, "supervisor.x"), Refusal::StaleInput);
    let unguarded = story.snapshot().says(clear("supervisor.x")).without(&Role::CRO).rule();
    assert!(matches!(refusal(&unguarded, "supervisor.x"), Refusal::GuardianAbsent { .. }));
    assert_eq!(standing(&story), Standing::Present);
    story.snapshot().says(clear("supervisor.x")).rule();
    assert!(matches!(standing(&story), Standing::Absent { times: 1, .. }));
    story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    assert_eq!(standing(&story), Standing::Present);
}

#[test]
fn a_hold_that_needs_review_is_not_lifted_by_its_owner() {
    let mut story = Story::new();
    story.snapshot().says(reviewed("supervisor.drawdown", 120)).rule();
    for _ in 0..5 {
        let ruling = story.wait(secs(30)).snapshot().says(clear("supervisor.drawdown")).rule();
        assert!(matches!(refusal(&ruling, "supervisor.drawdown"), Refusal::NeedsReview { .. }));
    }
    assert!(story.ledger.freeze.is_some());
}

#[test]
fn lifting_one_cause_lifts_only_that_cause() {
    let mut story = Story::new();
    let round = story.snapshot().says(reviewed("supervisor.drawdown", 120));
    round.says(lasting("supervisor.loss-streak", Some(30))).rule();
    let ruling = story.wait(secs(5)).confirm(&clear("supervisor.loss-streak"));
    assert!(story.hold("supervisor.loss-streak").is_none());
    assert!(story.hold("supervisor.drawdown").is_some());
    assert_eq!(types(&ruling), [], "trading is not free: nothing to tell");
    assert_eq!(*finding(&ruling, "supervisor.loss-streak"), Finding::Unchanged);
}

#[test]
fn a_lift_names_every_freeze_that_was_announced() {
    let mut story = Story::new();
    let first = story.snapshot().says(lasting("supervisor.x", Some(30))).rule();
    let second = story.snapshot().says(freeze("supervisor.x", Some(30), Severity::Critical)).rule();
    let ruling = story.wait(secs(5)).confirm(&clear("supervisor.x"));
    let Payload::ModeChange { lifts, .. } = &ruling.decisions[0].payload else { panic!("{ruling:?}") };
    assert_eq!(*lifts, [first.decisions[0].decision_id, second.decisions[0].decision_id]);
    assert_eq!(second.decisions[0].supersedes, Some(first.decisions[0].decision_id));
}
