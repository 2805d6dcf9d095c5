//! Scores of models, and the weights that follow from them.
//!
//! Weights are counted in whole steps of a hundredth of a percent, so that they add up to one exactly and a move of
//! five points is five points, which sums of decimals are not.

use std::collections::BTreeMap;

use proto::number::Fraction;
use proto::value::Allocation;

use crate::memory::Results;
use crate::policy::Rebalance;

/// Steps in the whole: a weight is a multiple of 0.01 %.
const WHOLE: u32 = 10_000;
/// The largest score: one absurd result must not make all others nothing.
const MAX_SCORE: f64 = 100.0;

/// What a model is worth: its Sharpe ratio, and how much its win rate is better or worse than even.
pub(crate) fn score(policy: &Rebalance, results: &Results) -> f64 {
    let edge = results.win_rate.minus(policy.even_win_rate).get();
    let score = results.sharpe_ratio.get() + policy.win_rate_factor.get() * edge;
    score.max(policy.score_floor.get()).min(MAX_SCORE)
}

/// Weights in proportion to scores, which are positive; in steps that add up to [`WHOLE`]. What rounding adds or
/// leaves over is the best one's.
fn steps(scores: &BTreeMap<&str, f64>) -> BTreeMap<String, u32> {
    let sum: f64 = scores.values().sum();
    let mut steps: BTreeMap<String, u32> = scores
        .iter()
        .map(|(model, score)| ((*model).to_owned(), (f64::from(WHOLE) * score / sum).round() as u32))
        .collect();
    let rounded: u32 = steps.values().sum();
    if let Some(best) = steps.values_mut().reduce(|best, next| if *next > *best { next } else { best }) {
        *best = (*best + WHOLE).saturating_sub(rounded);
    }
    steps
}

/// The allocation for these scores. Active is what has at least `active_pct` of the whole.
pub(crate) fn allocation(scores: &BTreeMap<&str, f64>, active_pct: Fraction) -> Allocation {
    let steps = steps(scores);
    let least = in_steps(active_pct);
    let active_strategies =
        steps.iter().filter(|(_, weight)| **weight >= least).map(|(model, _)| model.clone()).collect();
    let model_weights = steps.into_iter().map(|(model, weight)| (model, share(weight))).collect();
    Allocation { model_weights, active_strategies }
}

/// The largest move of any model's weight from one allocation to another; a model that is not named has none.
pub(crate) fn largest_move(from: &Allocation, to: &Allocation) -> Fraction {
    let weight = |allocation: &Allocation, model: &String| {
        allocation.model_weights.get(model).map_or(0, |weight| in_steps(*weight))
    };
    let models = from.model_weights.keys().chain(to.model_weights.keys());
    let largest = models.map(|model| weight(from, model).abs_diff(weight(to, model))).max();
    share(largest.unwrap_or(0))
}

/// A share in the nearest steps.
fn in_steps(share: Fraction) -> u32 {
    (share.get().clamp(0.0, 1.0) * f64::from(WHOLE)).round() as u32
}

fn share(steps: u32) -> Fraction {
    Fraction::lit(f64::from(steps) / f64::from(WHOLE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::number::Ratio;
    use proto::regressions;
    use proto::testing::MONDAY;
    use proto::testing::laws::usual;

    use super::*;

    const ACTIVE: Fraction = Fraction::lit(0.1);

    fn of(sharpe: f64, win_rate: f64) -> f64 {
        let results =
            Results { at: MONDAY, sharpe_ratio: Ratio::lit(sharpe), win_rate: Fraction::lit(win_rate) };
        score(&Rebalance::default(), &results)
    }

    fn weights(of: &Allocation) -> Vec<(&str, f64)> {
        of.model_weights.iter().map(|(model, weight)| (model.as_str(), weight.get())).collect()
    }

    #[test]
    fn a_score_is_sharpe_and_what_the_win_rate_is_better_or_worse_than_half() {
        let table = [
            (1.5, 0.5, 1.5),
            (1.5, 0.75, 2.0),
            (1.5, 0.25, 1.0),
            (0.0, 0.5, 0.1),
            (-3.0, 0.9, 0.1),
            (1e300, 0.5, 100.0),
        ];
        for (sharpe, win_rate, expected) in table {
            assert_eq!(of(sharpe, win_rate), expected, "{sharpe} {win_rate}");
        }
    }

    #[test]
    fn h30_the_floor_is_on_the_score_and_a_win_rate_of_zero_costs() {
        assert_eq!(of(1.5, 0.0), 0.5);
        let scores = BTreeMap::from([("a", of(2.4, 0.5)), ("b", of(-1.0, 0.0))]);
        let allocation = allocation(&scores, ACTIVE);
        assert_eq!(weights(&allocation), [("a", 0.96), ("b", 0.04)], "no promise of ten percent");
        assert_eq!(allocation.active_strategies, ["a"]);
    }

    #[test]
    fn what_rounding_adds_or_leaves_over_is_the_best_ones() {
        let thirds = allocation(&BTreeMap::from([("a", 1.0), ("b", 1.0), ("c", 1.0)]), ACTIVE);
        assert_eq!(weights(&thirds), [("a", 0.3334), ("b", 0.3333), ("c", 0.3333)]);
        let best_last = allocation(&BTreeMap::from([("a", 1.0), ("b", 2.0)]), ACTIVE);
        assert_eq!(weights(&best_last), [("a", 0.3333), ("b", 0.6667)]);
        let too_much = allocation(&BTreeMap::from([("a", 2.2), ("b", 2.2), ("c", 2.2), ("d", 1.0)]), ACTIVE);
        assert_eq!(weights(&too_much), [("a", 0.2894), ("b", 0.2895), ("c", 0.2895), ("d", 0.1316)]);
    }

    #[test]
    fn a_model_is_active_from_the_threshold_on() {
        let scores = BTreeMap::from([("a", 9.0), ("b", 1.0)]);
        assert_eq!(allocation(&scores, ACTIVE).active_strategies, ["a", "b"]);
        assert_eq!(allocation(&scores, Fraction::lit(0.1001)).active_strategies, ["a"]);
    }

    #[test]
    fn a_move_is_the_largest_of_any_model_and_absent_is_zero() {
        let of = |weights: &[(&str, f64)]| Allocation {
            model_weights: weights
                .iter()
                .map(|(model, weight)| ((*model).to_owned(), Fraction::lit(*weight)))
                .collect(),
            active_strategies: Vec::new(),
        };
        let table = [
            (of(&[]), of(&[("a", 1.0)]), 1.0),
            (of(&[("a", 0.15), ("b", 0.85)]), of(&[("a", 0.2), ("b", 0.8)]), 0.05),
            (of(&[("gone", 0.4), ("b", 0.6)]), of(&[("a", 0.3), ("b", 0.7)]), 0.4),
            (of(&[]), of(&[]), 0.0),
        ];
        for (from, to, expected) in table {
            assert_eq!(largest_move(&from, &to), Fraction::lit(expected));
        }
    }

    proptest! {
        #![proptest_config(usual(regressions!("score")))]

        #[test]
        fn weights_add_up_to_one(scores in proptest::collection::btree_map("[a-f]", 0.1..=MAX_SCORE, 1..6)) {
            let scores: BTreeMap<&str, f64> =
                scores.iter().map(|(model, score)| (model.as_str(), *score)).collect();
            prop_assert_eq!(steps(&scores).values().sum::<u32>(), WHOLE);
            let sum: f64 = allocation(&scores, ACTIVE).model_weights.values().map(|weight| weight.get()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
        }
    }
}
