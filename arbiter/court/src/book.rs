//! What a ruling books whatever it decides: who was heard, what they remember, what was ruled, whether equity is
//! believed. Everything here is bounded.

use proto::event::{Body, Source};
use proto::ledger::{Direction, Equity, Ledger, Ruled};
use proto::number::Usd;
use proto::ruling::Heard;
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::value::{Kind, Values};

use crate::draft::{Draft, wakes};

/// How long a loosening counts against the flap budget.
pub(crate) const FLAP_WINDOW: Period = Period::from_hours(24);
/// How long a reversal of direction is remembered.
const REVERSAL_WINDOW: Period = Period::from_hours(1);
/// How long it is remembered that a task was given out.
const RESEARCH_MEMORY: Period = Period::from_hours(7 * 24);
/// How many rules are remembered for what they last saw; the longest unheard goes first.
const FIRED_MOST: usize = 256;

/// Books the event and the hearing.
pub(crate) fn enter(draft: &mut Draft) {
    let (before, now) = (&draft.matter.before, draft.now);
    draft.after.version = before.version.next();
    draft.after.at = now;
    ruled(draft);
    equity(draft);
    guardians(draft);
    memories(draft);
    draft.after.research.retain(|_, given| now.since(*given) <= RESEARCH_MEMORY);
}

/// Books how the effective values went, and forgets what is too old to count.
pub(crate) fn changes(ledger: &mut Ledger, effective: &Values, now: Time) {
    for kind in Kind::ALL {
        let (was, is) = (ledger.effective.get(kind), effective.get(kind));
        let direction = if is.is_looser_than(&was) {
            Some(Direction::Looser)
        } else {
            is.is_tighter_than(&was).then_some(Direction::Tighter)
        };
        if let Some(direction) = direction {
            change(ledger, kind, direction, now);
        }
    }
    for changes in ledger.changes.values_mut() {
        changes.loosenings.retain(|at| now.since(*at) < FLAP_WINDOW);
        changes.reversals.retain(|at| now.since(*at) < REVERSAL_WINDOW);
    }
    while ledger.fired.len() > FIRED_MOST {
        let oldest = ledger.fired.iter().min_by_key(|(_, fired)| fired.at).map(|(rule, _)| rule.clone());
        oldest.and_then(|rule| ledger.fired.remove(&rule));
    }
}

fn change(ledger: &mut Ledger, kind: Kind, direction: Direction, now: Time) {
    let changes = ledger.changes.entry(kind).or_default();
    if direction == Direction::Looser {
        changes.loosened_at = Some(now);
        changes.loosenings.push(now);
    }
    if changes.last.is_some_and(|last| last != direction) {
        changes.reversals.push(now);
    }
    changes.last = Some(direction);
}

/// Remembers the event: ruling it again would count it twice.
fn ruled(draft: &mut Draft) {
    let event = &draft.matter.event;
    let ruled = &mut draft.after.ruled;
    match &event.source {
        Source::Redis { stream, entry, .. } => {
            let latest = ruled.entries.entry(stream.clone()).or_default();
            *latest = (*latest).max(*entry);
        }
        Source::Operator | Source::Clock => {
            ruled.recent.push(event.id);
            let surplus = ruled.recent.len().saturating_sub(Ruled::RECENT);
            ruled.recent.drain(..surplus);
        }
    }
}

/// A jump of equity makes snapshots suspect until enough of them agree.
fn equity(draft: &mut Draft) {
    let Body::Snapshot(snapshot) = &draft.matter.event.body else { return };
    let seen = snapshot.total_equity;
    let suspect_for = match draft.matter.before.equity {
        None => 0,
        Some(last) if jumps(draft.terms, last.seen, seen) => draft.terms.suspect_confirm,
        Some(last) => last.suspect_for.saturating_sub(1),
    };
    draft.suspect = suspect_for > 0;
    draft.after.equity = Some(Equity { seen, suspect_for });
}

fn jumps(terms: &Terms, last: Usd, seen: Usd) -> bool {
    let gap = if seen > last { seen.minus(last) } else { last.minus(seen) };
    // Nothing is a share of nothing: from a base that is not positive any change is a jump.
    gap.share_of(last).map_or(seen != last, |share| share > terms.suspect_jump_pct)
}

fn guardians(draft: &mut Draft) {
    let heard: Vec<_> = draft.guardians().filter(|role| draft.is_heard(role)).cloned().collect();
    draft.after.heard.extend(heard);
}

/// Takes over what each heard role remembers and when it wants to be woken. A role that was not heard keeps its memory,
/// and an alarm of it that went off unheard is put off.
fn memories(draft: &mut Draft) {
    let (now, retry) = (draft.now, draft.now.after(draft.terms.due_retry));
    for (role, seat) in &draft.terms.seats {
        if let Some(Heard::Verdict { verdict, .. }) = draft.matter.hearing.roles.get(role) {
            draft.after.memories.insert(role.clone(), verdict.memory.clone());
            draft.after.wakes.remove(role);
            let wake_at = verdict.wake_at.filter(|_| wakes(seat));
            // An alarm in the past would go off again and again.
            let wake_at = wake_at.map(|at| if at > now { at } else { retry });
            draft.after.wakes.extend(wake_at.map(|at| (role.clone(), at)));
        } else if let Some(at) = draft.after.wakes.get_mut(role).filter(|at| **at <= now) {
            *at = retry;
        }
    }
    draft.after.wakes.retain(|role, _| draft.terms.seats.get(role).is_some_and(wakes));
}
