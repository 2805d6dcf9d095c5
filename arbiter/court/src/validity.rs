//! Step 1: what is malformed, out of bounds or outside the author's authority is refused; of two that one role asks for
//! the same subject, the tighter counts.

use proto::decision::{Author, DecisionType};
use proto::id::RuleId;
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::Refusal;
use proto::terms::Seat;
use proto::time::Period;
use proto::value::Kind;

use crate::bounds::{check_value, expect};
use crate::draft::Draft;
use crate::motion::Motion;

/// The most proposals of one verdict.
pub(crate) const PROPOSALS_MOST: usize = 64;

/// Refuses what is not valid, and all but the tightest of what one role asks for one subject.
pub(crate) fn drop_invalid(draft: &mut Draft) {
    draft.each_open(|draft, motion| {
        if let Err(detail) = check(draft, motion) {
            motion.refuse(Refusal::Invalid { detail });
        }
    });
    drop_doubles(&mut draft.motions);
}

/// Whether two ask for the same value, or for the same research.
pub(crate) fn same_wish(one: &Ask, other: &Ask) -> bool {
    match (one, other) {
        (Ask::Set { value: a, .. }, Ask::Set { value: b, .. }) => a.kind() == b.kind(),
        (Ask::Research { task: a }, Ask::Research { task: b }) => a.subject() == b.subject(),
        _ => false,
    }
}

/// The cause that a proposal speaks of, and the kind of value that it bounds, if any.
fn cause(proposal: &Proposal) -> Option<(&RuleId, Option<Kind>)> {
    match &proposal.ask {
        Ask::Freeze { .. } => Some((&proposal.rule, None)),
        Ask::Hold { bound } => Some((&proposal.rule, bounded(bound))),
        Ask::Clear { cause, kind } => Some((cause, *kind)),
        Ask::Set { .. } | Ask::Research { .. } | Ask::Release { .. } => None,
    }
}

/// Whether two are about the same, so that one of them is too many where one role asks for both.
fn same_subject(one: &Proposal, other: &Proposal) -> bool {
    same_wish(&one.ask, &other.ask) || cause(one).is_some_and(|about| cause(other) == Some(about))
}

/// The kind of value that a bound bounds, if it bounds one.
pub(crate) const fn bounded(bound: &Bound) -> Option<Kind> {
    match bound {
        Bound::Value { at } => Some(at.kind()),
        Bound::Freeze { .. } | Bound::Loosening => None,
    }
}

fn check(draft: &Draft, motion: &Motion) -> Result<(), String> {
    let proposal = motion.proposal;
    expect(proposal.author == motion.from, || {
        format!("{} may not speak for {}", motion.from, proposal.author)
    })?;
    match &motion.from {
        Author::Manual => {}
        Author::Role(role) => {
            let seat = motion.seat.ok_or_else(|| format!("{role} has no seat"))?;
            let most = PROPOSALS_MOST;
            expect(motion.place < most, || format!("more than {most} proposals in one verdict"))?;
            let own =
                proposal.rule.as_str().strip_prefix(role.as_str()).is_some_and(|id| id.starts_with('.'));
            expect(own, || format!("{} is no rule of {role}", proposal.rule))?;
            check_authority(draft, proposal, seat)?;
        }
    }
    check_ask(motion)
}

