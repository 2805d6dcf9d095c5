//! Decisions: what the backend is told, in the words that it knows.

mod author;
mod decision_type;
mod payload;
mod priority;
mod research_task;
mod severity;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::author::Author;
pub use self::decision_type::DecisionType;
pub use self::payload::Payload;
pub use self::priority::Priority;
pub use self::research_task::ResearchTask;
pub use self::severity::Severity;
use crate::id::{DecisionId, EventId, PolicyRevision, PortfolioId, RuleId, TraceId, Version};
use crate::time::Time;
use crate::wire::Schema;

/// A change of what is in effect, with the full effective set of its kind; or a task, an override, a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// `fed.decision/1`.
    pub schema: Schema,
    /// Derived from event, author, type and subject.
    pub decision_id: DecisionId,
    /// What is decided: `decision_type` and `payload`.
    #[serde(flatten)]
    pub payload: Payload,
    /// Who proposed it: a role's name or `manual`.
    pub role_source: Author,
    /// 1 CRITICAL to 4 LOW.
    pub priority: Priority,
    /// The event's time.
    pub timestamp: Time,
    /// The event's correlation id.
    pub correlation_id: String,
    /// Why, written from the facts of the rule that fired.
    pub reason: String,
    /// Whom it concerns.
    pub portfolio: PortfolioId,
    /// What caused it.
    pub event_id: EventId,
    /// The number of the portfolio's ruling that holds it.
    pub ruling: Version,
    /// The rule that fired.
    pub rule: RuleId,
    /// The revision of the policy that it was ruled by.
    pub policy: PolicyRevision,
    /// The trace of the event.
    pub trace_id: TraceId,
    /// The decision of this type that was in force before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<DecisionId>,
}

impl Decision {
    /// Which type of decision this is.
    pub const fn decision_type(&self) -> DecisionType {
        self.payload.decision_type()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Role;
    use crate::value::Mode;
    use crate::wire::Message;

    fn decision(payload: Payload) -> Decision {
        let event_id = EventId::derive(&["test"]);
        Decision {
            schema: Schema::Decision,
            decision_id: DecisionId::derive(&["test"]),
            payload,
            role_source: Role::CRO.into(),
            priority: Priority::High,
            timestamp: Time::from_millis(1_769_851_800_250),
            correlation_id: "c-1".to_owned(),
            reason: "[cro.drawdown-rise] drawdown_pct 12 % > 2 %".to_owned(),
            portfolio: PortfolioId::main(),
            event_id,
            ruling: Version(7),
            rule: RuleId::new("cro.drawdown-rise"),
            policy: PolicyRevision::of(""),
            trace_id: event_id.into(),
            supersedes: None,
        }
    }

    #[test]
    fn a_decision_has_the_fields_that_the_backend_knows() {
        let payload = Payload::ModeChange { mode: Mode::Shadow, duration_minutes: None, lifts: Vec::new() };
        let json = serde_json::to_value(decision(payload)).unwrap();
        assert_eq!(json["decision_type"], "MODE_CHANGE");
        assert_eq!(json["payload"], serde_json::json!({"mode": "SHADOW", "duration_minutes": null}));
        assert_eq!(json["role_source"], "cro");
        assert_eq!(json["priority"], 2);
        assert_eq!(json["timestamp"], "2026-01-31T09:30:00.250Z");
        assert_eq!(json["ruling"], 7);
    }

    #[test]
    fn a_decision_reads_back_and_another_schema_is_refused() {
        let task = ResearchTask {
            task_type: "risk_analysis".to_owned(),
            description: "d".to_owned(),
            priority: Priority::High,
            estimated_duration_hours: 4,
            expected_impact: "i".to_owned(),
            model_name: None,
        };
        let written = decision(Payload::ResearchTask(task));
        let bytes = written.to_bytes().unwrap();
        assert_eq!(Decision::from_bytes(&bytes).unwrap(), written);
        let newer = String::from_utf8(bytes).unwrap().replace("fed.decision/1", "fed.decision/2");
        let refused = Decision::from_bytes(newer.as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("fed.decision/2"), "{refused}");
    }
}
