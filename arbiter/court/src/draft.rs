//! The ruling in the making: what went in, the ledger as it changes, and what became of each proposal so far.

use std::collections::BTreeMap;

use proto::decision::{Author, Decision, DecisionType, Payload};
use proto::event::{Event, EventKind};
use proto::hold::Hold;
use proto::id::{DecisionId, HoldId, Role};
use proto::ledger::{Direction, Ledger};
use proto::proposal::{Bound, Proposal};
use proto::ruling::Refusal;
use proto::terms::{Seat, Terms};
use proto::time::Time;
use proto::value::{Kind, Value, Values};
use proto::wire::Schema;

use crate::book;
use crate::decisions::mode_end;
use crate::motion::{By, Loosening, Motion, Move, Shows, motions, rank};
use crate::voices::Voices;

/// A ruling in the making.
pub(crate) struct Draft<'a> {
    pub(crate) terms: &'a Terms,
    pub(crate) event: &'a Event,
    /// All that was said on it.
    pub(crate) voices: &'a Voices<'a>,
    /// The ledger's clock: it never goes back.
    pub(crate) now: Time,
    /// Whether this event is a snapshot that is not believed.
    pub(crate) suspect: bool,
    /// When the mode in effect would have run out by itself, as the event found it.
    pub(crate) mode_end: Option<Time>,
    /// The state before the event, on its way to become the state after it.
    pub(crate) after: &'a mut Ledger,
    pub(crate) motions: Vec<Motion<'a>>,
    /// Everything that changed a value of an owner or a hold: who may stand behind a decision.
    pub(crate) moves: Vec<Move>,
    /// What loosens and only waits for the review.
    pub(crate) loosening: Vec<Loosening>,
    pub(crate) decisions: Vec<Decision>,
    /// Which decision tells of what.
    pub(crate) told: BTreeMap<Shows, DecisionId>,
}

impl<'a> Draft<'a> {
    /// Takes up an event: books what was heard, and lists what was asked.
    pub(crate) fn open(
        terms: &'a Terms,
        event: &'a Event,
        ledger: &'a mut Ledger,
        voices: &'a Voices<'a>,
    ) -> Self {
        let mut draft = Self {
            terms,
            event,
            now: ledger.at.max(event.at),
            suspect: false,
            mode_end: mode_end(ledger),
            motions: motions(&ledger.owned, voices),
            after: ledger,
            voices,
            moves: Vec::new(),
            loosening: Vec::new(),
            decisions: Vec::new(),
            told: BTreeMap::new(),
        };
        book::enter(&mut draft);
        draft
    }

    /// Takes each open motion in turn. The list is away meanwhile: a motion sees the draft, not its neighbours.
    pub(crate) fn each_open(&mut self, mut take: impl FnMut(&mut Self, &mut Motion<'a>)) {
        let mut motions = std::mem::take(&mut self.motions);
        for motion in motions.iter_mut().filter(|motion| motion.is_open()) {
            take(self, motion);
        }
        self.motions = motions;
    }

    /// Whether the role was heard on this event.
    pub(crate) fn is_heard(&self, role: &Role) -> bool {
        self.voices.of(role).is_some()
    }

    /// Whether the role is asked about this kind of event.
    pub(crate) fn is_interested(&self, role: &Role) -> bool {
        let kind = self.event.kind();
        self.terms.seats.get(role).is_some_and(|seat| seat.interests.contains(kind))
    }

    /// The guardians' seats.
    pub(crate) fn guardians(&self) -> impl Iterator<Item = &'a Role> + use<'a> {
        let terms = self.terms;
        terms.seats.iter().filter(|(_, seat)| seat.guardian).map(|(role, _)| role)
    }

    /// A guardian that should have been heard on this event and was not, or was not heard ever.
    pub(crate) fn absent_guardian(&self) -> Option<&'a Role> {
        self.guardians().find(|role| {
            let missing = self.is_interested(role) && !self.is_heard(role);
            missing || !self.after.heard.contains(*role)
        })
    }

    /// Why nothing may loosen on this event, whatever it is.
    pub(crate) fn unfit_to_loosen(&self) -> Option<Refusal> {
        if self.event.stale {
            Some(Refusal::StaleInput)
        } else if self.suspect {
            Some(Refusal::SuspectInput)
        } else {
            self.absent_guardian().map(|role| Refusal::GuardianAbsent { role: role.clone() })
        }
    }

