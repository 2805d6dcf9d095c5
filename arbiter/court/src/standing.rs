//! Step 5: what is tighter applies at once; what is looser has to get past everything that stands, and be confirmed.

use proto::decision::{Author, Payload, ResearchTask};
use proto::hold::Hold;
use proto::ledger::{Direction, Evidence, TimedMode};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::Refusal;
use proto::time::{Period, Time};
use proto::value::{Kind, Mode, Value};

use crate::book::FLAP_WINDOW;
use crate::draft::Draft;
use crate::holds::{lift_cleared, margin};
use crate::motion::{By, Loosening, Motion, Move, Shows};
use crate::{book, expiry, manual};

/// One task of a subject in this time.
const RESEARCH_INTERVAL: Period = Period::from_hours(24);

/// Weighs each proposal that is left against what stands.
pub(crate) fn weigh(draft: &mut Draft) {
    draft.each_open(|draft, motion| match &motion.proposal.ask {
        _ if motion.from == Author::Manual => manual::obey(draft, motion),
        Ask::Set { value, duration } if draft.after.owned.has(value) => {
            confirm_in_force(draft, motion, value.kind(), *duration);
        }
        Ask::Set { value, duration } => set(draft, motion, value.clone(), *duration),
        Ask::Clear { cause, kind } => lift_cleared(draft, motion, cause, *kind),
        Ask::Research { task } => give_out(draft, motion, task),
        // Holds were placed in step 2, and roles release none.
        Ask::Freeze { .. } | Ask::Hold { .. } | Ask::Release { .. } => {}
    });
    expiry::timed_mode(draft);
}

/// What stands against a looser value of a role on this event, confirmed or not.
pub(crate) fn obstacle(draft: &Draft, value: &Value) -> Option<Refusal> {
    draft
        .unfit_to_loosen()
        .or_else(|| hold_against(draft, value))
        .or_else(|| cooling_down(draft, value.kind()))
}

/// A freeze stands against LIVE. Apart from the other holds: the reviewer says so first, in an OVERRIDE.
pub(crate) fn freeze_against(draft: &Draft, value: &Value) -> Option<Refusal> {
    let freeze = draft.after.holds.values().find(|hold| hold.is_freeze());
    freeze.filter(|_| *value == Value::Mode(Mode::Live)).map(refusal_of)
}

/// Another value than the owner's is set by its owner.
fn set(draft: &mut Draft, motion: &mut Motion, value: Value, duration: Option<Period>) {
    let owned = draft.after.owned.get(value.kind());
    let (tighter, looser) = (value.is_tighter_than(&owned), value.is_looser_than(&owned));
    if tighter || !looser {
        let taken = if looser { owned.meet(&value) } else { value.clone() };
        // A change that is neither is nobody's loosening: weights, or a new order of symbols.
        put_in_force(draft, motion, taken, duration, Direction::Tighter);
    }
    if looser {
        loosen(draft, motion, value, duration);
    }
}

/// Puts an owner's value in force.
pub(crate) fn put_in_force(
    draft: &mut Draft,
    motion: &mut Motion,
    value: Value,
    duration: Option<Period>,
    direction: Direction,
) {
    if let Value::Mode(mode) = value {
        // There is nothing to come back from LIVE to.
        let duration = duration.filter(|_| mode != Mode::Live);
        draft.after.timed_mode =
            duration.map(|duration| TimedMode { mode, until: draft.now.after(duration), duration });
    }
    draft.set_owned(value, direction, By::proposal(motion.proposal), Some(motion.number));
    draft.fired(motion.proposal);
    motion.take();
}

/// What is in force is asked for again: nothing changes, but that its cause stands. A timed mode near its end is extended.
fn confirm_in_force(draft: &mut Draft, motion: &mut Motion, kind: Kind, duration: Option<Period>) {
    draft.after.evidence.remove(&kind);
    motion.take();
    let Some(timed) = draft.after.timed_mode.filter(|_| kind == Kind::Mode) else { return };
    let near = draft.now >= timed.until.before(margin(draft.terms, timed.duration));
    let by = By::proposal(motion.proposal);
    match duration {
        Some(duration) if near => {
            let until = timed.until.max(draft.now.after(duration));
            let timed = TimedMode { until, duration, ..timed };
            expiry::extend_mode(draft, timed, by, Some(motion.number));
        }
        Some(_) => return,
        None => {
            let mode = draft.after.owned.get(kind);
            draft.set_owned(mode, Direction::Tighter, by, Some(motion.number));
            draft.after.timed_mode = None;
        }
    }
    draft.fired(motion.proposal);
}

