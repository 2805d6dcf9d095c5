//! Subjects, stream names and buckets: where each thing is said. Built and parsed here and nowhere else.

use std::fmt;
use std::str::FromStr;

use crate::decision::DecisionType;
use crate::event::EventKind;
use crate::id::{PortfolioId, Role, Slot};

/// All names under one prefix. Two meshes with different prefixes can share a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    prefix: String,
}

/// A prefix that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("prefix {0:?} is not one: expected 1 to 32 lower-case letters, digits or '_'")]
pub struct BadPrefix(String);

/// What is written to which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// What happened.
    Events,
    /// What the court answered.
    Rulings,
    /// What was decided, each on its own subject.
    Decisions,
    /// What could not be used.
    Dead,
}

impl Stream {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Events, Self::Rulings, Self::Decisions, Self::Dead];
}

impl Default for Subjects {
    fn default() -> Self {
        Self { prefix: "fed".to_owned() }
    }
}

impl FromStr for Subjects {
    type Err = BadPrefix;
    fn from_str(prefix: &str) -> Result<Self, BadPrefix> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=32).contains(&prefix.len()) && prefix.bytes().all(allowed) {
            Ok(Self { prefix: prefix.to_owned() })
        } else {
            Err(BadPrefix(prefix.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)
    }
}

impl Subjects {
    /// `fed.event.<slot>.<portfolio>.<event type>`
    pub fn event(&self, slot: Slot, portfolio: &PortfolioId, kind: EventKind) -> String {
        format!("{}.event.{slot}.{portfolio}.{kind}", self.prefix)
    }

    /// Every event of a slot.
    pub fn events_of_slot(&self, slot: Slot) -> String {
        format!("{}.event.{slot}.>", self.prefix)
    }

    /// Every event of a portfolio, whatever its slot.
    pub fn events_of(&self, portfolio: &PortfolioId) -> String {
        format!("{}.event.*.{portfolio}.>", self.prefix)
    }

    /// Every event of a kind, of whatever portfolio.
    pub fn events_of_kind(&self, kind: EventKind) -> String {
        format!("{}.event.*.*.{kind}", self.prefix)
    }

    /// Slot, portfolio and kind of an event's subject.
    pub fn parse_event(&self, subject: &str) -> Option<(Slot, PortfolioId, EventKind)> {
        let (slot, rest) = self.after(subject, "event")?.split_once('.')?;
        let (portfolio, kind) = rest.split_once('.')?;
        Some((parse_slot(slot)?, portfolio.parse().ok()?, EventKind::from_name(kind)?))
    }

    /// `fed.ruling.<slot>.<portfolio>`
    pub fn ruling(&self, slot: Slot, portfolio: &PortfolioId) -> String {
        format!("{}.ruling.{slot}.{portfolio}", self.prefix)
    }

    /// Every ruling of a slot.
    pub fn rulings_of_slot(&self, slot: Slot) -> String {
        format!("{}.ruling.{slot}.*", self.prefix)
    }

    /// Every ruling of a portfolio, whatever its slot.
    pub fn rulings_of(&self, portfolio: &PortfolioId) -> String {
        format!("{}.ruling.*.{portfolio}", self.prefix)
    }

    /// Slot and portfolio of a ruling's subject.
    pub fn parse_ruling(&self, subject: &str) -> Option<(Slot, PortfolioId)> {
        let (slot, portfolio) = self.after(subject, "ruling")?.split_once('.')?;
        Some((parse_slot(slot)?, portfolio.parse().ok()?))
    }

    /// `fed.decision.<portfolio>.<TYPE>`
    pub fn decision(&self, portfolio: &PortfolioId, kind: DecisionType) -> String {
        format!("{}.decision.{portfolio}.{kind}", self.prefix)
    }

    /// Every decision of a portfolio.
    pub fn decisions_of(&self, portfolio: &PortfolioId) -> String {
        format!("{}.decision.{portfolio}.*", self.prefix)
    }

    /// Portfolio and type of a decision's subject.
    pub fn parse_decision(&self, subject: &str) -> Option<(PortfolioId, DecisionType)> {
        let (portfolio, kind) = self.after(subject, "decision")?.split_once('.')?;
        Some((portfolio.parse().ok()?, DecisionType::from_name(kind)?))
    }

    /// `fed.dead.<source>`: the event type that a letter was meant to be.
    pub fn dead(&self, event_type: &str) -> String {
        let token = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
        let tokens: Vec<String> = event_type
            .split('.')
            .filter(|part| !part.is_empty())
            .map(|part| part.chars().map(token).collect())
            .collect();
        let source = if tokens.is_empty() { "unknown".to_owned() } else { tokens.join(".") };
        format!("{}.dead.{source}", self.prefix)
    }

