//! Motions and moves: a proposal on its way through the steps, and what it (or time) moved.

use proto::decision::{Author, Priority};
use proto::hold::Hold;
use proto::id::{HoldId, RuleId};
use proto::ledger::Direction;
use proto::proposal::{Ask, Proposal};
use proto::ruling::Refusal;
use proto::terms::{Seat, Terms};
use proto::time::Period;
use proto::value::{Kind, Value, Values};

use crate::voices::Voices;

/// A proposal on its way through the steps.
pub(crate) struct Motion<'a> {
    pub(crate) number: usize,
    /// Who said it, whatever the proposal itself says.
    pub(crate) from: Author,
    /// Where that role sits; none for an operator, and for a role without a seat.
    pub(crate) seat: Option<&'a Seat>,
    /// How senior that is: see [`rank`].
    pub(crate) rank: u8,
    /// Which of that author's proposals it is, from 0.
    pub(crate) place: usize,
    pub(crate) proposal: &'a Proposal,
    /// Whether it asks for the owner's value as the event found it.
    pub(crate) in_force: bool,
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

impl Motion<'_> {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// It moved something: what it may ask besides is no refusal any more.
    pub(crate) fn take(&mut self) {
        self.state = State::Taken;
    }

    /// Why it must not loosen, whatever else it does: it is told once.
    pub(crate) fn bar(&mut self) -> Option<Refusal> {
        self.barred.take().map(|refusal| *refusal)
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

/// All that was asked, in the order in which it is weighed.
pub(crate) fn motions<'a>(owned: &Values, voices: &'a Voices<'a>) -> Vec<Motion<'a>> {
    let asked = voices.roles.iter().filter_map(|voice| voice.said).map(|said| said.proposals.len());
    let by_hand = voices.by_hand.as_slice();
    let mut motions = Vec::with_capacity(asked.sum::<usize>() + by_hand.len());
    let mut list = |from: &Author, seat, proposals: &'a [Proposal]| {
        let rank = rank_of(from, seat);
        for (place, proposal) in proposals.iter().enumerate() {
            let (number, from, state) = (motions.len(), from.clone(), State::Open);
            let in_force = matches!(&proposal.ask, Ask::Set { value, .. } if owned.has(value));
            let motion = Motion {
                number,
                from,
                seat,
                rank,
                place,
                proposal,
                in_force,
                state,
                strengthened: false,
                barred: None,
            };
            motions.push(motion);
        }
    };
    list(&Author::Manual, None, by_hand);
    for voice in &voices.roles {
        let Some(said) = voice.said.filter(|said| !said.proposals.is_empty()) else { continue };
        list(&Author::Role(voice.role.clone()), voice.seat, said.proposals);
    }
    motions
}

/// How senior somebody is: 0 is an operator, 1 the first seat.
pub(crate) fn rank(terms: &Terms, author: &Author) -> u8 {
    let seat = match author {
        Author::Manual => None,
        Author::Role(role) => terms.seats.get(role),
    };
    rank_of(author, seat)
}

fn rank_of(author: &Author, seat: Option<&Seat>) -> u8 {
    match author {
        Author::Manual => 0,
        Author::Role(_) => seat.map_or(u8::MAX, |seat| seat.rank),
    }
}
