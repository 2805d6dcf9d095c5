//! When the arbiter has to send `clock.due`.

use proto::decision::Author;
use proto::hold::{Hold, Standing};
use proto::ledger::Ledger;
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::value::Kind;

use crate::holds::{is_overdue, margin};

/// When something of this ledger is due next: a hold, a timed mode, or a role's alarm.
#[must_use]
pub fn next_due(terms: &Terms, ledger: &Ledger) -> Option<Time> {
    let holds = ledger.holds.values().flat_map(|hold| hold_due(terms, hold));
    let mode = ledger.timed_mode.map(|timed| {
        let cause_is_gone = ledger.evidence.contains_key(&Kind::Mode);
        if cause_is_gone { timed.until } else { timed.until.before(margin(terms, timed.duration)) }
    });
    let targets = holds.chain(mode).chain(ledger.wakes.values().copied());
    targets.map(|target| from_now(terms, target, ledger.at)).min()
}

/// When a hold has to be looked at: its end; shortly before it while its cause stands; and from its placing on when it
/// stands without an end because nobody could judge it.
fn hold_due(terms: &Terms, hold: &Hold) -> impl Iterator<Item = Time> {
    let overdue = is_overdue(hold).then_some(hold.placed_at);
    let asks_early = hold.owner != Author::Manual && hold.standing == Standing::Present;
    let timed = hold.until.zip(hold.duration).filter(|_| asks_early);
    let early = timed.map(|(until, duration)| until.before(margin(terms, duration)));
    [overdue, early, hold.until].into_iter().flatten()
}

/// A target that is past was looked at in vain: the next of its tries, at a fixed pace from the target on, so that other
/// events cannot put it off for ever.
fn from_now(terms: &Terms, target: Time, at: Time) -> Time {
    if target > at {
        return target;
    }
    let pace = terms.due_retry.as_millis().max(1);
    let tries = at.since(target).as_millis() / pace + 1;
    target.after(Period::from_millis(tries.saturating_mul(pace)))
}