    /// `fed.role.<role>.evaluate`
    pub fn evaluate(&self, role: &Role) -> String {
        format!("{}.role.{role}.evaluate", self.prefix)
    }

    /// `fed.role.<role>.review`
    pub fn review(&self, role: &Role) -> String {
        format!("{}.role.{role}.review", self.prefix)
    }

    /// What every role is asked: `evaluate` or `review`.
    pub fn of_every_role(&self, what: &str) -> String {
        format!("{}.role.*.{what}", self.prefix)
    }

    /// Everything that a stream keeps.
    pub fn of_stream(&self, stream: Stream) -> String {
        let kind = match stream {
            Stream::Events => "event",
            Stream::Rulings => "ruling",
            Stream::Decisions => "decision",
            Stream::Dead => "dead",
        };
        format!("{}.{kind}.>", self.prefix)
    }

    /// A stream's name: plain under the prefix `fed`, with the prefix under any other.
    pub fn stream(&self, stream: Stream) -> String {
        let name = match stream {
            Stream::Events => "EVENTS",
            Stream::Rulings => "RULINGS",
            Stream::Decisions => "DECISIONS",
            Stream::Dead => "DEAD",
        };
        if self.prefix == "fed" { name.to_owned() } else { format!("{}_{name}", self.prefix) }
    }

    /// The bucket of leases.
    pub fn lease_bucket(&self) -> String {
        format!("{}_lease", self.prefix)
    }

    /// The bucket of roles that are switched on or off.
    pub fn roster_bucket(&self) -> String {
        format!("{}_roster", self.prefix)
    }

    /// Every key of the leases of a group.
    pub fn leases_of(&self, group: &str) -> String {
        format!("$KV.{}.{group}.>", self.lease_bucket())
    }

    /// Every key of the roster.
    pub fn roster_entries(&self) -> String {
        format!("$KV.{}.>", self.roster_bucket())
    }

    /// Where whoever goes by this name gets its answers: no two names share an inbox, nor two meshes.
    pub fn inbox(&self, name: &str) -> String {
        format!("_INBOX.{}.{name}", self.prefix)
    }

    fn after<'a>(&self, subject: &'a str, kind: &str) -> Option<&'a str> {
        subject.strip_prefix(&self.prefix)?.strip_prefix('.')?.strip_prefix(kind)?.strip_prefix('.')
    }
}

fn parse_slot(text: &str) -> Option<Slot> {
    text.parse().ok().map(Slot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn portfolios() -> impl Strategy<Value = PortfolioId> {
        "[A-Za-z0-9_-]{1,64}".prop_map(|id| id.parse().unwrap())
    }

    proptest! {
        #[test]
        fn subjects_read_back(
            slot in 0_u16..1024,
            portfolio in portfolios(),
            kind in prop::sample::select(EventKind::ALL.to_vec()),
            decision in prop::sample::select(DecisionType::ALL.to_vec()),
            prefix in "[a-z0-9_]{1,32}",
        ) {
            let subjects: Subjects = prefix.parse().unwrap();
            let slot = Slot(slot);
            let event = subjects.event(slot, &portfolio, kind);
            prop_assert_eq!(subjects.parse_event(&event), Some((slot, portfolio.clone(), kind)));
            let ruling = subjects.ruling(slot, &portfolio);
            prop_assert_eq!(subjects.parse_ruling(&ruling), Some((slot, portfolio.clone())));
            let said = subjects.decision(&portfolio, decision);
            prop_assert_eq!(subjects.parse_decision(&said), Some((portfolio, decision)));
        }

        #[test]
        fn any_source_gives_a_subject_that_can_be_published_to(source in ".{0,40}") {
            let subject = Subjects::default().dead(&source);
            prop_assert!(subject.bytes().all(|b| b.is_ascii_graphic() && b != b'*' && b != b'>'));
            prop_assert!(subject.split('.').all(|token| !token.is_empty()), "{subject}");
        }
    }

    #[test]
    fn other_subjects_are_not_ours() {
        let subjects = Subjects::default();
        for foreign in
            ["other.event.1.main.clock.due", "fed.event.x.main.clock.due", "fed.event.1.main.what", ""]
        {
            assert_eq!(subjects.parse_event(foreign), None, "{foreign}");
        }
        assert!("a.b".parse::<Subjects>().is_err());
    }
}
