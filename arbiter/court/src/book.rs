//! What a ruling books whatever it decides: who was heard, what they remember, what was ruled, whether equity is
//! believed. Everything here is bounded.

use std::collections::BTreeMap;

use proto::event::Body;
use proto::id::{Role, RuleId};
use proto::ledger::{Direction, Equity, Fired, Ledger};
use proto::number::Usd;
use proto::proposal::Fact;
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
    voices(draft);
}

/// Books what a rule saw when it moved something.
pub(crate) fn fired(draft: &mut Draft, rule: &RuleId, facts: &[Fact]) {
    let all = &mut draft.after.fired;
    all.insert(rule.clone(), Fired { at: draft.now, facts: facts.to_vec() });
    if all.len() > FIRED_MOST {
        let oldest = all.iter().min_by_key(|(_, fired)| fired.at).map(|(rule, _)| rule.clone());
        oldest.and_then(|rule| all.remove(&rule));
    }
}

/// Books that a task of this subject was given out.
pub(crate) fn given_out(ledger: &mut Ledger, subject: &str, now: Time) {
    ledger.research.retain(|_, given| now.since(*given) <= RESEARCH_MEMORY);
    ledger.research.insert(subject.to_owned(), now);
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

fn change(ledger: &mut Ledger, kind: Kind, direction: Direction, now: Time) {
    let changes = ledger.changes.entry(kind).or_default();
    if direction == Direction::Looser {
        changes.loosened_at = Some(now);
        note(&mut changes.loosenings, now, FLAP_WINDOW);
    }
    if changes.last.is_some_and(|last| last != direction) {
        note(&mut changes.reversals, now, REVERSAL_WINDOW);
    }
    changes.last = Some(direction);
}

/// Adds a time, and forgets those that are too old to count.
fn note(times: &mut Vec<Time>, now: Time, window: Period) {
    times.retain(|at| now.since(*at) < window);
    times.push(now);
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
fn voices(draft: &mut Draft) {
    let (now, retry) = (draft.now, draft.now.after(draft.terms.due_retry));
    let Ledger { heard, wakes: alarms, .. } = &mut *draft.after;
    for voice in &draft.voices.roles {
        let (Some(seat), Some(said)) = (voice.seat, voice.said) else { continue };
        if seat.guardian && !heard.contains(voice.role) {
            heard.insert(voice.role.clone());
        }
        if wakes(seat) {
            set_alarm(alarms, voice.role, said.wake_at);
        }
    }
    // One in the past would go off again and again.
    alarms.values_mut().filter(|at| **at <= now).for_each(|at| *at = retry);
    let is_woken = |role: &Role| draft.terms.seats.get(role).is_some_and(wakes);
    if !alarms.keys().all(is_woken) {
        alarms.retain(|role, _| is_woken(role));
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
