//! What the CIO does over days of events.

use proptest::prelude::*;
use proto::event::{Body, ModelPerformance, Snapshot};
use proto::number::{Fraction, Ratio};
use proto::proposal::{Ask, Proposal};
use proto::regressions;
use proto::testing::laws::usual;
use proto::testing::{self, MONDAY, any, model, morning, snapshot};
use proto::time::{Period, Time};
use proto::value::{Allocation, Value};

use crate::{Cio, EXPAND, Memory};

type Story = testing::Story<Cio>;

const KNOWN: [&str; 4] = ["xgboost", "lightgbm", "nhits", "patchtst"];

fn results(name: &str, sharpe: f64, win_rate: f64) -> Body {
    let (sharpe_ratio, win_rate) = (Some(Ratio::lit(sharpe)), Some(Fraction::lit(win_rate)));
    Body::Model(ModelPerformance { sharpe_ratio, win_rate, ..model(name) })
}

fn allocation(proposals: &[Proposal]) -> &Allocation {
    let [Proposal { ask: Ask::Set { value: Value::Allocation(allocation), .. }, .. }] = proposals else {
        panic!("{proposals:?}")
    };
    allocation
}

fn weights(allocation: &Allocation) -> Vec<(&str, f64)> {
    allocation.model_weights.iter().map(|(model, weight)| (model.as_str(), weight.get())).collect()
}

/// All four heard at this time, with equal results; whatever is asked is granted.
fn all_equal(at: Time) -> Story {
    let mut story = Story::default();
    for name in KNOWN {
        story.tell_and_grant(at, results(name, 1.0, 0.5));
    }
    story
}

#[test]
fn a_first_snapshot_in_deep_drawdown_leaves_three_symbols_for_as_long_as_it_lasts() {
    let mut story = Story::default();
    let deep = Snapshot { drawdown_pct: Fraction::lit(0.12), ..snapshot() };
    let first = story.tell_and_grant(MONDAY, Body::Snapshot(deep.clone()));
    let granted = story.ledger.owned.symbols.clone();
    assert_eq!(granted.active_symbols, ["BTCUSDT", "ETHUSDT", "BNBUSDT"]);
    for again in 1..100 {
        let at = MONDAY.after(Period::from_secs(5 * again));
        assert_eq!(story.tell_and_grant(at, Body::Snapshot(deep.clone())), first);
        assert_eq!(story.ledger.owned.symbols, granted);
    }
}

#[test]
fn h35_what_was_not_granted_is_proposed_again_and_what_was_is_not() {
    let mut story = Story::default();
    let well = Snapshot {
        drawdown_pct: Fraction::lit(0.01),
        win_rate_today: Some(Fraction::lit(0.7)),
        ..snapshot()
    };
    for _ in 0..10 {
        assert_eq!(story.tell(MONDAY, Body::Snapshot(well.clone()))[0].rule, EXPAND);
    }
    story.tell_and_grant(MONDAY, Body::Snapshot(well.clone()));
    assert_eq!(story.ledger.owned.symbols.active_symbols.len(), 8);
    assert_eq!(story.tell(MONDAY, Body::Snapshot(well)), []);
}

#[test]
fn weights_wait_until_all_known_models_were_heard() {
    let mut story = Story::default();
    for name in ["xgboost", "lightgbm", "nhits"] {
        assert_eq!(story.tell(MONDAY, results(name, 2.0, 0.6)), []);
    }
    let proposals = story.tell(MONDAY, results("patchtst", 1.0, 0.5));
    assert_eq!(
        weights(allocation(&proposals)),
        [("lightgbm", 0.2894), ("nhits", 0.2895), ("patchtst", 0.1316), ("xgboost", 0.2895)]
    );
    assert_eq!(allocation(&proposals).active_strategies, ["lightgbm", "nhits", "patchtst", "xgboost"]);
    assert_eq!(proposals[0].reason(), "[cio.rebalance] weight_move_pct 28.95 % > 5 %; models 4");
}

#[test]
fn weights_wait_while_a_model_has_not_been_heard_for_a_week() {
    let mut story = all_equal(MONDAY);
    assert_eq!(story.tell(morning(8), results("nhits", 9.0, 0.9)), [], "three of four are old");
    let mut story = all_equal(MONDAY);
    assert_ne!(story.tell(morning(7), results("nhits", 9.0, 0.9)), [], "just fresh enough");
}

#[test]
fn small_moves_are_not_worth_a_decision() {
    let mut story = all_equal(MONDAY);
    let granted = story.ledger.owned.allocation.clone();
    assert_eq!(weights(&granted).iter().map(|(_, weight)| weight).sum::<f64>(), 1.0);
    assert_eq!(story.tell(MONDAY, results("nhits", 1.2, 0.5)), []);
    let proposals = story.tell(MONDAY, results("nhits", 1.4, 0.5));
    assert_eq!(weights(allocation(&proposals))[1], ("nhits", 0.3181));
}

#[test]
fn incomplete_results_change_nothing() {
    let mut story = all_equal(MONDAY);
    let half = ModelPerformance { sharpe_ratio: Some(Ratio::lit(9.0)), ..model("nhits") };
    assert_eq!(story.tell(MONDAY, Body::Model(half)), []);
}

#[test]
fn h30_unknown_models_are_counted_and_never_weighted() {
    let mut story = Story::default();
    for name in ["alpha", "beta", "gamma", "delta"] {
        assert_eq!(story.tell(MONDAY, results(name, 5.0, 0.9)), [], "any four names are not the four");
    }
    for name in ["xgboost", "lightgbm", "nhits"] {
        assert_eq!(story.tell(MONDAY, results(name, 1.0, 0.5)), []);
    }
    let proposals = story.tell(MONDAY, results("patchtst", 1.0, 0.5));
    let weighted: Vec<&str> = allocation(&proposals).model_weights.keys().map(String::as_str).collect();
    assert_eq!(weighted, ["lightgbm", "nhits", "patchtst", "xgboost"]);
    assert!(proposals[0].reason().ends_with("unknown_models 4 > 0"), "{}", proposals[0].reason());
}

#[test]
fn memory_reads_back_as_it_was_written() {
    let story = all_equal(MONDAY);
    let written = serde_json::to_string(&story.memory).unwrap();
    assert_eq!(serde_json::from_str::<Option<Memory>>(&written).unwrap(), story.memory);
}

proptest! {
    #![proptest_config(usual(regressions!("stories")))]

    #[test]
    fn only_expand_asks_for_more_symbols_and_none_asks_for_nothing(
        told in proptest::collection::vec(any::bodies(&["xgboost", "lightgbm", "nhits", "patchtst", "other"]), 1..60)
    ) {
        let (mut story, mut twin) = (Story::default(), Story::default());
        for (hour, body) in (0..).zip(told) {
            let at = MONDAY.after(Period::from_hours(hour));
            let owned = story.ledger.owned.clone();
            let proposals = story.tell_and_grant(at, body.clone());
            prop_assert_eq!(&twin.tell_and_grant(at, body), &proposals, "same input, same output");
            for proposal in proposals {
                let Ask::Set { value, .. } = &proposal.ask else { panic!("{proposal:?}") };
                let loosens = value.is_looser_than(&owned.get(value.kind()));
                prop_assert_eq!(loosens, proposal.rule == EXPAND, "{}", proposal.reason());
                if let Value::Symbols(symbols) = value {
                    prop_assert!(!symbols.active_symbols.is_empty());
                }
            }
        }
    }
}
