//! Holds: placing, making stricter, extending, clearing. One hold a cause and kind; it is updated in place.

use proto::decision::Author;
use proto::hold::{Hold, Standing};
use proto::id::{HoldId, RuleId};
use proto::ledger::Direction;
use proto::proposal::{Ask, Bound};
use proto::ruling::Refusal;
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::value::Kind;

use crate::draft::Draft;
use crate::expiry;
use crate::motion::{By, Motion};
use crate::standing::spent;
use crate::validity::bounded;

/// What is asked of a hold.
pub(crate) struct Asked {
    pub(crate) bound: Bound,
    pub(crate) duration: Option<Period>,
    pub(crate) requires_manual_review: bool,
    /// The operator's name, for a hold by hand.
    pub(crate) person: Option<String>,
}

/// Step 2: what is said of causes is noted in their holds; then holds that are due are ended or extended.
pub(crate) fn settle(draft: &mut Draft) {
    draft.each_open(|draft, motion| match &motion.proposal.ask {
        Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review }
            if motion.from != Author::Manual =>
        {
            let (severity, affected_subsystems) = (*severity, affected_subsystems.clone());
            let bound = Bound::Freeze { severity, affected_subsystems };
            let (duration, requires_manual_review) = (*duration, *requires_manual_review);
            restate(draft, motion, Asked { bound, duration, requires_manual_review, person: None });
        }
        Ask::Hold { bound } => {
            let bound = bound.clone();
            let asked = Asked { bound, duration: None, requires_manual_review: false, person: None };
            restate(draft, motion, asked);
        }
        Ask::Clear { cause, kind } => note_absence(draft, cause, *kind),
        // Operators' freezes come with their other orders.
        Ask::Freeze { .. } | Ask::Set { .. } | Ask::Research { .. } | Ask::Release { .. } => {}
    });
    expiry::holds(draft);
}

/// Places a hold, or updates the one that its cause has: stricter terms at once, its end when that is near.
pub(crate) fn restate(draft: &mut Draft, motion: &mut Motion, asked: Asked) {
    let (rule, terms, now) = (&motion.proposal.rule, draft.terms, draft.now);
    let mut holds = draft.after.holds.values_mut();
    let standing = holds.find(|hold| hold.cause == *rule && alike(&hold.bound, &asked.bound));
    let Some(hold) = standing else { return place(draft, motion, asked) };
    hold.standing = Standing::Present;
    let stricter = tighten(hold, &asked, now);
    // An operator says for how long each time; a role's hold runs on silently until its end is near.
    let extends = motion.from == Author::Manual || is_in_margin(terms, hold, now) || is_overdue(hold);
    let extended = !stricter && extends && extend(hold, asked.duration, now);
    motion.take();
    if stricter || extended {
        motion.strengthened = stricter;
        hold.reason = motion.proposal.reason();
        hold.person = asked.person.or(hold.person.take());
        let hold = hold.clone();
        draft.hold_moved(&hold, Direction::Tighter, By::proposal(motion.proposal), Some(motion.number));
        draft.fired(motion.proposal);
    }
}

/// Step 5 for a cleared cause: lifts its holds when that is confirmed and nobody has to review them.
pub(crate) fn lift_cleared(draft: &mut Draft, motion: &mut Motion, cause: &RuleId, kind: Option<Kind>) {
    let unfit = motion.bar().or_else(|| draft.unfit_to_loosen());
    for id in holds_of(draft, cause, kind) {
        let refusal = unfit.clone().or_else(|| not_liftable(draft, id));
        match refusal {
            Some(refusal) => motion.refuse(refusal),
            None => {
                draft.end_hold(id, By::proposal(motion.proposal), Some(motion.number));
                draft.fired(motion.proposal);
                motion.take();
            }
        }
    }
}

/// When a hold should be looked at because its end is near: a quarter of a short one, at most the policy's margin.
pub(crate) fn margin(terms: &Terms, duration: Period) -> Period {
    terms.extend_before.min(Period::from_millis(duration.as_millis() / 4))
}

/// Whether a timed hold ran out while nobody could judge its cause: it stands until somebody can.
pub(crate) const fn is_overdue(hold: &Hold) -> bool {
    hold.duration.is_some() && hold.until.is_none()
}

/// Whether a timed hold is about to run out.
pub(crate) fn is_in_margin(terms: &Terms, hold: &Hold, now: Time) -> bool {
    let (Some(duration), Some(until)) = (hold.duration, hold.until) else { return false };
    now >= until.before(margin(terms, duration))
}

/// Moves a timed hold's end to a full duration from now; false where that is no later.
pub(crate) fn extend(hold: &mut Hold, duration: Option<Period>, now: Time) -> bool {
    let (Some(_), Some(duration)) = (hold.duration, duration.or(hold.duration)) else { return false };
    let until = now.after(duration);
    let later = hold.until.is_none_or(|old| old < until);
    if later {
        (hold.duration, hold.until) = (Some(duration), Some(until));
    }
    later
}

