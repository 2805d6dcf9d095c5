//! What is in effect, and what is told of it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::decision::{Author, DecisionType, Payload};
use proto::event::EventKind;
use proto::hold::{Hold, Standing};
use proto::ledger::Ledger;
use proto::proposal::{Ask, Bound};
use proto::regressions;
use proto::ruling::{Finding, Outcome, Ruling};
use proto::testing::laws::{law, usual};
use proto::value::Kind;

use super::{ended, released};
use crate::next_due;
use crate::testing::random::tales;

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p01_effective_is_never_looser_than_a_hold(tale in tales()) {
        tale.tell(|ruling| {
            for hold in ruling.after.holds.values() {
                if let Bound::Value { at } = &hold.bound {
                    assert!(!ruling.after.effective.get(at.kind()).is_looser_than(at), "{hold:?}");
                }
            }
            assert_eq!(ruling.after.effective.looser_than(&ruling.after.owned), [], "nor than what its owner set");
            freeze_is_the_worst_of_all(&ruling.after);
        });
    }

    #[test]
    fn p08_lifting_one_cause_lifts_only_that_cause(tale in tales()) {
        tale.tell(|ruling| {
            for hold in ended(ruling) {
                let why = [ran_out(ruling, hold), cleared(ruling, hold), by_order(ruling, hold), vetoed_anew(ruling, hold)];
                assert!(why.contains(&true), "{hold:?} ended for no reason of its own");
            }
            for (was, is) in stayed(ruling) {
                assert!(!is_laxer(is, was), "{was:?} stays as {is:?}");
            }
        });
    }
}

proptest! {
    #![proptest_config(usual(regressions!("properties")))]

    #[test]
    fn every_change_in_effect_is_told_and_nothing_else(tale in tales()) {
        tale.tell(|ruling| {
            for kind in Kind::ALL {
                let (was, is) = (ruling.before.effective.get(kind), ruling.after.effective.get(kind));
                let of = DecisionType::of_value(&is);
                let told = ruling.decisions.iter().filter(|decision| decision.decision_type() == of).count();
                assert!(told <= 1, "{kind} told {told} times");
                assert!(was == is || told == 1, "{kind} changed in silence");
                assert!(was != is || told == 0 || kind == Kind::Mode, "{kind} told without a change");
            }
            let ids: BTreeSet<_> = ruling.decisions.iter().map(|decision| decision.decision_id).collect();
            assert_eq!(ids.len(), ruling.decisions.len(), "each has an id of its own");
        });
    }

    #[test]
    fn a_freeze_is_told_when_trading_stops_and_a_lift_when_it_is_free(tale in tales()) {
        tale.tell(|ruling| {
            let freezes = ruling.decisions.iter().filter(|decision| decision.decision_type() == DecisionType::Freeze);
            let lifts: Vec<_> = ruling.decisions.iter().filter_map(|decision| {
                let Payload::ModeChange { lifts, .. } = &decision.payload else { return None };
                (!lifts.is_empty()).then_some(lifts)
            }).collect();
            match (&ruling.before.freeze, &ruling.after.freeze) {
                (None, Some(_)) => assert_eq!(freezes.count(), 1),
                (Some(_), Some(_)) => assert!(freezes.count() <= 1 && lifts.is_empty()),
                (Some(was), None) => assert_eq!((freezes.count(), lifts), (0, vec![&was.announced])),
                (None, None) => assert!(freezes.count() == 0 && lifts.is_empty()),
            }
        });
    }

    #[test]
    fn a_timer_is_never_due_in_the_past(tale in tales()) {
        tale.tell(|ruling| {
            if let Some(due) = next_due(&tale.terms, &ruling.after) {
                assert!(due > ruling.after.at);
            }
        });
    }
}

