//! Step 7: decisions are changes, in order, with everything that a reader needs.

use proto::decision::{DecisionType, Priority, Severity};
use proto::id::{DecisionId, Role};
use proto::number::Fraction;
use proto::proposal::{Fact, Proposal};
use proto::ruling::Finding;
use proto::value::{Kind, Mode, Profile, Value};

use crate::testing::{Story, clear, finding, freeze, hold_at, leverage, mins, research, secs, set, types};

#[test]
fn a_decision_says_why_and_from_what() {
    let mut story = Story::new();
    let mut proposal = set(&Role::CRO, "cro.drawdown-rise", leverage(5.0));
    proposal.facts = vec![Fact::seen("drawdown_pct", Fraction::lit(0.05))];
    let ruling = story.snapshot().says(proposal.clone()).rule();
    let decision = &ruling.decisions[0];
    assert_eq!(decision.reason, proposal.reason());
    assert_eq!(decision.ruling, ruling.version);
    assert_eq!(decision.policy, ruling.terms.policy);
    assert_eq!((decision.event_id, decision.trace_id), (ruling.event.id, ruling.event.trace_id));
    assert_eq!(decision.correlation_id, ruling.event.correlation_id);
    let expected = DecisionId::derive(&[&ruling.event.id.to_string(), "cro", "RISK_ADJUSTMENT", "limits"]);
    assert_eq!(decision.decision_id, expected);
    assert_eq!(story.ledger.fired[&proposal.rule].facts, proposal.facts);
}

#[test]
fn they_go_out_by_priority_then_rank_then_type() {
    let mut story = Story::new();
    let with = |priority, mut proposal: Proposal| {
        proposal.priority = priority;
        proposal
    };
    let round = story.snapshot();
    let round = round.says(with(Priority::Normal, research(None)));
    let round = round.says(with(Priority::High, set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))));
    let round = round.says(with(Priority::High, set(&Role::CEO, "ceo.y", Value::Mode(Mode::Paused))));
    let round = round.says(with(Priority::High, set(&Role::CRO, "cro.x", leverage(5.0))));
    let round = round.says(with(Priority::Critical, freeze("supervisor.x", None, Severity::Critical)));
    let expected = [
        DecisionType::Freeze,
        DecisionType::RiskAdjustment,
        DecisionType::ModeChange,
        DecisionType::CapitalProfile,
        DecisionType::ResearchTask,
    ];
    assert_eq!(types(&round.rule()), expected);
}

#[test]
fn each_takes_the_place_of_the_last_of_its_type_but_a_task_of_none() {
    let mut story = Story::new();
    let first =
        story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).says(research(Some("a"))).rule();
    let second =
        story.snapshot().says(set(&Role::CRO, "cro.x", leverage(4.0))).says(research(Some("b"))).rule();
    assert_eq!(first.decisions[0].supersedes, None);
    assert_eq!(second.decisions[0].supersedes, Some(first.decisions[0].decision_id));
    assert_eq!(second.decisions[1].supersedes, None);
    assert_eq!(story.ledger.latest[&DecisionType::ResearchTask], second.decisions[1].decision_id);
}

#[test]
fn a_task_is_given_out_once_a_day() {
    let mut story = Story::new();
    assert_eq!(types(&story.snapshot().says(research(None)).rule()), [DecisionType::ResearchTask]);
    let again = story.wait(mins(24 * 60 - 1)).snapshot().says(research(None)).rule();
    assert_eq!(types(&again), []);
    assert_eq!(*finding(&again, "researcher.risk"), Finding::Unchanged);
    let next_day = story.wait(mins(1)).snapshot().says(research(None)).rule();
    assert_eq!(types(&next_day), [DecisionType::ResearchTask]);
}

#[test]
fn what_a_hold_hides_is_unchanged() {
    let mut story = Story::new();
    story.snapshot().says(hold_at("supervisor.x", leverage(3.0))).rule();
    let ruling = story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    assert_eq!(types(&ruling), []);
    assert_eq!(*finding(&ruling, "cro.x"), Finding::Unchanged);
    assert_eq!(Value::Limits(story.ledger.owned.limits), leverage(5.0), "but it is in force beneath");
    let lifted = story.wait(secs(5)).confirm(&clear("supervisor.x"));
    assert_eq!(types(&lifted), [DecisionType::RiskAdjustment]);
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(5.0));
    assert_eq!(lifted.decisions[0].rule.as_str(), "supervisor.x");
}

#[test]
fn a_bound_by_a_senior_is_told_as_the_seniors() {
    let mut story = Story::new();
    let mut own = set(&Role::CRO, "cro.x", leverage(5.0));
    own.priority = Priority::Normal;
    let ruling = story.snapshot().says(own).says(hold_at("supervisor.x", leverage(3.0))).rule();
    assert_eq!(types(&ruling), [DecisionType::RiskAdjustment], "one decision tells of both");
    assert_eq!(ruling.decisions[0].role_source, Role::SUPERVISOR.into());
    let decided = Finding::Decided { decision: ruling.decisions[0].decision_id };
    assert_eq!(*finding(&ruling, "cro.x"), decided);
    assert_eq!(*finding(&ruling, "supervisor.x"), decided);
}

#[test]
fn reversals_of_an_hour_and_loosenings_of_a_day_are_remembered() {
    let mut story = Story::new();
    let tighten = |story: &mut Story| {
        story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Mode(Mode::Shadow))).rule();
    };
    for _ in 0..3 {
        tighten(&mut story);
        story.wait(secs(5)).confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
    }
    assert_eq!(story.ledger.changes[&Kind::Mode].reversals.len(), 5);
    tighten(story.wait(mins(60)));
    assert_eq!(story.ledger.changes[&Kind::Mode].reversals, [story.now], "the others are too old to count");
    assert_eq!(story.ledger.changes[&Kind::Mode].loosenings.len(), 3);
    story.wait(mins(24 * 60)).confirm(&set(&Role::CEO, "ceo.resume", Value::Mode(Mode::Live)));
    assert_eq!(story.ledger.changes[&Kind::Mode].loosenings, [story.ledger.at]);
}
