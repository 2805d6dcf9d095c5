//! Steps 3 and 4: seniority. Of several roles that ask for the same, the senior counts; and while a role tightens, its
//! juniors do not loosen.

use proto::proposal::Ask;
use proto::ruling::Refusal;

use crate::draft::Draft;
use crate::motion::Motion;
use crate::validity::same_wish;

/// Step 3: several roles, same subject: the senior wins, the others are outranked.
pub(crate) fn seniors_win(draft: &mut Draft) {
    let motions = &mut draft.motions;
    for place in 0..motions.len() {
        let refusal = motions.get(place).and_then(|motion| outranked(motion, motions));
        if let (Some(refusal), Some(motion)) = (refusal, motions.get_mut(place)) {
            motion.refuse(refusal);
        }
    }
}

/// The most senior of those that contend with this motion counts. It is outranked by nobody, so it is open still. Holds
/// are no contest: each cause has its own.
fn outranked(motion: &Motion, all: &[Motion]) -> Option<Refusal> {
    if !motion.is_open() {
        return None;
    }
    let seniors = all.iter().filter(|other| other.rank < motion.rank && other.is_open());
    let rivals = seniors.filter(|senior| same_wish(&senior.proposal.ask, &motion.proposal.ask));
    let senior = rivals.min_by_key(|rival| rival.rank)?;
    Some(Refusal::Outranked { by: senior.from.clone(), rule: senior.proposal.rule.clone() })
}

/// Step 4: a role that tightens bars its juniors from loosening anything on this event. What a junior tightens in the same
/// proposal still counts.
pub(crate) fn seniors_stop_juniors(draft: &mut Draft) {
    let strictest = draft.motions.iter().filter(|motion| tightens(draft, motion));
    let Some(senior) = strictest.min_by_key(|motion| motion.rank) else { return };
    let (by, rule, rank) = (senior.from.clone(), senior.proposal.rule.clone(), senior.rank);
    draft.each_open(|_, motion| {
        if motion.rank > rank {
            motion.barred = Some(Refusal::SeniorTightens { by: by.clone(), rule: rule.clone() }.into());
        }
    });
}

/// Whether this makes something in force tighter than it is.
fn tightens(draft: &Draft, motion: &Motion) -> bool {
    match &motion.proposal.ask {
        Ask::Set { value, .. } => {
            let owned = || draft.after.owned.get(value.kind());
            motion.is_open() && !motion.in_force && value.is_tighter_than(&owned())
        }
        Ask::Freeze { .. } | Ask::Hold { .. } => motion.strengthened,
        Ask::Clear { .. } | Ask::Research { .. } | Ask::Release { .. } => false,
    }
}
