//! Compares what happened with what a script expects.

use proto::decision::Decision;
use proto::ruling::{Finding, Outcome};

use crate::play::Played;
use crate::script::{Expected, Script, Step};
use crate::tell::plain;
use crate::words::number;

/// Where a script and what happened differ, with the line.
pub(crate) fn differences(script: &Script, played: &[Played]) -> Vec<String> {
    let steps = script.steps.iter().zip(played);
    steps.flat_map(|(step, played)| [decisions(step, played), others(step, played)].concat()).collect()
}

fn decisions(step: &Step, played: &Played) -> Vec<String> {
    let decided: Vec<&Decision> = played.rulings.iter().flat_map(|ruling| &ruling.decisions).collect();
    let expected = step.expected.iter().filter_map(|(line, expected)| match expected {
        Expected::Decision { what, rule, fields } => Some((line, what, rule, fields)),
        Expected::Refused { .. } | Expected::Unchanged { .. } | Expected::Holds { .. } => None,
    });
    let expected: Vec<_> = expected.collect();
    let mut found = Vec::new();
    for (nth, (line, what, rule, fields)) in expected.iter().enumerate() {
        match decided.get(nth) {
            Some(seen) if seen.decision_type().as_str() == *what && seen.rule.as_str() == *rule => {
                let wrong = fields.iter().filter_map(|(name, value)| field(seen, name, value));
                found.extend(wrong.map(|wrong| format!("{line}: {what}: {wrong}")));
            }
            Some(seen) => found.push(format!("{line}: expected {what} {rule}, decided {}", plain(seen))),
            None => found.push(format!("{line}: expected {what} {rule}, nothing more was decided")),
        }
    }
    let unexpected = decided.iter().skip(expected.len());
    found.extend(unexpected.map(|seen| format!("{}: not expected: {}", step.line, plain(seen))));
    found
}

/// What is wrong with a field of a decision's payload; numbers compare as numbers, lists by their items.
fn field(decision: &Decision, name: &str, expected: &str) -> Option<String> {
    let payload = serde_json::to_value(&decision.payload).unwrap();
    let seen = &payload["payload"][name];
    let same = match seen {
        serde_json::Value::Number(seen) => seen.as_f64() == number(expected),
        serde_json::Value::String(seen) => seen == expected,
        serde_json::Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(serde_json::Value::as_str).collect();
            items.join("+") == expected || expected.parse() == Ok(items.len())
        }
        serde_json::Value::Null => expected == "null",
        serde_json::Value::Bool(seen) => expected.parse() == Ok(*seen),
        serde_json::Value::Object(_) => false,
    };
    (!same).then(|| format!("{name} is {seen}, expected {expected}"))
}

fn others(step: &Step, played: &Played) -> Vec<String> {
    let outcomes: Vec<&Outcome> = played.rulings.iter().flat_map(|ruling| &ruling.outcomes).collect();
    let of = |rule: &str| {
        let of_rule = outcomes.iter().filter(|outcome| outcome.proposal.rule.as_str() == rule);
        of_rule.map(|outcome| &outcome.result).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for (line, expected) in &step.expected {
        match expected {
            Expected::Decision { .. } => {}
            Expected::Refused { rule, why } => {
                let results = of(rule);
                let refused = results.iter().any(|result| match result {
                    Finding::Refused { refusal } => refusal.as_str() == why,
                    Finding::Decided { .. } | Finding::Unchanged => false,
                });
                if !refused {
                    found.push(format!("{line}: {rule} was not refused {why}: {results:?}"));
                }
            }
            Expected::Unchanged { rule } => {
                let results = of(rule);
                if !results.iter().any(|result| matches!(result, Finding::Unchanged)) {
                    found.push(format!("{line}: {rule} was not unchanged: {results:?}"));
                }
            }
            Expected::Holds { causes } => {
                let holds = played.ledger.iter().flat_map(|ledger| ledger.holds.values());
                let mut standing: Vec<&str> = holds.map(|hold| hold.cause.as_str()).collect();
                standing.sort_unstable();
                let mut causes: Vec<&str> = causes.iter().map(String::as_str).collect();
                causes.sort_unstable();
                if standing != causes {
                    found.push(format!("{line}: holds that stand: {standing:?}, expected {causes:?}"));
                }
            }
        }
    }
    found
}