/// Places a new hold.
pub(crate) fn place(draft: &mut Draft, motion: &mut Motion, asked: Asked) {
    let proposal = motion.proposal;
    let hold = Hold {
        id: hold_id(draft, &proposal.rule, &asked.bound),
        cause: proposal.rule.clone(),
        owner: motion.from.clone(),
        person: asked.person,
        bound: asked.bound,
        requires_manual_review: asked.requires_manual_review,
        placed_at: draft.now,
        duration: asked.duration,
        until: asked.duration.map(|duration| draft.now.after(duration)),
        standing: Standing::Present,
        event_id: draft.event.id,
        decision_id: None,
        reason: proposal.reason(),
    };
    draft.hold_moved(&hold, Direction::Tighter, By::proposal(proposal), Some(motion.number));
    draft.fired(proposal);
    draft.after.holds.insert(hold.id, hold);
    motion.take();
    motion.strengthened = true;
}

/// The id of a hold that this event places.
pub(crate) fn hold_id(draft: &Draft, cause: &RuleId, bound: &Bound) -> HoldId {
    let what = match bound {
        Bound::Freeze { .. } => "freeze".to_owned(),
        Bound::Loosening => "loosening".to_owned(),
        Bound::Value { at } => at.kind().to_string(),
    };
    let event = &draft.event;
    HoldId::derive(&[event.portfolio.as_str(), cause.as_str(), &what, &event.id.to_string()])
}

/// Whether two bounds bound the same thing, however tightly.
pub(crate) fn alike(one: &Bound, other: &Bound) -> bool {
    match (one, other) {
        (Bound::Freeze { .. }, Bound::Freeze { .. }) | (Bound::Loosening, Bound::Loosening) => true,
        (Bound::Value { at: a }, Bound::Value { at: b }) => a.kind() == b.kind(),
        _ => false,
    }
}

/// Makes a hold as strict as asked, field by field; false where it is already.
fn tighten(hold: &mut Hold, asked: &Asked, now: Time) -> bool {
    let bound = stricter_bound(&hold.bound, &asked.bound);
    let mut stricter = bound.is_some();
    if let Some(bound) = bound {
        hold.bound = bound;
    }
    if asked.requires_manual_review && !hold.requires_manual_review {
        hold.requires_manual_review = true;
        stricter = true;
    }
    // How long an operator's hold lasts is the operator's word each time: see `extend`.
    let by_role = hold.owner != Author::Manual;
    let until_released = hold.duration.is_some() && asked.duration.is_none();
    let longer = hold.duration.zip(asked.duration).is_some_and(|(is, wanted)| wanted > is);
    if until_released || by_role && longer {
        let end = asked.duration.map(|duration| now.after(duration));
        hold.until = end.map(|end| hold.until.map_or(end, |until| until.max(end)));
        hold.duration = asked.duration;
        stricter = true;
    }
    stricter
}

/// Both bounds met; none where the one that is holds all that is asked.
fn stricter_bound(is: &Bound, asked: &Bound) -> Option<Bound> {
    match (is, asked) {
        (
            Bound::Freeze { severity: a, affected_subsystems: some },
            Bound::Freeze { severity: b, affected_subsystems: more },
        ) => {
            let covered = b <= a && some.cover(more);
            (!covered).then(|| Bound::Freeze { severity: *a.max(b), affected_subsystems: some.with(more) })
        }
        (Bound::Value { at: a }, Bound::Value { at: b }) if b.is_tighter_than(a) => {
            Some(Bound::Value { at: if b.is_looser_than(a) { a.meet(b) } else { b.clone() } })
        }
        _ => None,
    }
}

fn holds_of(draft: &Draft, cause: &RuleId, kind: Option<Kind>) -> Vec<HoldId> {
    let holds = draft.after.holds.values().filter(|hold| hold.cause == *cause);
    holds.filter(|hold| kind.is_none() || bounded(&hold.bound) == kind).map(|hold| hold.id).collect()
}

/// Counts an observation that a cause is gone, where the event is fit to loosen on.
fn note_absence(draft: &mut Draft, cause: &RuleId, kind: Option<Kind>) {
    if draft.unfit_to_loosen().is_some() {
        return;
    }
    let now = draft.now;
    for id in holds_of(draft, cause, kind) {
        if let Some(hold) = draft.after.holds.get_mut(&id) {
            hold.standing = match hold.standing {
                Standing::Present => Standing::Absent { since: now, times: 1 },
                Standing::Absent { since, times } => {
                    Standing::Absent { since, times: times.saturating_add(1) }
                }
            };
        }
    }
}

fn not_liftable(draft: &Draft, id: HoldId) -> Option<Refusal> {
    let hold = draft.after.holds.get(&id)?;
    if hold.requires_manual_review {
        return Some(Refusal::NeedsReview { hold: id });
    }
    let (times, since) = match hold.standing {
        Standing::Present => (0, draft.now),
        Standing::Absent { since, times } => (times, since),
    };
    let needed = draft.terms.confirm;
    let confirmed = times >= needed && draft.now.since(since) >= draft.terms.confirm_over;
    if !confirmed {
        return Some(Refusal::Unconfirmed { times, needed, since });
    }
    match &hold.bound {
        Bound::Value { at } => spent(draft, at.kind()).map(|until| Refusal::CoolingDown { until }),
        Bound::Freeze { .. } | Bound::Loosening => None,
    }
}
