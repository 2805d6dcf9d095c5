//! What must always hold, over random stories. `PROPTEST_CASES` raises how many.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::command::Order;
use proto::decision::{Author, DecisionType, Payload};
use proto::event::{Body, EventKind};
use proto::hold::Hold;
use proto::id::{HoldId, PortfolioId, Role};
use proto::ledger::Ledger;
use proto::proposal::{Ask, Bound};
use proto::ruling::{Finding, Ruling};
use proto::terms::Terms;
use proto::value::{Kind, Mode, Profile, Value};
use proto::wire::Message;

use crate::testing::random::{Step, matter, ruled, steps, without};
use crate::testing::{Story, leverage, secs, set, terms};
use crate::{Matter, already_ruled, audit, genesis, next_due};

/// How long a random story is at most.
const STEPS: usize = 24;

/// Tells the story, and shows every matter with its ruling.
fn tell(steps: &[Step], mut each: impl FnMut(&Terms, &Step, &Matter, &Ruling)) -> Ledger {
    let terms = terms();
    let mut ledger = genesis(&terms, PortfolioId::main());
    for (number, step) in (1..).zip(steps) {
        let matter = matter(&terms, &ledger, step, number);
        let ruling = ruled(&terms, matter.clone(), step);
        each(&terms, step, &matter, &ruling);
        ledger = ruling.after;
    }
    ledger
}

fn ended(ruling: &Ruling) -> Vec<&Hold> {
    ruling.before.holds.values().filter(|hold| !ruling.after.holds.contains_key(&hold.id)).collect()
}

/// Whether an operator's hold on this kind ended: on time, or by order.
fn ended_by_hand(ruling: &Ruling, kind: Kind) -> bool {
    ended(ruling).into_iter().any(|hold| {
        hold.owner == Author::Manual && matches!(&hold.bound, Bound::Value { at } if at.kind() == kind)
    })
}

/// The holds that an order names.
fn released(body: &Body) -> Vec<HoldId> {
    let Body::Command(command) = body else { return Vec::new() };
    match &command.order {
        Order::SetMode { releases, .. } | Order::SetLimits { releases, .. } => releases.clone(),
        Order::Release { hold } => vec![*hold],
        Order::Freeze { .. } => Vec::new(),
    }
}

fn looser_but_by_hand(ruling: &Ruling) -> Vec<Kind> {
    let looser = ruling.after.effective.looser_than(&ruling.before.effective);
    looser.into_iter().filter(|kind| !ended_by_hand(ruling, *kind)).collect()
}

