//! The freeze in effect: all standing freezes met. One FREEZE tells of it, when it is new, stricter or longer.

use std::cmp::Reverse;

use proto::decision::Severity;
use proto::hold::{Freeze, Hold};
use proto::id::DecisionId;
use proto::proposal::Bound;
use proto::subsystems::Subsystems;
use proto::time::Time;

use crate::draft::Draft;
use crate::motion::{Move, Shows};
use crate::payload;

/// The most FREEZE decisions that a lift names; of a longer freeze the latest.
const ANNOUNCED_MOST: usize = 64;
/// The end of what has none, where ends are compared.
pub(crate) const NEVER: Time = Time::from_millis(i64::MAX);

/// Settles the freeze in effect, and tells of it when the backend has to know. The FREEZE decisions that end with this
/// ruling; none when trading is not set free by it.
pub(crate) fn settle(draft: &mut Draft) -> Option<Vec<DecisionId>> {
    let was = draft.after.freeze.take();
    draft.after.freeze = met(draft.after.holds.values(), was.as_ref());
    let Some(is) = &draft.after.freeze else { return was.map(|was| was.announced) };
    if was.is_none_or(|was| is_stricter(is, &was)) {
        tell(draft);
    }
    None
}

fn tell(draft: &mut Draft) {
    let Some(is) = &draft.after.freeze else { return };
    let moves = draft.moves.iter().filter(|step| step.shows == Shows::Freeze);
    let place = |step: &&Move| is.holds.iter().position(|id| Some(*id) == step.hold);
    let Some(by) = moves.min_by_key(|step| place(step).unwrap_or(usize::MAX)).map(|step| step.by.clone())
    else {
        return;
    };
    let payload = payload::freeze(is, &by.reason, draft.now);
    let decision = draft.decide(by, "freeze", payload);
    draft.told.insert(Shows::Freeze, decision);
    if let Some(freeze) = &mut draft.after.freeze {
        let surplus = (freeze.announced.len() + 1).saturating_sub(ANNOUNCED_MOST);
        freeze.announced.drain(..surplus);
        freeze.announced.push(decision);
    }
}

fn met<'h>(holds: impl Iterator<Item = &'h Hold>, was: Option<&Freeze>) -> Option<Freeze> {
    let mut freezes: Vec<(&Hold, Severity, &Subsystems)> = holds
        .filter_map(|hold| match &hold.bound {
            Bound::Freeze { severity, affected_subsystems } => Some((hold, *severity, affected_subsystems)),
            Bound::Loosening | Bound::Value { .. } => None,
        })
        .collect();
    freezes.sort_by_key(|(hold, severity, _)| {
        (Reverse(*severity), Reverse(end(hold)), Reverse(hold.requires_manual_review), hold.id)
    });
    let (_, severity, _) = freezes.first()?;
    let until = freezes.iter().map(|(hold, ..)| end(hold)).max().filter(|end| *end != NEVER);
    Some(Freeze {
        severity: *severity,
        until,
        affected_subsystems: freezes.iter().fold(Subsystems::default(), |all, (_, _, more)| all.with(more)),
        requires_manual_review: freezes.iter().any(|(hold, ..)| hold.requires_manual_review),
        holds: freezes.iter().map(|(hold, ..)| hold.id).collect(),
        announced: was.map(|was| was.announced.clone()).unwrap_or_default(),
    })
}

fn end(hold: &Hold) -> Time {
    hold.until.unwrap_or(NEVER)
}

fn is_stricter(is: &Freeze, was: &Freeze) -> bool {
    let longer = was.until.is_some_and(|was| is.until.is_none_or(|is| is > was));
    let wider = !was.affected_subsystems.cover(&is.affected_subsystems);
    let reviewed = is.requires_manual_review && !was.requires_manual_review;
    is.severity > was.severity || longer || wider || reviewed
}
