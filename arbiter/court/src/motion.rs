//! Motions and moves: a proposal on its way through the steps, and what it (or time) moved.

use proto::decision::{Author, Priority};
use proto::hold::Hold;
use proto::id::{HoldId, RuleId};
use proto::ledger::Direction;
use proto::proposal::Proposal;
use proto::ruling::Refusal;
use proto::terms::Terms;
use proto::time::Period;
use proto::value::{Kind, Value};

use crate::deliberation::Voice;

/// A proposal on its way through the steps.
pub(crate) struct Motion {
    pub(crate) number: usize,
    /// Who said it, whatever the proposal itself says.
    pub(crate) from: Author,
    /// How senior that is: see [`rank`].
    pub(crate) rank: u8,
    /// Which of that author's proposals it is, from 0.
    pub(crate) place: usize,
    pub(crate) proposal: Proposal,
    pub(crate) state: State,
    /// Whether it placed a hold or made one stricter.
    pub(crate) strengthened: bool,
    /// Why it must not loosen, whatever else it does.
    pub(crate) barred: Option<Box<Refusal>>,
}

/// What became of a proposal so far. A refusal stands apart: most motions carry none, and all are handed on.
pub(crate) enum State {
    Open,
    /// It moved something; whether that shows is known when the effective values are.
    Taken,
    Refused(Box<Refusal>),
}

/// Something that changed a value of an owner or a hold.
pub(crate) struct Move {
    pub(crate) shows: Shows,
    pub(crate) direction: Direction,
    pub(crate) by: By,
    /// The proposal that did it; none where time did.
    pub(crate) motion: Option<usize>,
    pub(crate) hold: Option<HoldId>,
}

/// Which decision a move shows in, if it shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shows {
    Value(Kind),
    Freeze,
    Lift,
    Task(String),
}

/// Who stands behind a decision, and why.
#[derive(Clone)]
pub(crate) struct By {
    pub(crate) author: Author,
    pub(crate) rule: RuleId,
    pub(crate) priority: Priority,
    pub(crate) reason: String,
}

/// A loosening that is confirmed and allowed, and only waits for the review.
#[derive(Clone)]
pub(crate) struct Loosening {
    pub(crate) motion: usize,
    pub(crate) proposal: Proposal,
    /// What is granted: the tightest of what was proposed while it was confirmed.
    pub(crate) value: Value,
    pub(crate) duration: Option<Period>,
}

impl Motion {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// It moved something: what it may ask besides is no refusal any more.
    pub(crate) fn take(&mut self) {
        self.state = State::Taken;
    }

    /// Refuses it, unless part of it was taken already.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        if self.is_open() {
            self.state = State::Refused(refusal.into());
        }
    }
}

impl By {
    /// A proposal's author, with its rule and facts.
    pub(crate) fn proposal(proposal: &Proposal) -> Self {
        Self {
            author: proposal.author.clone(),
            rule: proposal.rule.clone(),
            priority: proposal.priority,
            reason: proposal.reason(),
        }
    }

    /// A hold's owner, where time moved the hold.
    pub(crate) fn time(hold: &Hold, priority: Priority, what: &str) -> Self {
        let reason = format!("[{}] {what}", hold.cause);
        Self { author: hold.owner.clone(), rule: hold.cause.clone(), priority, reason }
    }
}

/// All that was asked: by hand, and by the roles in the order of their names. The voices keep the rest of what they said.
pub(crate) fn motions(terms: &Terms, by_hand: Option<Proposal>, voices: &mut [Voice]) -> Vec<Motion> {
    let asked = voices.iter().filter_map(|voice| voice.statement.as_ref());
    let counts = asked.map(|statement| statement.proposals.len()).chain(by_hand.iter().map(|_| 1));
    let mut motions = Vec::with_capacity(counts.sum());
    let mut list = |from: Author, rank, place, proposal| {
        let (number, state, strengthened, barred) = (motions.len(), State::Open, false, None);
        motions.push(Motion { number, from, rank, place, proposal, state, strengthened, barred });
    };
    by_hand.into_iter().for_each(|proposal| list(Author::Manual, rank(terms, &Author::Manual), 0, proposal));
    for Voice { role, statement } in voices {
        let Some(statement) = statement.as_mut().filter(|said| !said.proposals.is_empty()) else { continue };
        let author = Author::Role(role.clone());
        let rank = rank(terms, &author);
        for (place, proposal) in std::mem::take(&mut statement.proposals).into_iter().enumerate() {
            list(author.clone(), rank, place, proposal);
        }
    }
    motions
}

/// How senior somebody is: 0 is an operator, 1 the first seat.
pub(crate) fn rank(terms: &Terms, author: &Author) -> u8 {
    match author {
        Author::Manual => 0,
        Author::Role(role) => terms.seats.get(role).map_or(u8::MAX, |seat| seat.rank),
    }
}