    /// How senior somebody is: 0 is an operator, 1 the first seat.
    pub(crate) fn rank(&self, author: &Author) -> u8 {
        rank(self.terms, author)
    }

    /// The most senior role that may ask for this type of decision.
    pub(crate) fn owner_of(&self, decision: DecisionType) -> Option<&'a Role> {
        let seats = self.terms.seats.iter().filter(|(_, seat)| seat.authority.contains(decision));
        seats.min_by_key(|(_, seat)| seat.rank).map(|(role, _)| role)
    }

    /// What is in effect for one kind, as the draft stands.
    pub(crate) fn effective(&self, kind: Kind) -> Value {
        effective(self.after).get(kind)
    }

    /// Sets an owner's value on somebody's word, and forgets what was on its way to being confirmed.
    pub(crate) fn set_owned(&mut self, value: Value, direction: Direction, by: By, motion: Option<usize>) {
        let kind = value.kind();
        self.after.owned.set(value);
        self.after.evidence.remove(&kind);
        self.moves.push(Move { shows: Shows::Value(kind), direction, by, motion, hold: None });
    }

    /// Notes that a hold was placed, made stricter or extended. A hold that only stops loosening shows in nothing.
    pub(crate) fn hold_moved(&mut self, hold: &Hold, direction: Direction, by: By, motion: Option<usize>) {
        if let Bound::Value { at } = &hold.bound {
            self.after.evidence.remove(&at.kind());
        }
        if let Some(shows) = shows(&hold.bound, Shows::Freeze) {
            let hold = Some(hold.id);
            self.moves.push(Move { shows, direction, by, motion, hold });
        }
    }

    /// Ends a hold on somebody's word.
    pub(crate) fn end_hold(&mut self, id: HoldId, by: By, motion: Option<usize>) {
        let Some(hold) = self.after.holds.remove(&id) else { return };
        if let Some(shows) = shows(&hold.bound, Shows::Lift) {
            self.moves.push(Move { shows, direction: Direction::Looser, by, motion, hold: None });
        }
    }

    /// Remembers what a rule saw when it moved something.
    pub(crate) fn fired(&mut self, proposal: &Proposal) {
        book::fired(self, &proposal.rule, &proposal.facts);
    }

    /// The id of the decision that follows when this author is granted this.
    pub(crate) fn decision_id(&self, author: &Author, of: DecisionType, subject: &str) -> DecisionId {
        let event = self.event.id.to_string();
        DecisionId::derive(&[&event, &author.to_string(), of.as_str(), subject])
    }

    /// Adds a decision.
    pub(crate) fn decide(&mut self, by: By, subject: &str, payload: Payload) -> DecisionId {
        let decision_id = self.decision_id(&by.author, payload.decision_type(), subject);
        let event = self.event;
        self.decisions.push(Decision {
            schema: Schema::Decision,
            decision_id,
            payload,
            role_source: by.author,
            priority: by.priority,
            timestamp: self.now,
            correlation_id: event.correlation_id.clone(),
            reason: by.reason,
            portfolio: event.portfolio.clone(),
            event_id: event.id,
            ruling: self.after.version,
            rule: by.rule,
            policy: self.terms.policy.clone(),
            trace_id: event.trace_id,
            supersedes: None,
        });
        decision_id
    }
}

/// The owners' values met with every hold.
pub(crate) fn effective(ledger: &Ledger) -> Values {
    let mut values = ledger.owned.clone();
    for hold in ledger.holds.values() {
        if let Bound::Value { at } = &hold.bound {
            values.set(values.get(at.kind()).meet(at));
        }
    }
    values
}

fn shows(bound: &Bound, freeze: Shows) -> Option<Shows> {
    match bound {
        Bound::Freeze { .. } => Some(freeze),
        Bound::Loosening => None,
        Bound::Value { at } => Some(Shows::Value(at.kind())),
    }
}

/// Whether a seat is woken by timers.
pub(crate) fn wakes(seat: &Seat) -> bool {
    seat.interests.contains(EventKind::ClockDue)
}