proptest! {
    #[test]
    fn p01_effective_is_never_looser_than_a_hold(steps in steps(STEPS)) {
        tell(&steps, |_, _, _, ruling| {
            for hold in ruling.after.holds.values() {
                if let Bound::Value { at } = &hold.bound {
                    assert!(!ruling.after.effective.get(at.kind()).is_looser_than(at), "{hold:?}");
                }
            }
            let frozen = ruling.after.holds.values().any(Hold::is_freeze);
            assert_eq!(ruling.after.freeze.is_some(), frozen);
            let owned = &ruling.after.owned;
            assert_eq!(ruling.after.effective.looser_than(owned), [], "nor than what its owner set");
        });
    }

    #[test]
    fn p02_the_order_of_arrival_changes_nothing(steps in steps(STEPS)) {
        tell(&steps, |terms, step, matter, ruling| {
            let mut other = matter.clone();
            other.hearing.roles.clear();
            for (role, heard) in matter.hearing.roles.iter().rev() {
                other.hearing.roles.insert(role.clone(), heard.clone());
            }
            assert_eq!(ruled(terms, other, step), *ruling);
        });
    }

    #[test]
    fn p03_a_lost_verdict_never_loosens(steps in steps(STEPS)) {
        tell(&steps, |terms, step, matter, _| {
            if matter.event.kind() == EventKind::Command {
                return;
            }
            for (role, seat) in &terms.seats {
                let lost = ruled(terms, without(matter.clone(), role), step);
                let guards = seat.guardian && seat.interests.contains(&matter.event.kind());
                let before = &matter.before;
                if guards {
                    assert_eq!(looser_but_by_hand(&lost), [], "without {role}");
                }
                for kind in lost.after.owned.looser_than(&before.owned) {
                    let of = DecisionType::of_value(&before.owned.get(kind));
                    let timed = kind == Kind::Mode && !matter.hearing.roles.contains_key(role);
                    assert!(!seat.authority.contains(&of) || timed, "{kind} without its owner {role}");
                }
                for hold in ended(&lost) {
                    assert!(hold.owner != Author::Role(role.clone()), "{hold:?} without its owner");
                }
            }
        });
    }

    #[test]
    fn p03_a_lost_review_never_loosens(steps in steps(STEPS)) {
        tell(&steps, |terms, step, matter, _| {
            let unseen = ruled(terms, matter.clone(), &Step { vetoes: None, ..step.clone() });
            let asked = unseen.outcomes.iter().filter(|outcome| outcome.proposal.author != Author::Manual);
            for outcome in asked {
                if let (Ask::Set { value, .. }, Finding::Decided { .. }) = (&outcome.proposal.ask, &outcome.result) {
                    let kind = value.kind();
                    let owned = unseen.after.owned.get(kind);
                    assert!(!owned.is_looser_than(&matter.before.owned.get(kind)), "{outcome:?}");
                }
            }
        });
    }

    #[test]
    fn p04_a_proposal_is_exactly_one_of_three(steps in steps(STEPS)) {
        tell(&steps, |_, _, matter, ruling| {
            let asked = matter.hearing.roles.values().map(|heard| match heard {
                proto::ruling::Heard::Verdict { verdict, .. } => verdict.proposals.len(),
                proto::ruling::Heard::Absent { .. } => 0,
            });
            let by_hand = usize::from(matter.event.kind() == EventKind::Command);
            assert_eq!(ruling.outcomes.len(), asked.sum::<usize>() + by_hand);
            for outcome in &ruling.outcomes {
                if let Finding::Decided { decision } = &outcome.result {
                    assert!(ruling.decisions.iter().any(|told| told.decision_id == *decision));
                }
            }
        });
    }

    #[test]
    fn p05_the_same_again_gives_the_same_bytes(steps in steps(STEPS)) {
        tell(&steps, |terms, step, matter, ruling| {
            let again = ruled(terms, matter.clone(), step);
            assert_eq!(again.to_bytes().unwrap(), ruling.to_bytes().unwrap());
            let read = Ruling::from_bytes(&ruling.to_bytes().unwrap()).unwrap();
            assert_eq!(&read, ruling, "and a ruling reads back as it was");
        });
    }

    #[test]
    fn p06_no_event_counts_twice(steps in steps(STEPS)) {
        let mut seen = Vec::new();
        tell(&steps, |_, _, matter, ruling| {
            assert!(!already_ruled(&matter.before, &matter.event), "a new event is new");
            seen.push(matter.event.clone());
            // Everything that the ledger can still remember is known.
            for event in seen.iter().rev().take(proto::ledger::Ruled::RECENT) {
                assert!(already_ruled(&ruling.after, event), "{event:?}");
            }
        });
    }

    #[test]
    fn p07_with_a_guardian_absent_nothing_loosens(steps in steps(STEPS)) {
        tell(&steps, |terms, _, matter, ruling| {
            let kind = matter.event.kind();
            let absent = terms.seats.iter().any(|(role, seat)| {
                let missing = seat.interests.contains(&kind)
                    && !matches!(matter.hearing.roles.get(role), Some(proto::ruling::Heard::Verdict { .. }));
                seat.guardian && (missing || !ruling.after.heard.contains(role))
            });
            if absent && kind != EventKind::Command {
                assert_eq!(looser_but_by_hand(ruling), []);
                assert!(ended(ruling).into_iter().all(|hold| hold.owner == Author::Manual));
            }
        });
    }

    #[test]
    fn p08_only_what_was_spoken_of_or_ran_out_is_lifted(steps in steps(STEPS)) {
        tell(&steps, |_, _, matter, ruling| {
            let cleared: BTreeSet<_> = ruling.outcomes.iter().filter_map(|outcome| {
                let Ask::Clear { cause, .. } = &outcome.proposal.ask else { return None };
                Some(cause.clone())
            }).collect();
            let released = released(&matter.event.body);
            for hold in ended(ruling) {
                let ran_out = hold.duration.is_some() && hold.until.is_none_or(|until| until <= ruling.after.at);
                let replaced = ruling.outcomes.iter().any(|outcome| outcome.proposal.rule == hold.cause)
                    || ruling.after.holds.values().any(|other| other.cause == hold.cause);
                let spoken_of = cleared.contains(&hold.cause) || released.contains(&hold.id);
                assert!(ran_out || replaced || spoken_of, "{hold:?}");
            }
        });
    }

    #[test]
    fn p09_a_ruling_is_recomputed_from_itself_alone(steps in steps(STEPS)) {
        tell(&steps, |_, _, _, ruling| {
            audit(ruling).unwrap();
            let mut forged = ruling.clone();
            forged.after.effective.mode = match forged.after.effective.mode {
                Mode::Live => Mode::Shadow,
                Mode::Shadow | Mode::Paused | Mode::Emergency => Mode::Live,
            };
            assert!(audit(&forged).is_err());
        });
    }

    #[test]
    fn p11_a_signal_that_straddles_a_threshold_loosens_at_most_six_times_a_day(
        tight_secs in 240_i64..3600, loose_secs in 120_i64..7200, which in 0_usize..3,
    ) {
        let (role, rule, tight, loose) = [
            (Role::CEO, "ceo.x", Value::Mode(Mode::Shadow), Value::Mode(Mode::Live)),
            (Role::CEO, "ceo.x", Value::Profile(Profile::Micro), Value::Profile(Profile::Low)),
            (Role::CRO, "cro.x", leverage(5.0), leverage(10.0)),
        ][which].clone();
        let mut story = Story::new();
        let end = story.now.after(secs(24 * 3600));
        let (mut loosened, of) = (0, DecisionType::of_value(&tight));
        while story.now < end {
            story.snapshot().says(set(&role, rule, tight.clone())).rule();
            story.wait(secs(tight_secs));
            for _ in 0..3 {
                let ruling = story.snapshot().says(set(&role, rule, loose.clone())).rule();
                loosened += ruling.decisions.iter().filter(|decision| decision.decision_type() == of).count();
                story.wait(secs(loose_secs / 2));
            }
        }
        prop_assert!(loosened <= 6, "{loosened}");
    }

    #[test]
    fn every_change_in_effect_is_told_and_nothing_else(steps in steps(STEPS)) {
        tell(&steps, |_, _, _, ruling| {
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
    fn a_freeze_is_told_when_trading_stops_and_a_lift_when_it_is_free(steps in steps(STEPS)) {
        tell(&steps, |_, _, _, ruling| {
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
    fn a_timer_is_never_due_in_the_past(steps in steps(STEPS)) {
        tell(&steps, |terms, _, _, ruling| {
            if let Some(due) = next_due(terms, &ruling.after) {
                assert!(due > ruling.after.at);
            }
        });
    }
}
