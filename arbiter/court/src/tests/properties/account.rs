//! Every proposal accounted for, every event counted once, every ruling recomputed.

use proptest::prelude::*;
use proptest::sample::Index;
use proto::decision::{Author, Decision, Payload};
use proto::event::EventKind;
use proto::hold::Hold;
use proto::id::DecisionId;
use proto::ledger::Ruled;
use proto::proposal::Proposal;
use proto::regressions;
use proto::ruling::{Finding, Heard, Outcome, Refusal, Ruling};
use proto::testing::laws::law;
use proto::wire::Message;
use serde_json::Value;

use crate::testing::random::{ruled, tales};
use crate::{already_ruled, audit};

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p04_a_proposal_is_exactly_one_of_three(tale in tales()) {
        tale.tell(|ruling| {
            let by_roles: Vec<&Proposal> = asked_by_roles(ruling).collect();
            let by_hand = usize::from(ruling.event.kind() == EventKind::Command);
            let answered: Vec<&Proposal> = ruling.outcomes.iter().map(|outcome| &outcome.proposal).collect();
            assert_eq!(answered[by_hand..], by_roles, "each is answered once, in its place");
            assert!(answered[..by_hand].iter().all(|proposal| proposal.author == Author::Manual));
            for decision in named(ruling) {
                assert!(ruling.decisions.iter().any(|told| told.decision_id == decision), "{decision} was not told");
            }
            for decision in &ruling.decisions {
                assert!(is_explained(ruling, decision), "{decision:?} comes from nobody");
            }
        });
    }

    #[test]
    fn p05_the_same_again_gives_the_same_bytes(tale in tales()) {
        let (step, matter, ruling) = tale.end();
        let bytes = ruling.to_bytes().unwrap();
        prop_assert_eq!(&ruled(&tale.terms, matter, step).to_bytes().unwrap(), &bytes);
        prop_assert_eq!(&Ruling::from_bytes(&bytes).unwrap(), &ruling, "and a ruling reads back as it was");
    }

    #[test]
    fn p06_no_event_counts_twice(tale in tales()) {
        let mut seen = Vec::new();
        tale.tell(|ruling| {
            assert!(!already_ruled(&ruling.before, &ruling.event), "a new event is new");
            seen.push(ruling.event.clone());
            // Everything that the ledger can still remember is known, and so is not ruled again.
            for event in seen.iter().rev().take(Ruled::RECENT) {
                assert!(already_ruled(&ruling.after, event), "{event:?}");
            }
        });
    }

    #[test]
    fn p09_a_ruling_is_recomputed_from_itself_alone(tale in tales()) {
        let (_, _, ruling) = tale.end();
        prop_assert_eq!(audit(&ruling), Ok(()));
    }

    #[test]
    fn p09_whatever_is_changed_in_a_ruling_is_found(tale in tales(), part in 0_usize..3, leaf in any::<Index>()) {
        let (_, _, ruling) = tale.end();
        let mut forged = serde_json::to_value(&ruling).unwrap();
        let mut leaves = Vec::new();
        collect(&mut forged[["after", "decisions", "outcomes"][part]], &mut leaves);
        if leaves.is_empty() {
            return Ok(());
        }
        let place = leaf.index(leaves.len());
        change(leaves.swap_remove(place));
        // What no longer reads as a ruling needs no audit.
        if let Ok(forged) = serde_json::from_value::<Ruling>(forged) && forged != ruling {
            prop_assert!(audit(&forged).is_err(), "{forged:?}");
        }
    }
}

fn asked_by_roles(ruling: &Ruling) -> impl Iterator<Item = &Proposal> {
    ruling.hearing.roles.values().flat_map(|heard| match heard {
        Heard::Verdict { verdict, .. } => verdict.proposals.as_slice(),
        Heard::Absent { .. } => &[],
    })
}

/// The decisions that outcomes name.
fn named(ruling: &Ruling) -> impl Iterator<Item = DecisionId> {
    ruling.outcomes.iter().filter_map(|outcome| match &outcome.result {
        Finding::Decided { decision } => Some(*decision),
        Finding::Refused { refusal: Refusal::Vetoed { decision, .. } } => Some(*decision),
        Finding::Refused { .. } | Finding::Unchanged => None,
    })
}

/// Whether a decision comes from a proposal that was taken, from a veto, or from time: a hold that ran out or was
/// extended, a timed mode.
fn is_explained(ruling: &Ruling, decision: &Decision) -> bool {
    let by_time = |hold: &Hold| hold.cause == decision.rule && hold.owner == decision.role_source;
    // One order may move more than its outcome names: limits, and the freeze that it releases. So may a veto: what it
    // holds has no end any more.
    let by_outcome = |outcome: &Outcome| match &outcome.result {
        Finding::Refused { refusal: Refusal::Vetoed { rule, .. } } => *rule == decision.rule,
        Finding::Refused { .. } => false,
        // Of a proposal that tightens some fields and loosens others the first part is granted at once, and a veto of the
        // second is told by its OVERRIDE alone.
        Finding::Decided { decision: granted } if overrides(decision, *granted) => true,
        Finding::Decided { .. } | Finding::Unchanged => {
            outcome.proposal.rule == decision.rule && outcome.proposal.author == decision.role_source
        }
    };
    ruling.outcomes.iter().any(by_outcome)
        || decision.rule.as_str() == "court.timed-mode"
        || ruling.before.holds.values().any(by_time)
}

fn overrides(decision: &Decision, granted: DecisionId) -> bool {
    matches!(&decision.payload, Payload::Override { overridden_decision_id, .. } if *overridden_decision_id == granted)
}

/// Every number, word and truth in a document.
fn collect<'v>(value: &'v mut Value, leaves: &mut Vec<&'v mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| collect(item, leaves)),
        Value::Object(fields) => fields.values_mut().for_each(|field| collect(field, leaves)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => leaves.push(value),
    }
}

fn change(leaf: &mut Value) {
    *leaf = match leaf {
        Value::Bool(is) => Value::Bool(!*is),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Value::from(number + 1),
            None => Value::from(number.as_f64().unwrap() / 2.0),
        },
        Value::String(text) => Value::from(changed(text)),
        Value::Null | Value::Array(_) | Value::Object(_) => Value::from(1),
    };
}

/// Another text that may still be read as what it was: the last digit or letter is another one.
fn changed(text: &str) -> String {
    let mut text = text.to_owned();
    let last = match text.pop() {
        Some('0') | None => '1',
        Some(last) if last.is_ascii_digit() => '0',
        Some('a') => 'b',
        Some(_) => 'a',
    };
    text.push(last);
    text
}
