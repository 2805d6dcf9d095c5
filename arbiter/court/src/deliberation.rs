//! A deliberation: the court's seven steps on one event, in place on the portfolio's ledger. It pauses before the sixth,
//! so that the reviewer can be asked in the middle of it.

use proto::decision::Decision;
use proto::event::Event;
use proto::ledger::Ledger;
use proto::proposal::{Ask, Proposal};
use proto::ruling::{Finding, HeardReview};
use proto::terms::Terms;
use proto::value::{Kind, Values};

use crate::draft::Draft;
use crate::voices::Voices;
use crate::{conflict, decisions, holds, review, standing, validity};

/// The first five steps, done. The ledger is between its two states until this is closed.
#[must_use]
pub struct Deliberation<'a>(Draft<'a>);

/// What came of a deliberation, besides the new ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What became of each proposal, in the order of [`Voices::proposals`].
    pub findings: Vec<Finding>,
    /// What the backend is told, in this order.
    pub decisions: Vec<Decision>,
    /// What was in effect before; none where nothing moved.
    pub was: Option<Box<Values>>,
}

impl<'a> Deliberation<'a> {
    /// Takes up an event with all that was said on it, and weighs it.
    pub fn open(terms: &'a Terms, event: &'a Event, ledger: &'a mut Ledger, voices: &'a Voices<'a>) -> Self {
        // Worked on where it stays: a draft is large.
        let mut opened = Self(Draft::open(terms, event, ledger, voices));
        let draft = &mut opened.0;
        validity::drop_invalid(draft); // 1: what is not valid
        holds::settle(draft); // 2: causes, and holds that are due
        conflict::seniors_win(draft); // 3: same subject, several roles
        conflict::seniors_stop_juniors(draft); // 4: opposite directions in one round
        standing::weigh(draft); // 5: what stands against loosening
        opened
    }

    /// What still loosens, as it would be granted: what the reviewer is asked about, if it is anything.
    #[must_use]
    pub fn for_review(&self) -> Vec<Proposal> {
        self.0.loosening.iter().map(|loosening| loosening.proposal.clone()).collect()
    }

    /// Hears the review, where one was needed, and settles the ledger. Without a review nothing loosens.
    #[must_use]
    pub fn close(mut self, review: Option<&HeardReview>) -> Judgement {
        let draft = &mut self.0;
        review::hear(draft, review); // 6: vetoes
        let was = decisions::tell(draft); // 7: the new ledger, and what is told of it
        let findings = decisions::findings(draft);
        Judgement { findings, decisions: self.0.decisions, was }
    }
}

/// Whether a review may come of this: somebody asks for a value on its way to being confirmed, and this event may be the
/// last that it takes. Who keeps no state before the event has to copy it then, for the reviewer.
#[must_use]
pub fn may_need_review(terms: &Terms, ledger: &Ledger, voices: &Voices<'_>) -> bool {
    let so_far = |kind| ledger.evidence.get(&kind).map_or(0, |evidence| evidence.times);
    let timed = |kind| kind == Kind::Mode && ledger.timed_mode.is_some();
    let confirms = |kind| so_far(kind).saturating_add(1) >= terms.confirm || timed(kind);
    // Mostly nothing is on its way, so that nothing that is asked matters.
    let may = terms.confirm <= 1 || !ledger.evidence.is_empty() || ledger.timed_mode.is_some();
    may && voices.proposals().any(|proposal| match &proposal.ask {
        Ask::Set { value, .. } => confirms(value.kind()),
        Ask::Freeze { .. }
        | Ask::Hold { .. }
        | Ask::Clear { .. }
        | Ask::Research { .. }
        | Ask::Release { .. } => false,
    })
}