fn freeze_is_the_worst_of_all(ledger: &Ledger) {
    let freezes: Vec<&Hold> = ledger.holds.values().filter(|hold| hold.is_freeze()).collect();
    let Some(met) = &ledger.freeze else { return assert!(freezes.is_empty()) };
    assert!(!freezes.is_empty());
    for hold in freezes {
        let Bound::Freeze { severity, affected_subsystems } = &hold.bound else { unreachable!() };
        assert!(met.severity >= *severity && met.holds.contains(&hold.id), "{hold:?}");
        assert!(met.affected_subsystems.cover(affected_subsystems), "{hold:?}");
        assert!(met.requires_manual_review || !hold.requires_manual_review, "{hold:?}");
        assert!(met.until.is_none_or(|met| hold.until.is_some_and(|until| until <= met)), "{hold:?}");
    }
}

/// An operator's own duration ends on time; a role's hold only if its cause was seen to be gone.
fn ran_out(ruling: &Ruling, hold: &Hold) -> bool {
    let over = hold.duration.is_some() && hold.until.is_none_or(|until| until <= ruling.after.at);
    let said = |outcome: &Outcome| clears(&outcome.proposal.ask, hold);
    let gone = hold.standing != Standing::Present || ruling.outcomes.iter().any(said);
    over && (hold.owner == Author::Manual || gone)
}

/// Its owner said that this very cause is gone, and was believed.
fn cleared(ruling: &Ruling, hold: &Hold) -> bool {
    ruling.outcomes.iter().any(|outcome| {
        let refused = matches!(outcome.result, Finding::Refused { .. });
        outcome.proposal.author == hold.owner && clears(&outcome.proposal.ask, hold) && !refused
    })
}

fn clears(ask: &Ask, hold: &Hold) -> bool {
    let Ask::Clear { cause, kind } = ask else { return false };
    let bounded = match &hold.bound {
        Bound::Value { at } => Some(at.kind()),
        Bound::Freeze { .. } | Bound::Loosening => None,
    };
    hold.cause == *cause && (kind.is_none() || bounded == *kind)
}

/// An operator named it, or gave the order that it came from anew.
fn by_order(ruling: &Ruling, hold: &Hold) -> bool {
    if ruling.event.kind() != EventKind::Command {
        return false;
    }
    let obeyed = |outcome: &Outcome| !matches!(outcome.result, Finding::Refused { .. });
    let anew = |outcome: &Outcome| hold.owner == Author::Manual && outcome.proposal.rule == hold.cause;
    let named = released(&ruling.event.body).contains(&hold.id);
    ruling.outcomes.iter().any(|outcome| obeyed(outcome) && (named || anew(outcome)))
}

/// The reviewer holds the same again, no looser.
fn vetoed_anew(ruling: &Ruling, hold: &Hold) -> bool {
    let Bound::Value { at } = &hold.bound else { return false };
    ruling.after.holds.values().any(|other| {
        let same = other.cause == hold.cause && other.owner == hold.owner && other.id != hold.id;
        same && matches!(&other.bound, Bound::Value { at: anew } if anew.kind() == at.kind() && !anew.is_looser_than(at))
    })
}

/// The holds of roles that stand before and after.
fn stayed(ruling: &Ruling) -> impl Iterator<Item = (&Hold, &Hold)> {
    let before = ruling.before.holds.values().filter(|hold| hold.owner != Author::Manual);
    before.filter_map(|was| Some((was, ruling.after.holds.get(&was.id)?)))
}

fn is_laxer(is: &Hold, was: &Hold) -> bool {
    let bound = match (&was.bound, &is.bound) {
        (Bound::Value { at: was }, Bound::Value { at: is }) => is.is_looser_than(was),
        (
            Bound::Freeze { severity: was, affected_subsystems: some },
            Bound::Freeze { severity: is, affected_subsystems: all },
        ) => is < was || !all.cover(some),
        (was, is) => was != is,
    };
    let unreviewed = was.requires_manual_review && !is.requires_manual_review;
    // A timed hold that stands for want of a judge has no end until there is one.
    let waits = was.duration.is_some() && was.until.is_none();
    let sooner = !waits && is.until.is_some_and(|is| was.until.is_none_or(|was| is < was));
    bound || unreviewed || sooner
}