fn loosen(draft: &mut Draft, motion: &mut Motion, value: Value, duration: Option<Period>) {
    if let Some(refusal) = motion.bar().or_else(|| obstacle(draft, &value)) {
        return motion.refuse(refusal);
    }
    let pending = draft.after.evidence.contains_key(&value.kind());
    let evidence = add_evidence(draft, value);
    let (times, needed, since) = (evidence.times, draft.terms.confirm, evidence.since);
    let confirmed = times >= needed && draft.now.since(since) >= draft.terms.confirm_over;
    if confirmed || (pending && timed_mode_is_due(draft, &evidence.value)) {
        let proposal = granted(motion, evidence.value.clone());
        draft.loosening.push(Loosening { motion: motion.number, proposal, value: evidence.value, duration });
    } else {
        motion.refuse(Refusal::Unconfirmed { times, needed, since });
    }
}

/// Counts one more event that speaks for a looser value. What would be granted is the tightest that was asked for.
fn add_evidence(draft: &mut Draft, value: Value) -> Evidence {
    let kind = value.kind();
    let owned = draft.after.owned.get(kind);
    let so_far = draft.after.evidence.remove(&kind);
    let met = so_far.map(|e| Evidence { value: e.value.meet(&value), times: e.times.saturating_add(1), ..e });
    let evidence = met.filter(|evidence| evidence.value.is_looser_than(&owned)).unwrap_or(Evidence {
        value,
        times: 1,
        since: draft.now,
    });
    draft.after.evidence.insert(kind, evidence.clone());
    evidence
}

/// A timed mode that ran out and was seen to have no cause needs no further confirmation.
fn timed_mode_is_due(draft: &Draft, value: &Value) -> bool {
    let due = draft.after.timed_mode.is_some_and(|timed| timed.until <= draft.now);
    due && value.kind() == Kind::Mode
}

/// The proposal as it would be granted: what the reviewer is asked about.
fn granted(motion: &Motion, value: Value) -> Proposal {
    let mut proposal = motion.proposal.clone();
    if let Ask::Set { value: asked, .. } = &mut proposal.ask {
        *asked = value;
    }
    proposal
}

/// The hold that a looser value would get past, an operator's first.
fn hold_against(draft: &Draft, value: &Value) -> Option<Refusal> {
    let bars = |hold: &&Hold| match &hold.bound {
        Bound::Value { at } => value.is_looser_than(at),
        Bound::Loosening => true,
        Bound::Freeze { .. } => hold.owner == Author::Manual || value.kind() != Kind::Mode,
    };
    let holds = draft.after.holds.values().filter(bars);
    holds.min_by_key(|hold| (draft.rank(&hold.owner), hold.id)).map(refusal_of)
}

fn refusal_of(hold: &Hold) -> Refusal {
    match hold.owner {
        Author::Manual => Refusal::ManualHold { hold: hold.id },
        Author::Role(_) => Refusal::Held { hold: hold.id, cause: hold.cause.clone() },
    }
}

/// A value that loosened not long ago, or too often today, waits.
fn cooling_down(draft: &Draft, kind: Kind) -> Option<Refusal> {
    let changes = draft.after.changes.get(&kind)?;
    let cool_down = draft.terms.cool_down.get(&kind).copied().unwrap_or(Period::ZERO);
    let rested = changes.loosened_at.map(|at| at.after(cool_down)).filter(|until| *until > draft.now);
    let until = rested.max(spent(draft, kind))?;
    Some(Refusal::CoolingDown { until })
}

/// Until when a value waits that loosened as often today as it may, at its owner's word or by the end of a hold on it.
pub(crate) fn spent(draft: &Draft, kind: Kind) -> Option<Time> {
    let changes = draft.after.changes.get(&kind)?;
    let budget = usize::try_from(draft.terms.flap_budget).unwrap_or(usize::MAX);
    let mut latest = changes.loosenings.iter().rev();
    let recovered = latest.nth(budget.saturating_sub(1)).map(|at| at.after(FLAP_WINDOW));
    recovered.filter(|until| *until > draft.now)
}

/// A research task, unless one of its subject was given out within the interval.
fn give_out(draft: &mut Draft, motion: &mut Motion, task: &ResearchTask) {
    let subject = task.subject();
    let last = draft.after.research.get(&subject);
    motion.take();
    if last.is_some_and(|last| draft.now.since(*last) < RESEARCH_INTERVAL) {
        return;
    }
    book::given_out(draft.after, &subject, draft.now);
    let by = By::proposal(motion.proposal);
    let decision = draft.decide(by.clone(), &subject, Payload::ResearchTask(task.clone()));
    let shows = Shows::Task(subject);
    draft.told.insert(shows.clone(), decision);
    let (direction, motion_number) = (Direction::Tighter, Some(motion.number));
    draft.moves.push(Move { shows, direction, by, motion: motion_number, hold: None });
    draft.fired(motion.proposal);
}
