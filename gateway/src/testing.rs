//! Builders for tests: rulings made by hand.

use proto::decision::{Author, Decision, Payload, Priority};
use proto::event::{Body, Event};
use proto::id::{DecisionId, PolicyRevision, PortfolioId, Role, RuleId, RulingHash, Sequence, Version};
use proto::ledger::Ledger;
use proto::ruling::{Hearing, Position, Ruling};
use proto::testing::{MONDAY, event, ledger, snapshot, terms};
use proto::time::Period;
use proto::value::Mode;
use proto::wire::{Message as _, Schema};

/// A portfolio's id.
pub(crate) fn portfolio(id: &str) -> PortfolioId {
    id.parse().unwrap()
}

/// A snapshot's event, the `number`th of this portfolio.
pub(crate) fn snapshot_event(of: &PortfolioId, number: u64) -> Event {
    let at = MONDAY.after(Period::from_secs(i64::try_from(number).unwrap()));
    Event { portfolio: of.clone(), ..event(at, Body::Snapshot(snapshot())) }
}

/// A change of mode that this event caused.
pub(crate) fn decision(event: &Event, ruling: Version, mode: Mode, by: Author) -> Decision {
    Decision {
        schema: Schema::Decision,
        decision_id: DecisionId::derive(&[
            &event.id.to_string(),
            event.portfolio.as_str(),
            &format!("{mode:?}"),
        ]),
        payload: Payload::ModeChange { mode, duration_minutes: None, lifts: Vec::new() },
        role_source: by,
        priority: Priority::High,
        timestamp: event.at,
        correlation_id: event.correlation_id.clone(),
        reason: "[test]".to_owned(),
        portfolio: event.portfolio.clone(),
        event_id: event.id,
        ruling,
        rule: RuleId::new("test.rule"),
        policy: PolicyRevision::of("test"),
        trace_id: event.trace_id,
        supersedes: None,
    }
}

/// A ruling on this event that follows `previous` and decides this mode.
pub(crate) fn ruling(event: Event, version: u64, previous: RulingHash, mode: Mode) -> Ruling {
    let version = Version(version);
    let before = Ledger { portfolio: event.portfolio.clone(), ..ledger() };
    let mut after = Ledger { version, at: event.at, ..before.clone() };
    after.effective.mode = mode;
    Ruling {
        schema: Schema::Ruling,
        portfolio: event.portfolio.clone(),
        version,
        previous,
        position: Position {
            stream: "test".to_owned(),
            sequence: Sequence(version.0),
            through: Sequence(version.0),
        },
        decisions: vec![decision(&event, version, mode, Role::CEO.into())],
        event,
        terms: terms(),
        hearing: Hearing::default(),
        before,
        outcomes: Vec::new(),
        after,
    }
}

/// A ruling's bytes as they are stored, and their hash.
pub(crate) fn stored(ruling: &Ruling) -> (Vec<u8>, RulingHash) {
    let bytes = ruling.to_bytes().unwrap();
    let hash = RulingHash::of(&bytes);
    (bytes, hash)
}
