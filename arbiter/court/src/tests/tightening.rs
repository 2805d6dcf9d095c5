//! Tighter is always allowed, at once.

use proto::decision::DecisionType;
use proto::id::Role;
use proto::number::{Fraction, Ratio, Usd};
use proto::ruling::Finding;
use proto::testing::base;
use proto::value::{Allocation, Cashflow, Kind, Limits, Mode, Profile, Universe, Value};

use crate::testing::{Round, Story, finding, leverage, set, types};

#[test]
fn a_tighter_value_is_in_force_at_once_and_told_in_full() {
    let mut story = Story::new();
    let ruling = story.snapshot().says(set(&Role::CRO, "cro.drawdown-rise", leverage(5.0))).rule();
    assert_eq!(types(&ruling), [DecisionType::RiskAdjustment]);
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(5.0));
    let payload = serde_json::to_value(&ruling.decisions[0].payload).unwrap();
    assert_eq!(payload["payload"].as_object().unwrap().len(), 5, "always all five: {payload}");
    let decided = Finding::Decided { decision: ruling.decisions[0].decision_id };
    assert_eq!(*finding(&ruling, "cro.drawdown-rise"), decided);
}

#[test]
fn the_same_again_is_unchanged_and_silent() {
    let mut story = Story::new();
    let tighter = set(&Role::CRO, "cro.ess-tight", leverage(5.0));
    story.snapshot().says(tighter.clone()).rule();
    for _ in 0..100 {
        let ruling = story.snapshot().says(tighter.clone()).rule();
        assert_eq!(ruling.decisions, []);
        assert_eq!(*finding(&ruling, "cro.ess-tight"), Finding::Unchanged);
    }
}

#[test]
fn it_needs_nobody_else() {
    let mut story = Story::unheard();
    let round = story.snapshot().says(set(&Role::CRO, "cro.x", leverage(5.0))).stale();
    let everybody_else = [Role::SUPERVISOR, Role::CEO, Role::CIO, Role::CFO, Role::RESEARCHER];
    let ruling = everybody_else.iter().fold(round, Round::without).rule();
    assert_eq!(types(&ruling), [DecisionType::RiskAdjustment]);
}

#[test]
fn of_a_mixed_proposal_the_tighter_part_applies_and_the_looser_part_has_to_be_earned() {
    let mut story = Story::new();
    let mixed =
        Limits { max_leverage: Ratio::lit(5.0), max_position_size_usd: Usd::lit(20_000.0), ..base().limits };
    let mixed = set(&Role::CRO, "cro.x", Value::Limits(mixed));
    let ruling = story.snapshot().says(mixed.clone()).rule();
    assert!(matches!(finding(&ruling, "cro.x"), Finding::Decided { .. }));
    assert_eq!(Value::Limits(story.ledger.effective.limits), leverage(5.0), "met field by field");
    assert_eq!(story.ledger.evidence[&Kind::Limits].times, 1);
}

#[test]
fn every_kind_has_its_order() {
    let symbols = |active: &[&str]| {
        let active_symbols = active.iter().map(|symbol| (*symbol).to_owned()).collect();
        Value::Symbols(Universe { active_symbols, excluded_symbols: Vec::new() }.into())
    };
    let cashflow = |lock, reinvest, reserve| {
        Value::Cashflow(Cashflow {
            profit_lock_pct: Fraction::lit(lock),
            reinvest_pct: Fraction::lit(reinvest),
            reserve_buffer_pct: Fraction::lit(reserve),
        })
    };
    let table = [
        (Role::CEO, "ceo.x", Value::Mode(Mode::Paused), DecisionType::ModeChange),
        (Role::CEO, "ceo.x", Value::Profile(Profile::Micro), DecisionType::CapitalProfile),
        (Role::CIO, "cio.x", symbols(&["BTCUSDT"]), DecisionType::SymbolUniverse),
        (Role::CIO, "cio.x", symbols(&[]), DecisionType::SymbolUniverse),
        (Role::CFO, "cfo.x", cashflow(0.6, 0.25, 0.15), DecisionType::Cashflow),
    ];
    for (role, rule, value, expected) in table {
        let mut story = Story::new();
        let ruling = story.snapshot().says(set(&role, rule, value.clone())).rule();
        assert_eq!(types(&ruling), [expected], "{value:?}");
        assert_eq!(story.ledger.effective.get(value.kind()), value);
        let again = story.snapshot().says(set(&role, rule, value.clone())).rule();
        assert_eq!(types(&again), [], "{value:?}");
    }
}

#[test]
fn what_has_no_order_applies_at_once() {
    let mut story = Story::new();
    let weights = Allocation {
        model_weights: [("a".to_owned(), Fraction::lit(0.25)), ("b".to_owned(), Fraction::lit(0.75))].into(),
        active_strategies: vec!["a".to_owned(), "b".to_owned()],
    };
    let ruling =
        story.model().says(set(&Role::CIO, "cio.rebalance", Value::Allocation(weights.into()))).rule();
    assert_eq!(types(&ruling), [DecisionType::StrategyAllocation]);
    let same_reinvest = Cashflow {
        profit_lock_pct: Fraction::lit(0.35),
        reinvest_pct: Fraction::lit(0.6),
        reserve_buffer_pct: Fraction::lit(0.05),
    };
    let ruling = story.snapshot().says(set(&Role::CFO, "cfo.x", Value::Cashflow(same_reinvest))).rule();
    assert_eq!(types(&ruling), [DecisionType::Cashflow]);
}
