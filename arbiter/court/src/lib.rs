//! The court: the pure function from what was heard on an event to the ruling on it.
//!
//! No clock, no randomness, no I/O: the same matter and terms give the same bytes, so that a ruling can be recomputed
//! from itself. Its seven steps stand in order in `deliberation`.

mod audit;
mod book;
mod bounds;
mod conflict;
mod decisions;
mod deliberation;
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
mod voices;

use proto::event::Event;
use proto::ledger::Ledger;
use proto::proposal::Proposal;
use proto::ruling::Ruling;
use proto::terms::Terms;

pub use audit::{Breach, audit};
pub use deliberation::{Deliberation, Judgement, may_need_review};
pub use due::next_due;
pub use matter::{Matter, genesis};
pub use voices::{Said, Voice, Voices, heard};

/// Whether this event was ruled already: an entry that is not past the stream's last one, the same told again under
/// another entry, or a command or timer that is remembered.
#[must_use]
pub fn already_ruled(ledger: &Ledger, event: &Event) -> bool {
    ledger.ruled.knows(event)
}

/// What still loosens when everything that stands was weighed, as it would be granted: what the reviewer is asked about.
/// Empty when no review is needed.
#[must_use]
pub fn for_review(terms: &Terms, matter: &Matter) -> Vec<Proposal> {
    let mut ledger = matter.before.clone();
    let voices = matter.voices(terms);
    Deliberation::open(terms, &matter.event, &mut ledger, &voices).for_review()
}

/// The ruling on a matter. Where [`for_review`] names something, the hearing holds the review; without one nothing
/// loosens.
#[must_use]
pub fn rule(terms: &Terms, matter: Matter) -> Ruling {
    let mut after = matter.before.clone();
    let voices = matter.voices(terms);
    let deliberation = Deliberation::open(terms, &matter.event, &mut after, &voices);
    let Judgement { findings, decisions, .. } = deliberation.close(matter.hearing.review.as_ref());
    let outcomes = voices.outcomes(findings);
    matter.ruled(terms, outcomes, decisions, after)
}
