//! Step 7: what is in effect now, and the decisions that tell what changed in it.

use proto::decision::DecisionType;
use proto::hold::Hold;
use proto::id::DecisionId;
use proto::ledger::{Direction, Ledger};
use proto::proposal::Bound;
use proto::ruling::Finding;
use proto::time::Time;
use proto::value::{Kind, Mode, Value, Values};

use crate::draft::{Draft, effective};
use crate::freeze::NEVER;
use crate::motion::{By, Motion, Move, Shows, State};
use crate::{book, freeze, payload};

/// Settles what is in effect, and tells what changed, in the order in which it goes out.
/// What was in effect before; none where nothing moved.
pub(crate) fn tell(draft: &mut Draft) -> Option<Box<Values>> {
    // What is in effect follows from the owners' values and the holds, and of each of their changes a move is noted.
    (!draft.moves.is_empty()).then(|| tell_moves(draft).into())
}

fn tell_moves(draft: &mut Draft) -> Values {
    let is = effective(draft.after);
    book::changes(draft.after, &is, draft.now);
    let was = std::mem::replace(&mut draft.after.effective, is);
    let mut lifts = freeze::settle(draft);
    for kind in Kind::ALL {
        tell_value(draft, &was.get(kind), lifts.take_if(|_| kind == Kind::Mode));
    }
    name_in_holds(draft);
    order(draft);
    was
}

/// What became of each proposal: exactly one of three.
pub(crate) fn findings(draft: &mut Draft) -> Vec<Finding> {
    let motions = std::mem::take(&mut draft.motions);
    motions.into_iter().map(|motion| finding(draft, motion)).collect()
}

fn finding(draft: &Draft, motion: Motion) -> Finding {
    match motion.state {
        State::Refused(refusal) => Finding::Refused { refusal: *refusal },
        State::Open | State::Taken => {
            let mut moves = draft.moves.iter().filter(|step| step.motion == Some(motion.number));
            let decision = moves.find_map(|step| draft.told.get(&step.shows)).copied();
            decision.map_or(Finding::Unchanged, |decision| Finding::Decided { decision })
        }
    }
}

/// A decision with the full effective set of a kind, when that changed. The end of a freeze is told with the mode.
fn tell_value(draft: &mut Draft, was: &Value, lifts: Option<Vec<DecisionId>>) {
    let kind = was.kind();
    let is = draft.after.effective.get(kind);
    let end_moved = kind == Kind::Mode && draft.mode_end != mode_end(draft.after);
    let moved = if *was != is || end_moved { mover(draft, was, &is) } else { None };
    let lifter = lifts.as_ref().and_then(|_| first(draft, |step| step.shows == Shows::Lift));
    let Some(by) = moved.or(lifter).cloned() else { return };
    let remaining = mode_end(draft.after).map(|until| until.since(draft.now));
    let is_lift = lifts.is_some();
    let payload = payload::value(&is, draft.terms, remaining, lifts.unwrap_or_default());
    let decision = draft.decide(by, &kind.to_string(), payload);
    draft.told.insert(Shows::Value(kind), decision);
    if is_lift {
        draft.told.insert(Shows::Lift, decision);
    }
}

/// Who stands behind a change: somebody who moved the value that way, the most urgent and most senior of them.
fn mover<'d>(draft: &'d Draft, was: &Value, is: &Value) -> Option<&'d By> {
    let way = if is.is_looser_than(was) && !is.is_tighter_than(was) {
        Direction::Looser
    } else {
        Direction::Tighter
    };
    let shows = Shows::Value(is.kind());
    first(draft, |step| step.shows == shows && step.direction == way)
        .or_else(|| first(draft, |step| step.shows == shows))
}

fn first<'d>(draft: &'d Draft, which: impl Fn(&Move) -> bool) -> Option<&'d By> {
    let moves = draft.moves.iter().filter(|step| which(step)).map(|step| &step.by);
    moves.min_by_key(|by| (by.priority, draft.rank(&by.author)))
}

/// When the effective mode runs out by itself: the latest end of all that ask for it; none is until changed.
pub(crate) fn mode_end(ledger: &Ledger) -> Option<Time> {
    let mode: Mode = ledger.effective.mode;
    let by_owner = (ledger.owned.mode == mode).then(|| ledger.timed_mode.map(|timed| timed.until));
    let holds = |hold: &Hold| match &hold.bound {
        Bound::Value { at: Value::Mode(at) } if *at == mode => Some(hold.until),
        Bound::Value { .. } | Bound::Freeze { .. } | Bound::Loosening => None,
    };
    let ends = by_owner.into_iter().chain(ledger.holds.values().filter_map(holds));
    ends.map(|end| end.unwrap_or(NEVER)).max().filter(|end| *end != NEVER)
}

/// Writes into each hold that moved which decision told of it.
fn name_in_holds(draft: &mut Draft) {
    for step in &draft.moves {
        let decision = draft.told.get(&step.shows).copied();
        let hold = step.hold.and_then(|id| draft.after.holds.get_mut(&id));
        if let (Some(hold), Some(decision)) = (hold, decision) {
            hold.decision_id = Some(decision);
        }
    }
}

/// The order in which decisions go out, and what each of them takes the place of.
fn order(draft: &mut Draft) {
    let mut decisions = std::mem::take(&mut draft.decisions);
    decisions.sort_by_key(|decision| {
        (decision.priority, draft.rank(&decision.role_source), decision.decision_type())
    });
    for decision in &mut decisions {
        let latest = draft.after.latest.insert(decision.decision_type(), decision.decision_id);
        // A task is in force beside the ones before it.
        decision.supersedes = latest.filter(|_| decision.decision_type() != DecisionType::ResearchTask);
    }
    draft.decisions = decisions;
}
