//! What the tales reach: a law that is only ever told dull ones shows nothing.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proto::decision::DecisionType;
use proto::ruling::{Finding, Refusal, Ruling};

use crate::testing::random::tales;

/// How many tales are told, always the same ones.
const TALES: usize = 2000;
/// Every reason for which a proposal is not taken.
const REFUSALS: [&str; 14] = [
    "cooling-down",
    "guardian-absent",
    "held",
    "invalid",
    "manual-hold",
    "needs-approver",
    "needs-review",
    "needs-second-person",
    "outranked",
    "senior-tightens",
    "stale-input",
    "suspect-input",
    "unconfirmed",
    "vetoed",
];
/// What time does.
const BY_TIME: [&str; 5] = [
    "ended: its time ran out",
    "ended: its time ran out and its cause is gone",
    "extended: its cause stands",
    "extended: its cause was not seen to end",
    "stands: nobody could say that its cause is gone",
];

#[test]
fn tales_reach_every_decision_every_refusal_and_all_that_time_does() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..TALES {
        let tale = tales().new_tree(&mut runner).unwrap().current();
        tale.tell(|ruling| reached.extend(told(ruling)));
    }
    let types = DecisionType::ALL.map(DecisionType::as_str);
    let all = types.into_iter().chain(REFUSALS).chain(BY_TIME);
    let missed: Vec<&str> = all.filter(|what| !reached.contains(*what)).collect();
    assert_eq!(missed, Vec::<&str>::new(), "of {reached:?}");
}

fn told(ruling: &Ruling) -> impl Iterator<Item = String> {
    let types = ruling.decisions.iter().map(|decision| decision.decision_type().to_string());
    let by_time = ruling.decisions.iter().filter_map(|decision| {
        let (_, what) = decision.reason.split_once("] ")?;
        Some(what.trim_start_matches(|c: char| c.is_ascii_uppercase() || c == ' ').to_owned())
    });
    let refusals = ruling.outcomes.iter().filter_map(|outcome| match &outcome.result {
        Finding::Refused { refusal } => Some(why(refusal)),
        Finding::Decided { .. } | Finding::Unchanged => None,
    });
    types.chain(by_time).chain(refusals)
}

fn why(refusal: &Refusal) -> String {
    serde_json::to_value(refusal).unwrap()["why"].as_str().unwrap().to_owned()
}
