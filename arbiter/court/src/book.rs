//! What a ruling books whatever it decides: who was heard, what they remember, what was ruled, whether equity is
//! believed. Everything here is bounded.

use std::collections::BTreeMap;

use proto::event::Body;
use proto::id::Role;
use proto::ledger::{Direction, Equity, Ledger};
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
    let now = draft.now;
    draft.after.version = draft.after.version.next();
    draft.after.at = now;
    // Ruling the event again would count it twice.
    draft.after.ruled.remember(draft.event);
    equity(draft);
    seats(draft);
    let is_old = |given: &Time| now.since(*given) > RESEARCH_MEMORY;
    // Mostly nothing is; to look is cheaper than to take the map apart.
    if draft.after.research.values().any(is_old) {
        draft.after.research.retain(|_, given| !is_old(given));
    }
}

/// Books what each heard role remembers. A role that was not heard keeps its memory.
pub(crate) fn memories(ledger: &mut Ledger, terms: &Terms, roles: &BTreeMap<Role, Heard>) {
    for (role, heard) in roles.iter().filter(|(role, _)| terms.seats.contains_key(*role)) {
        if let Heard::Verdict { verdict, .. } = heard {
            ledger.memories.insert(role.clone(), verdict.memory.clone());
        }
    }
}

/// Books how the effective values went.
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
}

/// Forgets what is too old, or too much, to count.
pub(crate) fn forget(ledger: &mut Ledger, now: Time) {
    for changes in ledger.changes.values_mut() {
        forget_older(&mut changes.loosenings, now, FLAP_WINDOW);
        forget_older(&mut changes.reversals, now, REVERSAL_WINDOW);
    }
    while ledger.fired.len() > FIRED_MOST {
        let oldest = ledger.fired.iter().min_by_key(|(_, fired)| fired.at).map(|(rule, _)| rule.clone());
        oldest.and_then(|rule| ledger.fired.remove(&rule));
    }
}

fn forget_older(times: &mut Vec<Time>, now: Time, window: Period) {
    let is_old = |at: &Time| now.since(*at) >= window;
    // Mostly nothing is; to look is cheaper than to move what stays.
    if times.iter().any(is_old) {
        times.retain(|at| !is_old(at));
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

/// A jump of equity makes snapshots suspect until enough of them agree; so does a producer that does not rely on them.
fn equity(draft: &mut Draft) {
    let Body::Snapshot(snapshot) = &draft.event.body else { return };
    if snapshot.degraded {
        // What its own producer does not rely on is nothing to measure the next one by.
        draft.suspect = true;
        return;
    }
    let seen = snapshot.total_equity;
    let suspect_for = match draft.after.equity {
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

/// Books which guardians were heard, and when each heard role wants to be woken. An alarm of one that was not heard, and
/// that went off, is put off.
fn seats(draft: &mut Draft) {
    let (now, retry) = (draft.now, draft.now.after(draft.terms.due_retry));
    let mut alarms = 0;
    for (role, seat) in &draft.terms.seats {
        let wakes = wakes(seat);
        if !seat.guardian && !wakes {
            continue;
        }
        let said = draft.statement(role).map(|said| said.wake_at);
        if seat.guardian && said.is_some() && !draft.after.heard.contains(role) {
            draft.after.heard.insert(role.clone());
        }
        if wakes {
            let alarm = match said {
                // An alarm in the past would go off again and again.
                Some(wake_at) => wake_at.map(|at| if at > now { at } else { retry }),
                None => draft.after.wakes.get(role).map(|at| if *at > now { *at } else { retry }),
            };
            alarms += usize::from(alarm.is_some());
            set_alarm(&mut draft.after.wakes, role, alarm);
        }
    }
    // More alarms than were set are of roles that are woken no more.
    if draft.after.wakes.len() > alarms {
        let seats = &draft.terms.seats;
        draft.after.wakes.retain(|role, _| seats.get(role).is_some_and(wakes));
    }
}

fn set_alarm(alarms: &mut BTreeMap<Role, Time>, role: &Role, alarm: Option<Time>) {
    match (alarms.get_mut(role), alarm) {
        (Some(set), Some(at)) => *set = at,
        (None, Some(at)) => {
            alarms.insert(role.clone(), at);
        }
        (Some(_), None) => {
            alarms.remove(role);
        }
        (None, None) => {}
    }
}