fn check_authority(draft: &Draft, proposal: &Proposal, seat: &Seat) -> Result<(), String> {
    let may = |of: DecisionType| {
        expect(seat.authority.contains(of), || format!("{} has no authority over {of}", proposal.author))
    };
    match &proposal.ask {
        Ask::Set { value, duration } => {
            let timeless = duration.is_none() || value.kind() == Kind::Mode;
            expect(timeless, || format!("a role sets only a mode for a time, not {}", value.kind()))?;
            may(DecisionType::of_value(value))
        }
        Ask::Research { .. } => may(DecisionType::ResearchTask),
        Ask::Freeze { .. } | Ask::Hold { .. } if seat.reviews => Ok(()),
        Ask::Freeze { .. } | Ask::Hold { .. } => may(DecisionType::Freeze),
        Ask::Clear { cause, kind } => {
            let mut holds = draft.after.holds.values().filter(|hold| hold.cause == *cause);
            let others = holds.find(|hold| {
                hold.owner != proposal.author && (kind.is_none() || bounded(&hold.bound) == *kind)
            });
            others.map_or(Ok(()), |hold| Err(format!("the hold of {cause} is {}'s", hold.owner)))?;
            if seat.reviews { Ok(()) } else { may(DecisionType::Freeze) }
        }
        Ask::Release { .. } => Err("only an operator releases a hold".to_owned()),
    }
}

fn check_ask(motion: &Motion) -> Result<(), String> {
    match &motion.proposal.ask {
        Ask::Set { value, duration } => {
            check_duration(*duration)?;
            // What is in force was checked when it was set.
            if motion.in_force { Ok(()) } else { check_value(value) }
        }
        Ask::Freeze { duration, .. } => check_duration(*duration),
        Ask::Hold { bound: Bound::Freeze { .. } } => Err("a freeze is asked for as a freeze".to_owned()),
        Ask::Hold { bound: Bound::Value { at } } => {
            expect(at.kind() != Kind::Allocation, || "model weights have no order to hold".to_owned())?;
            check_value(at)
        }
        Ask::Hold { bound: Bound::Loosening }
        | Ask::Clear { .. }
        | Ask::Research { .. }
        | Ask::Release { .. } => Ok(()),
    }
}

fn check_duration(duration: Option<Period>) -> Result<(), String> {
    expect(duration != Some(Period::ZERO), || "a duration of nothing: none is until released".to_owned())
}

/// Of two that one role asks for one subject the tighter counts, and of equals the first.
fn drop_doubles(motions: &mut [Motion]) {
    // What one author asks for stands together.
    for own in motions.chunk_by_mut(|one, next| one.from == next.from) {
        drop_doubles_of_one(own);
    }
}

fn drop_doubles_of_one(motions: &mut [Motion]) {
    for later in 1..motions.len() {
        let (earlier, rest) = motions.split_at_mut(later);
        let Some(motion) = rest.first_mut().filter(|motion| motion.is_open()) else { continue };
        let mut open = earlier.iter_mut().filter(|other| other.is_open());
        let Some(rival) = open.find(|other| same_subject(motion.proposal, other.proposal)) else { continue };
        let (winner, loser) = if is_tighter(&motion.proposal.ask, &rival.proposal.ask) {
            (motion, rival)
        } else {
            (rival, motion)
        };
        outdo(winner, loser);
    }
}

fn outdo(winner: &Motion, loser: &mut Motion) {
    if winner.proposal.ask == loser.proposal.ask {
        loser.take();
    } else {
        let (by, rule) = (winner.from.clone(), winner.proposal.rule.clone());
        loser.refuse(Refusal::Outranked { by, rule });
    }
}

/// Whether one is tighter than the other in something and looser in nothing. Asking to stop beats saying that the
/// reason to stop is gone.
fn is_tighter(one: &Ask, other: &Ask) -> bool {
    match (one, other) {
        (Ask::Set { value: a, .. }, Ask::Set { value: b, .. })
        | (Ask::Hold { bound: Bound::Value { at: a } }, Ask::Hold { bound: Bound::Value { at: b } }) => {
            a.is_tighter_than(b) && !a.is_looser_than(b)
        }
        (
            Ask::Freeze { duration: a, severity: bad_a, .. },
            Ask::Freeze { duration: b, severity: bad_b, .. },
        ) => {
            let longer = |a: &Option<Period>, b: &Option<Period>| b.is_some() && (a.is_none() || a > b);
            (bad_a, longer(a, b)) > (bad_b, longer(b, a))
        }
        (Ask::Freeze { .. } | Ask::Hold { .. }, Ask::Clear { .. }) => true,
        _ => false,
    }
}
