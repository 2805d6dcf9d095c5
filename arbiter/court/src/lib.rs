//! The court: the pure function from what was heard on an event to the ruling on it.
//!
//! No clock, no randomness, no I/O: the same matter and terms give the same bytes, so that a ruling can be recomputed
//! from itself. Its seven steps stand in order in `deliberate`, at the end of this file.

mod audit;
mod book;
mod bounds;
mod conflict;
mod decisions;
mod draft;
mod due;
mod expiry;
mod freeze;
mod holds;
mod manual;
mod matter;
mod motion;
mod payload;
pub mod policy;
mod review;
mod standing;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod validity;

use proto::event::{Event, Source};
use proto::ledger::Ledger;
use proto::proposal::Proposal;
use proto::ruling::Ruling;
use proto::terms::Terms;
use proto::wire::Schema;

pub use audit::{Breach, audit};
pub use due::next_due;
pub use matter::{Matter, genesis};

use draft::Draft;

/// Whether this event was ruled already: an entry that is not past the stream's last one, or an event that is remembered.
#[must_use]
pub fn already_ruled(ledger: &Ledger, event: &Event) -> bool {
    match &event.source {
        Source::Redis { stream, entry, .. } => {
            ledger.ruled.entries.get(stream).is_some_and(|latest| entry <= latest)
        }
        Source::Operator | Source::Clock => ledger.ruled.recent.contains(&event.id),
    }
}

/// What still loosens when everything that stands was weighed, as it would be granted: what the reviewer is asked about.
/// Empty when no review is needed.
#[must_use]
pub fn for_review(terms: &Terms, matter: &Matter) -> Vec<Proposal> {
    deliberate(terms, matter).loosening.into_iter().map(|loosening| loosening.proposal).collect()
}

/// The ruling on a matter. Where [`for_review`] names something, the hearing holds the review; without one nothing
/// loosens.
#[must_use]
pub fn rule(terms: &Terms, matter: Matter) -> Ruling {
    let mut draft = deliberate(terms, &matter);
    let outcomes = decisions::outcomes(&mut draft);
    let Draft { after, decisions, .. } = draft;
    Ruling {
        schema: Schema::Ruling,
        portfolio: after.portfolio.clone(),
        version: after.version,
        previous: matter.previous,
        position: matter.position,
        event: matter.event,
        terms: terms.clone(),
        hearing: matter.hearing,
        before: matter.before,
        outcomes,
        decisions,
        after,
    }
}

/// The seven steps.
fn deliberate<'a>(terms: &'a Terms, matter: &'a Matter) -> Draft<'a> {
    let mut draft = Draft::open(terms, matter);
    validity::drop_invalid(&mut draft); // 1: what is not valid
    holds::settle(&mut draft); // 2: causes, and holds that are due
    conflict::seniors_win(&mut draft); // 3: same subject, several roles
    conflict::seniors_stop_juniors(&mut draft); // 4: opposite directions in one round
    standing::weigh(&mut draft); // 5: what stands against loosening
    review::hear(&mut draft); // 6: vetoes
    decisions::tell(&mut draft); // 7: the new ledger, and what is told of it
    draft
}
