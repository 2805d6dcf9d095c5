//! What goes out to Redis: the six fields that the backend's event bus knows, with the data wrapped in the payload.

use proto::decision::Decision;
use proto::time::Time;
use serde::Serialize;

use crate::keys::{DECISION_MADE, SOURCE};

/// An entry of the backend's event bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutEntry {
    /// What happened.
    pub event_type: &'static str,
    /// The data, wrapped, as JSON.
    pub payload: String,
    /// The trace that it belongs to; may be empty.
    pub trace_id: String,
    /// What it answers; may be empty.
    pub correlation_id: String,
    /// When it happened.
    pub timestamp: String,
}

/// The wrapper that the backend's handlers unpack: `event["data"]`.
#[derive(Serialize)]
struct Wrapped<'a, T> {
    event_type: &'a str,
    timestamp: Time,
    data: &'a T,
}

impl OutEntry {
    /// An entry of this type, made at this time.
    ///
    /// # Errors
    /// The data has no JSON form.
    pub fn new<T: Serialize>(
        event_type: &'static str,
        at: Time,
        data: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            event_type,
            payload: serde_json::to_string(&Wrapped { event_type, timestamp: at, data })?,
            trace_id: String::new(),
            correlation_id: String::new(),
            timestamp: at.to_string(),
        })
    }

    /// The entry of a decision.
    ///
    /// # Errors
    /// The decision has no JSON form.
    pub fn of_decision(decision: &Decision) -> Result<Self, serde_json::Error> {
        let entry = Self::new(DECISION_MADE, decision.timestamp, decision)?;
        Ok(Self {
            trace_id: decision.trace_id.to_string(),
            correlation_id: decision.correlation_id.clone(),
            ..entry
        })
    }

    /// The six fields, in the order in which the backend writes them.
    pub fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("event_type", self.event_type),
            ("payload", &self.payload),
            ("trace_id", &self.trace_id),
            ("correlation_id", &self.correlation_id),
            ("timestamp", &self.timestamp),
            ("source", SOURCE),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proto::decision::{Payload, Priority};
    use proto::id::{DecisionId, EventId, PolicyRevision, PortfolioId, Role, RuleId, Version};
    use proto::value::Mode;
    use proto::wire::Schema;

    use super::*;

    #[test]
    fn a_decision_goes_out_as_the_handlers_read_it() {
        let event_id = EventId::derive(&["test"]);
        let decision = Decision {
            schema: Schema::Decision,
            decision_id: DecisionId::derive(&["test"]),
            payload: Payload::ModeChange { mode: Mode::Shadow, duration_minutes: None, lifts: Vec::new() },
            role_source: Role::CEO.into(),
            priority: Priority::High,
            timestamp: Time::from_millis(1_769_851_800_250),
            correlation_id: "c-1".to_owned(),
            reason: "[ceo.shadow]".to_owned(),
            portfolio: PortfolioId::main(),
            event_id,
            ruling: Version(7),
            rule: RuleId::new("ceo.shadow"),
            policy: PolicyRevision::of(""),
            trace_id: event_id.into(),
            supersedes: None,
        };
        let entry = OutEntry::of_decision(&decision).unwrap();
        let names: Vec<&str> = entry.fields().map(|(name, _)| name).into();
        assert_eq!(names, ["event_type", "payload", "trace_id", "correlation_id", "timestamp", "source"]);
        let event: serde_json::Value = serde_json::from_str(&entry.payload).unwrap();
        assert_eq!(event["event_type"], "ai.federation.decision_made");
        assert_eq!(event["timestamp"], "2026-01-31T09:30:00.250Z");
        assert_eq!(event["data"]["decision_type"], "MODE_CHANGE");
        assert_eq!(event["data"]["payload"]["mode"], "SHADOW");
        assert_eq!(event["data"]["trace_id"], entry.trace_id.as_str());
        assert_eq!(entry.correlation_id, "c-1");
    }
}
