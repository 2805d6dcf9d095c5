//! No rule, no kind of refusal and no type of decision without a script that shows it.

use std::collections::BTreeSet;
use std::path::Path;

use proto::decision::{Decision, DecisionType};
use proto::id::Role;
use proto::ruling::{Finding, Ruling};

use crate::TOLD;

/// The names of all refusals.
const REFUSALS: [&str; 14] = [
    "invalid",
    "outranked",
    "senior-tightens",
    "held",
    "manual-hold",
    "guardian-absent",
    "stale-input",
    "suspect-input",
    "unconfirmed",
    "cooling-down",
    "vetoed",
    "needs-review",
    "needs-approver",
    "needs-second-person",
];

fn rulings() -> impl Iterator<Item = &'static Ruling> {
    TOLD.iter().flat_map(|told| &told.steps).flat_map(|step| &step.rulings)
}

/// Every rule id that stands in the source of a role: a rule that nobody can forget to list.
fn rules_of_roles() -> BTreeSet<String> {
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../roles");
    let mut rules = BTreeSet::new();
    for role in Role::ALL {
        for entry in std::fs::read_dir(roles.join(role.as_str()).join("src")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let ids = text.split("RuleId::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
            let own = format!("{role}.");
            rules.extend(ids.filter(|id| id.starts_with(&own)).map(str::to_owned));
        }
    }
    rules
}

#[test]
fn every_rule_moves_something_in_some_script() {
    let rules = rules_of_roles();
    assert!(rules.len() > 30, "the rules were not found: {rules:?}");
    let mut shown = BTreeSet::new();
    for ruling in rulings() {
        shown.extend(ruling.decisions.iter().map(|decision| decision.rule.to_string()));
        shown.extend(ruling.after.holds.values().map(|hold| hold.cause.to_string()));
    }
    let missing: Vec<&String> = rules.difference(&shown).collect();
    assert!(missing.is_empty(), "no script shows {missing:?}");
}

#[test]
fn every_kind_of_refusal_is_in_some_script() {
    let mut shown = BTreeSet::new();
    for outcome in rulings().flat_map(|ruling| &ruling.outcomes) {
        if let Finding::Refused { refusal } = &outcome.result {
            shown.insert(refusal.as_str());
        }
    }
    let missing: Vec<_> = REFUSALS.iter().filter(|name| !shown.contains(*name)).collect();
    assert!(missing.is_empty(), "no script shows {missing:?}");
}

#[test]
fn every_type_of_decision_is_in_some_script() {
    let decisions = rulings().flat_map(|ruling| &ruling.decisions);
    let shown: BTreeSet<_> = decisions.map(Decision::decision_type).collect();
    let missing: Vec<_> = DecisionType::ALL.iter().filter(|kind| !shown.contains(kind)).collect();
    assert!(missing.is_empty(), "no script shows {missing:?}");
}
