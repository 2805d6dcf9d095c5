//! Every decision of every ruling that counts is once in Redis and once in DECISIONS, in order per portfolio, and nothing else
//! is; and what is in effect there is what the last ruling says.
//!
//! Where Redis was rolled back this is about the history that it went on with: the copy that it was started from, and all
//! that came after. What was told between the copy and the kill is told again there, under the same ids.

use std::collections::{BTreeMap, BTreeSet};

use proto::decision::Decision;
use proto::effective::Effective;
use proto::id::{DecisionId, PortfolioId};
use proto::ruling::Ruling;

use super::Matter;

type ByPortfolio = BTreeMap<PortfolioId, Vec<DecisionId>>;

pub(super) fn check(matter: &Matter<'_>) -> Vec<String> {
    let rulings = &matter.read.rulings;
    let decided = by_portfolio(rulings.iter().flat_map(|ruling| &ruling.decisions));
    // A freeze that was told without its ruling may stand before what was decided before it.
    let early: BTreeSet<DecisionId> = matter
        .sent
        .frozen
        .iter()
        .filter(|frozen| frozen.stopped)
        .filter_map(|frozen| frozen.decision)
        .collect();
    let mut wrong = compare("Redis", &decided, by_portfolio(&matter.tape.redis.told), &early);
    wrong.extend(compare("DECISIONS", &decided, by_portfolio(&matter.read.decisions), &BTreeSet::new()));
    wrong.extend(in_effect(matter));
    wrong
}

fn by_portfolio<'a>(decisions: impl IntoIterator<Item = &'a Decision>) -> ByPortfolio {
    let mut by_portfolio = ByPortfolio::new();
    for decision in decisions {
        by_portfolio.entry(decision.portfolio.clone()).or_default().push(decision.decision_id);
    }
    by_portfolio
}

fn compare(
    place: &str,
    decided: &ByPortfolio,
    mut told: ByPortfolio,
    early: &BTreeSet<DecisionId>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (portfolio, decided) in decided {
        let told = told.remove(portfolio).unwrap_or_default();
        wrong.extend(compare_one(place, portfolio, decided, &told, early));
    }
    let strange = told.into_iter().filter(|(_, ids)| !ids.is_empty());
    wrong
        .extend(strange.map(|(portfolio, ids)| {
            format!("{place} has decisions of {portfolio}, which has none: {ids:?}")
        }));
    wrong
}

fn compare_one(
    place: &str,
    portfolio: &PortfolioId,
    decided: &[DecisionId],
    told: &[DecisionId],
    early: &BTreeSet<DecisionId>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<DecisionId, u64> = BTreeMap::new();
    for id in told {
        *seen.entry(*id).or_default() += 1;
    }
    for id in decided {
        match seen.remove(id) {
            Some(1) => {}
            Some(count) => wrong.push(format!("{place} has decision {id} of {portfolio} {count} times")),
            None => wrong.push(format!("{place} lacks decision {id} of {portfolio}")),
        }
    }
    wrong.extend(
        seen.keys().map(|id| format!("{place} has decision {id} of {portfolio}, which nobody decided")),
    );
    let in_order = |ids: &[DecisionId]| -> Vec<DecisionId> {
        ids.iter().filter(|id| !early.contains(id)).copied().collect()
    };
    if wrong.is_empty() && in_order(decided) != in_order(told) {
        let first = in_order(decided).into_iter().zip(in_order(told)).find(|(decided, told)| decided != told);
        wrong.push(format!(
            "{place} has the decisions of {portfolio} in another order, first (decided, told): {first:?}"
        ));
    }
    wrong
}

/// The effective document of each portfolio is that of its last ruling.
fn in_effect(matter: &Matter<'_>) -> Vec<String> {
    let mut last: BTreeMap<&PortfolioId, &Ruling> = BTreeMap::new();
    for ruling in &matter.read.rulings {
        last.insert(&ruling.portfolio, ruling);
    }
    let mut wrong = Vec::new();
    for (portfolio, ruling) in last {
        let expected = serde_json::to_value(Effective::from(&ruling.after)).unwrap_or_default();
        match matter.tape.redis.documents.get(portfolio) {
            Some(document) if *document == expected => {}
            Some(document) => wrong.push(format!(
                "the document of {portfolio} is that of ruling {}, not of {}",
                document["ruling"], ruling.version
            )),
            None => wrong.push(format!("{portfolio} has no effective document")),
        }
    }
    wrong
}
