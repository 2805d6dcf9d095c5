//! Step 6: what still loosens is reviewed. A veto is an OVERRIDE, and a hold on the value until its cause is gone.

use proto::case::Veto;
use proto::decision::{Author, DecisionType, Payload, Priority};
use proto::hold::{Hold, Standing};
use proto::id::{DecisionId, Role};
use proto::ledger::Direction;
use proto::proposal::{Bound, reason};
use proto::ruling::{HeardReview, Refusal};

use crate::draft::Draft;
use crate::motion::{By, Loosening, Motion};
use crate::{book, holds, standing};

/// Grants what passes the review, and refuses the rest.
pub(crate) fn hear(draft: &mut Draft, review: Option<&HeardReview>) {
    let waiting = std::mem::take(&mut draft.loosening);
    if waiting.is_empty() {
        return;
    }
    let reviewer = reviewer(draft);
    let vetoes = review.and_then(|review| opinion(review, &reviewer));
    let mut motions = std::mem::take(&mut draft.motions);
    for loosening in waiting {
        if let Some(motion) = motions.get_mut(loosening.motion) {
            match vetoes {
                None => motion.refuse(Refusal::GuardianAbsent { role: reviewer.clone() }),
                Some(vetoes) => weigh(draft, motion, &loosening, &reviewer, vetoes),
            }
        }
    }
    draft.motions = motions;
}

fn weigh(draft: &mut Draft, motion: &mut Motion, loosening: &Loosening, reviewer: &Role, vetoes: &[Veto]) {
    let kind = loosening.value.kind();
    if let Some(veto) = vetoes.iter().find(|veto| veto.kind == kind) {
        let decision = overrule(draft, loosening, reviewer, veto);
        motion.refuse(Refusal::Vetoed { rule: veto.rule.clone(), decision });
    } else if let Some(refusal) = standing::freeze_against(draft, &loosening.value) {
        motion.refuse(refusal);
    } else {
        let (value, duration) = (loosening.value.clone(), loosening.duration);
        standing::put_in_force(draft, motion, value, duration, Direction::Looser);
    }
}

/// Who reviews; the supervisor where the terms name nobody, so that nothing loosens unseen.
fn reviewer(draft: &Draft) -> Role {
    let seat = draft.terms.seats.iter().find(|(_, seat)| seat.reviews);
    seat.map_or(Role::SUPERVISOR, |(role, _)| role.clone())
}

/// What the reviewer forbids; none when it was not heard.
fn opinion<'r>(review: &'r HeardReview, reviewer: &Role) -> Option<&'r [Veto]> {
    match review {
        HeardReview::Opinion { role, vetoes, .. } => (role == reviewer).then_some(vetoes.as_slice()),
        HeardReview::Absent { .. } => None,
    }
}

/// The OVERRIDE of what would have been decided, and the hold that keeps it from being asked again and again.
fn overrule(draft: &mut Draft, loosening: &Loosening, reviewer: &Role, veto: &Veto) -> DecisionId {
    let proposal = &loosening.proposal;
    let of = DecisionType::of_value(&loosening.value);
    let by = By {
        author: Author::Role(reviewer.clone()),
        rule: veto.rule.clone(),
        priority: Priority::High,
        reason: reason(&veto.rule, &veto.facts),
    };
    let kind = loosening.value.kind();
    let payload = Payload::Override {
        overridden_decision_id: draft.decision_id(&proposal.author, of, &kind.to_string()),
        overridden_role: proposal.author.clone(),
        reason: by.reason.clone(),
        new_directive: Some(draft.effective(kind)),
    };
    let decision = draft.decide(by.clone(), &kind.to_string(), payload);
    hold(draft, veto, by, decision);
    book::fired(draft, &veto.rule, &veto.facts);
    decision
}

fn hold(draft: &mut Draft, veto: &Veto, by: By, decision: DecisionId) {
    let bound = Bound::Value { at: draft.effective(veto.kind) };
    let hold = Hold {
        id: holds::hold_id(draft, &veto.rule, &bound),
        cause: veto.rule.clone(),
        owner: by.author.clone(),
        person: None,
        bound,
        requires_manual_review: false,
        placed_at: draft.now,
        duration: None,
        until: None,
        standing: Standing::Present,
        event_id: draft.event.id,
        decision_id: Some(decision),
        reason: by.reason.clone(),
    };
    // One hold a cause and kind: an older and looser one makes room.
    draft.after.holds.retain(|_, other| {
        let same =
            other.cause == hold.cause && other.owner == hold.owner && holds::alike(&other.bound, &hold.bound);
        !same
    });
    draft.hold_moved(&hold, Direction::Tighter, by, None);
    draft.after.holds.insert(hold.id, hold);
}
