//! Audit: a ruling is checked against the laws that it must obey, and recomputed from itself alone.

use proto::decision::Author;
use proto::event::EventKind;
use proto::hold::Hold;
use proto::id::Role;
use proto::proposal::Bound;
use proto::ruling::{Finding, Heard, Ruling};
use proto::value::Kind;
use proto::wire::Message;

use crate::matter::Matter;
use crate::{already_ruled, rule};

/// The first law that a ruling breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A value in effect is looser than a hold on it.
    #[error("P1: {kind} is looser than the hold of {cause}")]
    LooserThanHold {
        /// Which value.
        kind: Kind,
        /// What placed the hold.
        cause: String,
    },
    /// A proposal has no outcome, or an outcome names no decision of this ruling.
    #[error("P4: {proposals} proposals, {outcomes} outcomes, or an outcome without its decision")]
    Unaccounted {
        /// What was asked.
        proposals: usize,
        /// What was answered.
        outcomes: usize,
    },
    /// The ledger knew the event already.
    #[error("P6: the event was ruled before")]
    RuledTwice,
    /// Something loosened while a guardian was absent.
    #[error("P7: {what} loosened while {role} was absent")]
    LoosenedUnguarded {
        /// What loosened.
        what: String,
        /// Who was absent.
        role: Role,
    },
    /// Ruling the same again gives something else: it was changed, or another build made it.
    #[error("P9: recomputed from itself, the ruling reads otherwise")]
    NotReproducible,
}

/// Checks a ruling against the laws that show in it, and then recomputes it from what it holds: what it breaks by itself is
/// named as such, whatever else was changed.
///
/// # Errors
/// The first law that it breaks.
pub fn audit(ruling: &Ruling) -> Result<(), Breach> {
    check_holds(ruling)?;
    check_outcomes(ruling)?;
    if already_ruled(&ruling.before, &ruling.event) {
        return Err(Breach::RuledTwice);
    }
    check_guardians(ruling)?;
    check_again(ruling)
}

fn check_holds(ruling: &Ruling) -> Result<(), Breach> {
    for hold in ruling.after.holds.values() {
        if let Bound::Value { at } = &hold.bound
            && ruling.after.effective.get(at.kind()).is_looser_than(at)
        {
            return Err(Breach::LooserThanHold { kind: at.kind(), cause: hold.cause.to_string() });
        }
    }
    Ok(())
}

fn check_outcomes(ruling: &Ruling) -> Result<(), Breach> {
    let heard = ruling.hearing.roles.values().map(|heard| match heard {
        Heard::Verdict { verdict, .. } => verdict.proposals.len(),
        Heard::Absent { .. } => 0,
    });
    let by_hand = usize::from(ruling.event.kind() == EventKind::Command);
    let (proposals, outcomes) = (heard.sum::<usize>() + by_hand, ruling.outcomes.len());
    let told = ruling.outcomes.iter().all(|outcome| match &outcome.result {
        Finding::Decided { decision } => ruling.decisions.iter().any(|told| told.decision_id == *decision),
        Finding::Unchanged | Finding::Refused { .. } => true,
    });
    if proposals == outcomes && told { Ok(()) } else { Err(Breach::Unaccounted { proposals, outcomes }) }
}

/// With a guardian absent nothing loosens, but for what an operator ends, or timed.
fn check_guardians(ruling: &Ruling) -> Result<(), Breach> {
    let Some(role) = absent_guardian(ruling).filter(|_| ruling.event.kind() != EventKind::Command) else {
        return Ok(());
    };
    let ended: Vec<&Hold> =
        ruling.before.holds.values().filter(|hold| !ruling.after.holds.contains_key(&hold.id)).collect();
    if let Some(hold) = ended.iter().find(|hold| hold.owner != Author::Manual) {
        return Err(Breach::LoosenedUnguarded { what: format!("the hold of {}", hold.cause), role });
    }
    let by_hand =
        |kind: Kind| ended.iter().any(|hold| matches!(&hold.bound, Bound::Value { at } if at.kind() == kind));
    let looser = ruling.after.effective.looser_than(&ruling.before.effective);
    match looser.into_iter().find(|kind| !by_hand(*kind)) {
        Some(kind) => Err(Breach::LoosenedUnguarded { what: kind.to_string(), role }),
        None => Ok(()),
    }
}

fn absent_guardian(ruling: &Ruling) -> Option<Role> {
    let kind = ruling.event.kind();
    let mut guardians = ruling.terms.seats.iter().filter(|(_, seat)| seat.guardian);
    let absent = guardians.find(|(role, seat)| {
        let heard = matches!(ruling.hearing.roles.get(*role), Some(Heard::Verdict { .. }));
        (seat.interests.contains(kind) && !heard) || !ruling.after.heard.contains(*role)
    });
    absent.map(|(role, _)| role.clone())
}

fn check_again(ruling: &Ruling) -> Result<(), Breach> {
    let again = rule(&ruling.terms, Matter::from(ruling));
    match (again.to_bytes(), ruling.to_bytes()) {
        (Ok(again), Ok(stored)) if again == stored => Ok(()),
        (Ok(_) | Err(_), _) => Err(Breach::NotReproducible),
    }
}
