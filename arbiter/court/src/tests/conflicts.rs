//! Steps 3 and 4: seniority.

use proto::decision::{DecisionType, ResearchTask, Severity};
use proto::id::{Role, RuleId};
use proto::proposal::Ask;
use proto::ruling::{Finding, Refusal};
use proto::value::{Kind, Mode, Profile, Value};

use crate::testing::{Story, finding, freeze, leverage, mins, propose, refusal, secs, set, types};

/// A story with a further role, junior to all, that may do what the CRO may and give out research.
fn with_quant() -> (Story, Role) {
    let mut story = Story::new();
    let quant: Role = "quant".parse().unwrap();
    let mut seat = story.terms.seats[&Role::CRO].clone();
    (seat.rank, seat.guardian) = (9, false);
    seat.authority =
        [DecisionType::RiskAdjustment, DecisionType::EssPolicy, DecisionType::ResearchTask].into();
    story.terms.seats.insert(quant.clone(), seat);
    (story, quant)
}

#[test]
fn of_several_roles_that_ask_for_the_same_the_senior_wins_even_if_looser() {
    let (mut story, quant) = with_quant();
    let round = story.snapshot().says(set(&quant, "quant.x", leverage(3.0)));
    let ruling = round.says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    assert_eq!(Value::Limits(ruling.after.effective.limits), leverage(5.0));
    let expected = Refusal::Outranked { by: Role::CRO.into(), rule: RuleId::new("cro.x") };
    assert_eq!(*refusal(&ruling, "quant.x"), expected);
    assert!(refusal(&ruling, "quant.x").is_conflict());
}

#[test]
fn research_is_the_same_only_for_the_same_task_and_model() {
    let task = |model: &str| Ask::Research {
        task: Box::new(ResearchTask {
            task_type: "hyperparameter_tuning".to_owned(),
            description: String::new(),
            priority: proto::decision::Priority::High,
            estimated_duration_hours: 8,
            expected_impact: String::new(),
            model_name: Some(model.to_owned()),
        }),
    };
    let (mut story, quant) = with_quant();
    let round = story.model().says(propose(&Role::RESEARCHER, "researcher.tune", task("nhits")));
    let round = round.says(propose(&Role::RESEARCHER, "researcher.also", task("xgboost")));
    let ruling = round.says(propose(&quant, "quant.tune", task("nhits"))).rule();
    assert_eq!(types(&ruling), [DecisionType::ResearchTask; 2]);
    assert!(matches!(refusal(&ruling, "quant.tune"), Refusal::Outranked { .. }));
}

#[test]
fn a_role_that_tightens_stops_the_loosening_of_every_junior_and_of_no_senior() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))).rule();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    story.wait(mins(5));
    let up = || set(&Role::CEO, "ceo.upgrade", Value::Profile(Profile::Low));
    let senior = story.snapshot().says(up()).says(set(&Role::CRO, "cro.y", leverage(4.0))).rule();
    let expected = Refusal::SeniorTightens { by: Role::CRO.into(), rule: RuleId::new("cro.y") };
    assert_eq!(*refusal(&senior, "ceo.upgrade"), expected);
    assert!(!story.ledger.evidence.contains_key(&Kind::Profile));
    let down = set(&Role::CEO, "ceo.shadow", Value::Mode(Mode::Shadow));
    let junior = story.snapshot().says(down).says(set(&Role::CRO, "cro.recovery", leverage(6.0))).rule();
    assert!(matches!(refusal(&junior, "cro.recovery"), Refusal::Unconfirmed { .. }));
}

#[test]
fn asking_for_what_is_in_force_already_stops_nobody() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))).rule();
    story.snapshot().says(freeze("supervisor.x", Some(30), Severity::Medium)).rule();
    let up = || set(&Role::CEO, "ceo.upgrade", Value::Profile(Profile::Low));
    let again = freeze("supervisor.x", Some(30), Severity::Medium);
    let ruling = story.wait(secs(5)).snapshot().says(again).says(up()).rule();
    assert!(
        matches!(refusal(&ruling, "ceo.upgrade"), Refusal::Held { .. }),
        "the hold itself stands against it"
    );
    let stricter = freeze("supervisor.x", None, Severity::Medium);
    let ruling = story.wait(secs(5)).snapshot().says(stricter).says(up()).rule();
    assert!(matches!(refusal(&ruling, "ceo.upgrade"), Refusal::SeniorTightens { .. }));
}

#[test]
fn a_senior_that_loosens_or_asks_for_its_value_again_stops_nobody() {
    let mut story = Story::new();
    story.snapshot().says(set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))).rule();
    story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).rule();
    for most in [5.0, 6.0] {
        let round = story.wait(mins(5)).snapshot().says(set(&Role::CRO, "cro.x", leverage(most)));
        let ruling = round.says(set(&Role::CEO, "ceo.upgrade", Value::Profile(Profile::Low))).rule();
        assert!(matches!(refusal(&ruling, "ceo.upgrade"), Refusal::Unconfirmed { .. }), "{most}");
    }
}

#[test]
fn what_a_junior_tightens_passes_beside_a_senior() {
    let mut story = Story::new();
    let round = story.snapshot().says(freeze("supervisor.x", Some(30), Severity::Medium));
    let round = round.says(set(&Role::CRO, "cro.x", leverage(5.0)));
    let ruling = round.says(set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))).rule();
    let expected = [DecisionType::Freeze, DecisionType::RiskAdjustment, DecisionType::CapitalProfile];
    assert_eq!(types(&ruling), expected, "by priority, rank, type");
    assert!(matches!(finding(&ruling, "ceo.x"), Finding::Decided { .. }));
}
