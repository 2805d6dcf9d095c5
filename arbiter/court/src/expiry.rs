//! What time does: holds and timed modes that are due end, or are extended while their cause stands.

use proto::decision::{Author, DecisionType, Priority, Severity};
use proto::event::EventKind;
use proto::hold::{Hold, Standing};
use proto::id::{Role, RuleId};
use proto::ledger::{Direction, TimedMode};
use proto::proposal::Bound;
use proto::value::{Kind, Value};

use crate::draft::Draft;
use crate::holds::{extend, is_in_margin, is_overdue, margin};
use crate::motion::By;
use crate::standing;

/// The rule behind what time does to a timed mode.
const TIMED_MODE: RuleId = RuleId::new("court.timed-mode");

/// Ends or extends the holds that are due.
pub(crate) fn holds(draft: &mut Draft) {
    let (terms, now) = (draft.terms, draft.now);
    let is_due = |hold: &Hold| is_overdue(hold) || hold.until.is_some_and(|until| until <= now);
    let is_near = |hold: &&Hold| is_due(hold) || is_in_margin(terms, hold, now);
    let near: Vec<Hold> = draft.after.holds.values().filter(is_near).cloned().collect();
    for hold in near {
        match hold.owner.clone() {
            Author::Manual if is_due(&hold) => end(draft, &hold),
            Author::Manual => {}
            Author::Role(owner) if is_due(&hold) => judge(draft, &owner, hold),
            Author::Role(owner) => renew_early(draft, &owner, hold),
        }
    }
}

/// Extends a timed mode that is about to run out, or lets it step back when its cause is gone.
pub(crate) fn timed_mode(draft: &mut Draft) {
    let Some(timed) = draft.after.timed_mode else { return };
    let is_near = draft.now >= timed.until.before(margin(draft.terms, timed.duration));
    let is_due = draft.now >= timed.until;
    let in_review = draft.loosening.iter().any(|loosening| loosening.value.kind() == Kind::Mode);
    let cause_is_gone = draft.after.evidence.contains_key(&Kind::Mode);
    if !is_near || in_review || (cause_is_gone && !is_due) {
        return;
    }
    let next = Value::Mode(timed.mode.one_stage_looser());
    let mode = timed.mode;
    if cause_is_gone && may_step(draft, &next) {
        let by = by_clock(
            draft,
            Priority::Normal,
            &format!("{mode} ended: its time ran out and its cause is gone"),
        );
        draft.set_owned(next, Direction::Looser, by, None);
        draft.after.timed_mode = None;
    } else {
        let by = by_clock(draft, Priority::High, &format!("{mode} extended: its cause was not seen to end"));
        extend_mode(draft, TimedMode { until: draft.now.after(timed.duration), ..timed }, by, None);
    }
}

/// Puts a later end to the mode in force, on somebody's word.
pub(crate) fn extend_mode(draft: &mut Draft, timed: TimedMode, by: By, motion: Option<usize>) {
    let pending = draft.after.evidence.remove(&Kind::Mode);
    draft.set_owned(Value::Mode(timed.mode), Direction::Tighter, by, motion);
    draft.after.timed_mode = Some(timed);
    // Time alone says nothing against a cause that is on its way to be gone; a role that asks again does.
    if motion.is_none() {
        draft.after.evidence.extend(pending.map(|evidence| (Kind::Mode, evidence)));
    }
}

fn end(draft: &mut Draft, hold: &Hold) {
    let by = By::time(hold, Priority::Normal, "ended: its time ran out");
    draft.end_hold(hold.id, by, None);
}

/// A due hold of a role: extended while its cause stands, ended when it is gone and the event is fit to loosen on, and
/// standing without an end until then.
fn judge(draft: &mut Draft, owner: &Role, mut hold: Hold) {
    if !draft.is_heard(owner) {
        return stand(draft, owner, hold);
    }
    match hold.standing {
        Standing::Absent { .. } if draft.unfit_to_loosen().is_some() => stand(draft, owner, hold),
        Standing::Absent { .. } => {
            let by = By::time(&hold, Priority::Normal, "ended: its time ran out and its cause is gone");
            draft.end_hold(hold.id, by, None);
        }
        Standing::Present => {
            if extend(&mut hold, None, draft.now) {
                renewed(draft, hold, "extended: its cause stands");
            }
        }
    }
}

/// Before a hold ends whose cause stands, the timer asks; the backend counts too, and would end it by itself.
fn renew_early(draft: &mut Draft, owner: &Role, mut hold: Hold) {
    if draft.event.kind() != EventKind::ClockDue || hold.standing != Standing::Present {
        return;
    }
    if !draft.is_heard(owner) {
        stand(draft, owner, hold);
    } else if extend(&mut hold, None, draft.now) {
        renewed(draft, hold, "extended: its cause stands");
    }
}

/// Nobody can say that the cause is gone: the hold stays, and the backend is told so, whose own timer would end it. Where
/// its owner has no say on this kind of event, one that does is on its way.
fn stand(draft: &mut Draft, owner: &Role, mut hold: Hold) {
    if draft.is_interested(owner) && hold.until.take().is_some() {
        renewed(draft, hold, "stands: nobody could say that its cause is gone");
    }
}

fn renewed(draft: &mut Draft, hold: Hold, what: &str) {
    let by = By::time(&hold, urgency(&hold), what);
    draft.hold_moved(&hold, Direction::Tighter, by, None);
    draft.after.holds.insert(hold.id, hold);
}

/// How urgent it is that a hold goes on: a freeze that is more than a break is as urgent as when it was placed.
const fn urgency(hold: &Hold) -> Priority {
    match &hold.bound {
        Bound::Freeze { severity: Severity::High | Severity::Critical, .. } => Priority::Critical,
        Bound::Freeze { severity: Severity::Medium, .. } | Bound::Loosening | Bound::Value { .. } => {
            Priority::High
        }
    }
}

/// Whether a mode whose cause is gone may step back without further confirmation: somebody who can tell was heard.
fn may_step(draft: &Draft, next: &Value) -> bool {
    let guarded = draft.guardians().any(|role| draft.is_heard(role));
    let owner_missing = draft
        .owner_of(DecisionType::ModeChange)
        .is_some_and(|role| draft.is_interested(role) && !draft.is_heard(role));
    guarded
        && !owner_missing
        && standing::obstacle(draft, next).is_none()
        && standing::freeze_against(draft, next).is_none()
}

fn by_clock(draft: &Draft, priority: Priority, what: &str) -> By {
    let owner = draft.owner_of(DecisionType::ModeChange);
    let author = owner.map_or(Author::Manual, |role| Author::Role(role.clone()));
    By { author, rule: TIMED_MODE, priority, reason: format!("[{TIMED_MODE}] {what}") }
}
