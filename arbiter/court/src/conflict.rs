//! Steps 3 and 4: seniority. Of several roles that ask for the same, the senior counts; and while a role tightens, its
//! juniors do not loosen.

use proto::decision::Author;
use proto::id::RuleId;
use proto::proposal::Ask;
use proto::ruling::Refusal;

use crate::draft::Draft;
use crate::motion::Motion;
use crate::validity::{Subject, subject};

/// Step 3: several roles, same subject: the senior wins, the others are outranked.
pub(crate) fn seniors_win(draft: &mut Draft) {
    let mut claims: Vec<(Subject, u8, Author, RuleId)> = Vec::new();
    for motion in draft.motions.iter().filter(|motion| motion.is_open()) {
        let proposal = &motion.proposal;
        if let Some(subject) = contested(motion) {
            claims.push((subject, draft.rank(&motion.from), motion.from.clone(), proposal.rule.clone()));
        }
    }
    if claims.len() < 2 {
        return;
    }
    draft.each_open(|draft, motion| {
        let Some(subject) = contested(motion) else { return };
        let rank = draft.rank(&motion.from);
        let rivals = claims.iter().filter(|(about, senior, ..)| *about == subject && *senior < rank);
        if let Some((_, _, by, rule)) = rivals.min_by_key(|(_, senior, ..)| *senior) {
            motion.refuse(Refusal::Outranked { by: by.clone(), rule: rule.clone() });
        }
    });
}

/// Step 4: a role that tightens bars its juniors from loosening anything on this event. What a junior tightens in the same
/// proposal still counts.
pub(crate) fn seniors_stop_juniors(draft: &mut Draft) {
    let strictest = draft.motions.iter().filter(|motion| tightens(draft, motion));
    let Some(senior) = strictest.min_by_key(|motion| draft.rank(&motion.from)) else { return };
    let (by, rule) = (senior.from.clone(), senior.proposal.rule.clone());
    let rank = draft.rank(&by);
    draft.each_open(|draft, motion| {
        if draft.rank(&motion.from) > rank {
            motion.barred = Some(Refusal::SeniorTightens { by: by.clone(), rule: rule.clone() });
        }
    });
}

/// What roles may contend for. Holds are no contest: each cause has its own.
fn contested(motion: &Motion) -> Option<Subject> {
    match &motion.proposal.ask {
        Ask::Set { .. } | Ask::Research { .. } => subject(&motion.proposal),
        Ask::Freeze { .. } | Ask::Hold { .. } | Ask::Clear { .. } | Ask::Release { .. } => None,
    }
}

/// Whether this makes something in force tighter than it is.
fn tightens(draft: &Draft, motion: &Motion) -> bool {
    match &motion.proposal.ask {
        Ask::Set { value, .. } => {
            let owned = &draft.after.owned;
            motion.is_open() && !owned.has(value) && value.is_tighter_than(&owned.get(value.kind()))
        }
        Ask::Freeze { .. } | Ask::Hold { .. } => motion.strengthened,
        Ask::Clear { .. } | Ask::Research { .. } | Ask::Release { .. } => false,
    }
}
