//! What is lost or late: verdicts, roles, reviews, order.

use proptest::prelude::*;
use proptest::sample::Index;
use proto::decision::{Author, DecisionType};
use proto::event::EventKind;
use proto::id::Role;
use proto::proposal::Ask;
use proto::regressions;
use proto::ruling::{Finding, Heard, Ruling};
use proto::terms::Terms;
use proto::testing::laws::{law, usual};
use proto::value::Kind;

use super::{ended, ended_of_roles, looser_but_by_hand};
use crate::testing::random::{Step, Tale, ruled, tales, without};
use crate::{Deliberation, Judgement, Matter, Voice, Voices, heard};

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p02_the_order_of_arrival_changes_nothing(tale in tales(), picks in proptest::collection::vec(any::<Index>(), 7)) {
        let (_, matter, ruling) = tale.end();
        let mut waiting = heard(&tale.terms, &matter.hearing);
        let places = picks.iter().take(waiting.len());
        let arrived: Vec<Voice<'_>> = places.map(|pick| waiting.swap_remove(pick.index(waiting.len()))).collect();
        prop_assert_eq!(arrived.len(), matter.hearing.roles.len());
        let mut ledger = matter.before.clone();
        let voices = Voices::on(&tale.terms, &matter.event, &matter.before, arrived);
        let deliberation = Deliberation::open(&tale.terms, &matter.event, &mut ledger, &voices);
        let Judgement { findings, decisions, .. } = deliberation.close(matter.hearing.review.as_ref());
        let outcomes = voices.outcomes(findings);
        prop_assert_eq!(matter.ruled(&tale.terms, outcomes, decisions, ledger), ruling);
    }

    #[test]
    fn p03_a_lost_verdict_never_loosens(tale in tales()) {
        let (step, matter, _) = tale.end();
        for role in matter.hearing.roles.keys() {
            let lost = ruled(&tale.terms, without(matter.clone(), role), step);
            for kind in lost.after.owned.looser_than(&lost.before.owned) {
                prop_assert!(!owns_alone(&tale.terms, role, kind), "{kind} without its owner {role}");
            }
            for hold in ended(&lost) {
                prop_assert!(hold.owner != Author::Role(role.clone()), "{hold:?} without its owner");
            }
            if tale.terms.seats[role].guardian {
                nothing_loosens(&lost)?;
            }
        }
    }

    #[test]
    fn p03_with_every_role_lost_nothing_loosens(tale in tales()) {
        let (step, matter, _) = tale.end();
        let nobody = Step { vetoes: None, ..step.clone() };
        let lost = matter.hearing.roles.keys().fold(matter.clone(), without);
        if matter.event.kind() != EventKind::Command {
            nothing_loosens(&ruled(&tale.terms, lost, &nobody))?;
        }
    }

    #[test]
    fn p03_a_lost_review_never_loosens(tale in tales()) {
        let (step, matter, _) = tale.end();
        let unseen = ruled(&tale.terms, matter, &Step { vetoes: None, ..step.clone() });
        for outcome in unseen.outcomes.iter().filter(|outcome| outcome.proposal.author != Author::Manual) {
            if let (Ask::Set { value, .. }, Finding::Decided { .. }) = (&outcome.proposal.ask, &outcome.result) {
                let kind = value.kind();
                let (was, is) = (unseen.before.owned.get(kind), unseen.after.owned.get(kind));
                prop_assert!(!is.is_looser_than(&was), "{outcome:?}");
            }
        }
    }

    #[test]
    fn p03_a_lost_event_leaves_what_is_in_force(tale in tales(), lost in any::<Index>()) {
        // Nobody rules it: the next event finds the ledger as it was, and may count no more than it saw itself.
        let mut rest = tale.clone();
        rest.steps.remove(lost.index(tale.steps.len()));
        if !rest.steps.is_empty() {
            loosenings_are_earned(&rest)?;
        }
    }

    #[test]
    fn p07_with_a_guardian_absent_nothing_loosens(tale in tales()) {
        tale.tell(|ruling| {
            let unguarded = tale.terms.seats.iter().any(|(role, seat)| {
                let missing = seat.interests.contains(ruling.event.kind())
                    && !matches!(ruling.hearing.roles.get(role), Some(Heard::Verdict { .. }));
                seat.guardian && (missing || !ruling.after.heard.contains(role))
            });
            if unguarded && ruling.event.kind() != EventKind::Command {
                nothing_loosens(ruling).unwrap();
            }
        });
    }
}

proptest! {
    #![proptest_config(usual(regressions!("properties")))]

    #[test]
    fn stale_input_never_loosens(tale in tales()) {
        let (step, matter, _) = tale.end();
        let mut late: Matter = matter;
        late.event.stale = true;
        if late.event.kind() != EventKind::Command {
            nothing_loosens(&ruled(&tale.terms, late, step))?;
        }
    }
}

/// Nothing but what an operator ended, or timed.
fn nothing_loosens(ruling: &Ruling) -> Result<(), TestCaseError> {
    prop_assert_eq!(looser_but_by_hand(ruling), []);
    prop_assert_eq!(ended_of_roles(ruling), Vec::<&proto::hold::Hold>::new());
    Ok(())
}

/// Whether nobody else may ask for a value of this kind.
fn owns_alone(terms: &Terms, role: &Role, kind: Kind) -> bool {
    let of = DecisionType::of_value(&terms.base.get(kind));
    terms.seats.iter().all(|(other, seat)| seat.authority.contains(of) == (other == role))
}

/// What an owner's value loosened to was asked for on as many events of this tale as the terms want.
fn loosenings_are_earned(tale: &Tale) -> Result<(), TestCaseError> {
    let mut asked: Vec<(Kind, usize)> = Vec::new();
    let mut unearned = None;
    let mut number = 0;
    tale.tell(|ruling| {
        number += 1;
        let sets = ruling.outcomes.iter().filter_map(|outcome| match &outcome.proposal.ask {
            Ask::Set { value, .. } => Some((value.kind(), number)),
            Ask::Freeze { .. }
            | Ask::Hold { .. }
            | Ask::Clear { .. }
            | Ask::Research { .. }
            | Ask::Release { .. } => None,
        });
        asked.extend(sets);
        asked.dedup();
        if ruling.event.kind() == EventKind::Command {
            return;
        }
        for kind in ruling.after.owned.looser_than(&ruling.before.owned) {
            let times = asked.iter().filter(|(of, _)| *of == kind).count();
            let by_clock = kind == Kind::Mode && ruling.before.timed_mode.is_some();
            let needed = if by_clock { 1 } else { tale.terms.confirm as usize };
            if times < needed {
                unearned = Some((kind, times, needed));
            }
        }
    });
    prop_assert_eq!(unearned, None);
    Ok(())
}
