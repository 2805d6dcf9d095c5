//! All that was said on an event: by hand, and by the roles that were asked.

use proto::event::Event;
use proto::id::Role;
use proto::ledger::Ledger;
use proto::proposal::Proposal;
use proto::ruling::{Finding, Heard, Hearing, Outcome};
use proto::terms::{Seat, Terms};
use proto::time::Time;

use crate::manual;

/// All that was said on an event.
#[derive(Debug)]
pub struct Voices<'a> {
    /// What an operator asks for, where the event is a command.
    pub(crate) by_hand: Option<Proposal>,
    /// In the order of their names.
    pub(crate) roles: Vec<Voice<'a>>,
}

/// A role that was asked, and what it said; nothing when it was absent.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    /// Who.
    pub role: &'a Role,
    /// Where it sits; none where the terms have no seat for it.
    pub seat: Option<&'a Seat>,
    /// What it said.
    pub said: Option<Said<'a>>,
}

/// What a role said.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What it asks for.
    pub proposals: &'a [Proposal],
    /// When it wants to be asked again, whatever happens.
    pub wake_at: Option<Time>,
}

impl<'a> Voices<'a> {
    /// An event with all that the roles said on it, each role once. The ledger is that before the event.
    pub fn on(terms: &Terms, event: &Event, before: &Ledger, mut roles: Vec<Voice<'a>>) -> Self {
        // The order in which they came cannot matter. Mostly it is this one.
        if !roles.is_sorted_by(|one, other| one.role <= other.role) {
            roles.sort_by(|one, other| one.role.cmp(other.role));
        }
        Self { by_hand: manual::proposal(terms, event, before), roles }
    }

    /// What the role said; nothing when it was absent, or not asked.
    pub(crate) fn of(&self, role: &Role) -> Option<Said<'a>> {
        self.roles.iter().find(|voice| voice.role == role)?.said
    }

    /// All that was asked, in the order in which it is weighed: by hand, and by the roles in the order of their names.
    pub fn proposals(&self) -> impl Iterator<Item = &Proposal> {
        let said = self.roles.iter().filter_map(|voice| voice.said);
        self.by_hand.iter().chain(said.flat_map(|said| said.proposals))
    }

    /// Each proposal with what became of it.
    #[must_use]
    pub fn outcomes(&self, findings: Vec<Finding>) -> Vec<Outcome> {
        let outcome =
            |(proposal, result): (&Proposal, Finding)| Outcome { proposal: proposal.clone(), result };
        self.proposals().zip(findings).map(outcome).collect()
    }
}

/// What a hearing comes to for the court.
#[must_use]
pub fn heard<'a>(terms: &'a Terms, hearing: &'a Hearing) -> Vec<Voice<'a>> {
    let voice = |(role, heard): (&'a Role, &'a Heard)| {
        let said = match heard {
            Heard::Verdict { verdict, .. } => {
                Some(Said { proposals: &verdict.proposals, wake_at: verdict.wake_at })
            }
            Heard::Absent { .. } => None,
        };
        Voice { role, seat: terms.seats.get(role), said }
    };
    hearing.roles.iter().map(voice).collect()
}
