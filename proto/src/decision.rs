//! Decisions: what the backend is told, in the words that it knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{BadId, DecisionId, EventId, PolicyRevision, PortfolioId, Role, RuleId, TraceId, Version};
use crate::number::{Fraction, Ratio, Usd};
use crate::subsystems::Subsystems;
use crate::time::Time;
use crate::value::{Mode, Profile, Value};
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

/// Who stands behind a proposal, a hold or a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Author {
    /// An operator; written `manual`.
    Manual,
    /// A role; written as its name.
    Role(Role),
}

impl From<Role> for Author {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("manual"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

impl TryFrom<String> for Author {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        if text == "manual" { Ok(Self::Manual) } else { text.parse().map(Self::Role) }
    }
}

impl From<Author> for String {
    fn from(author: Author) -> Self {
        author.to_string()
    }
}

/// How urgent a decision is, most urgent first; written as a number from 1 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8", extend("minimum" = 1, "maximum" = 4))]
pub enum Priority {
    /// 1
    Critical,
    /// 2
    High,
    /// 3
    Normal,
    /// 4
    Low,
}

impl TryFrom<u8> for Priority {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            1 => Ok(Self::Critical),
            2 => Ok(Self::High),
            3 => Ok(Self::Normal),
            4 => Ok(Self::Low),
            _ => Err(format!("priority {number} is not 1, 2, 3 or 4")),
        }
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> u8 {
        match priority {
            Priority::Critical => 1,
            Priority::High => 2,
            Priority::Normal => 3,
            Priority::Low => 4,
        }
    }
}

/// How bad a freeze's cause is, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Take a break.
    Medium,
    /// Look at it.
    High,
    /// Stop at once.
    Critical,
}

impl Severity {
    /// The word for it, as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The types of decision, in the order in which decisions of equal priority and rank go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DecisionType {
    /// Trading stops.
    Freeze,
    /// A proposal was vetoed.
    Override,
    /// The mode changes, or a freeze is lifted.
    ModeChange,
    /// The capital profile changes.
    CapitalProfile,
    /// Risk limits change.
    RiskAdjustment,
    /// Emergency-stop thresholds change.
    EssPolicy,
    /// Symbols change.
    SymbolUniverse,
    /// Model weights change.
    StrategyAllocation,
    /// Cashflow changes.
    Cashflow,
    /// Something is to be looked into.
    ResearchTask,
}

impl DecisionType {
    /// All ten.
    pub const ALL: [Self; 10] = [
        Self::Freeze,
        Self::Override,
        Self::ModeChange,
        Self::CapitalProfile,
        Self::RiskAdjustment,
        Self::EssPolicy,
        Self::SymbolUniverse,
        Self::StrategyAllocation,
        Self::Cashflow,
        Self::ResearchTask,
    ];

    /// The name as it stands in records and subjects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "FREEZE",
            Self::Override => "OVERRIDE",
            Self::ModeChange => "MODE_CHANGE",
            Self::CapitalProfile => "CAPITAL_PROFILE",
            Self::RiskAdjustment => "RISK_ADJUSTMENT",
            Self::EssPolicy => "ESS_POLICY",
            Self::SymbolUniverse => "SYMBOL_UNIVERSE",
            Self::StrategyAllocation => "STRATEGY_ALLOCATION",
            Self::Cashflow => "CASHFLOW",
            Self::ResearchTask => "RESEARCH_TASK",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type that tells of a change of this governed value.
    pub const fn of_value(value: &Value) -> Self {
        match value {
            Value::Mode(_) => Self::ModeChange,
            Value::Profile(_) => Self::CapitalProfile,
            Value::Limits(_) => Self::RiskAdjustment,
            Value::Ess(_) => Self::EssPolicy,
            Value::Symbols(_) => Self::SymbolUniverse,
            Value::Cashflow(_) => Self::Cashflow,
            Value::Allocation(_) => Self::StrategyAllocation,
        }
    }
}

impl fmt::Display for DecisionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "decision_type", content = "payload", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Payload {
    /// Trading stops.
    Freeze {
        /// For how many minutes from now; 0 is until released, and nothing else.
        duration_minutes: u64,
        /// What stops.
        affected_subsystems: Subsystems,
        /// How bad it is.
        severity: Severity,
        /// Whether a person has to release it.
        requires_manual_review: bool,
        /// Why.
        reason: String,
    },
    /// A proposal was vetoed.
    Override {
        /// The decision that would have been.
        overridden_decision_id: DecisionId,
        /// Whose proposal it was.
        overridden_role: Author,
        /// Why.
        reason: String,
        /// What stays in effect instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_directive: Option<Value>,
    },
    /// The mode changes, or a freeze is lifted.
    ModeChange {
        /// The effective mode.
        mode: Mode,
        /// For how many minutes from now; null is until changed.
        duration_minutes: Option<u64>,
        /// The FREEZE decisions that end with this.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lifts: Vec<DecisionId>,
    },
    /// The capital profile changes.
    CapitalProfile {
        /// The effective profile.
        profile: Profile,
        /// The most that one trade may risk, as a share of equity.
        max_risk_per_trade_pct: Fraction,
        /// The most that one day may risk, as a share of equity.
        max_daily_risk_pct: Fraction,
        /// The most positions at once.
        max_positions: u32,
    },
    /// Risk limits change: always all five.
    RiskAdjustment {
        /// The most leverage, as a multiple of equity.
        max_leverage: Ratio,
        /// The largest position.
        max_position_size_usd: Usd,
        /// The drawdown at which the backend stops by itself.
        max_drawdown_pct: Fraction,
        /// The most exposure, gross notional as a share of equity.
        max_exposure_pct: Fraction,
        /// How much closer than usual stop-losses stand.
        stop_loss_multiplier: Ratio,
    },
    /// Emergency-stop thresholds change: always all three.
    EssPolicy {
        /// CAUTION from this drawdown on.
        caution_threshold_pct: Fraction,
        /// WARNING from this drawdown on.
        warning_threshold_pct: Fraction,
        /// CRITICAL from this drawdown on.
        critical_threshold_pct: Fraction,
    },
    /// Symbols change.
    SymbolUniverse {
        /// May be traded.
        active_symbols: Vec<String>,
        /// May only be reduced, until flat.
        excluded_symbols: Vec<String>,
    },
    /// Model weights change.
    StrategyAllocation {
        /// Weight by model; they add up to one.
        model_weights: BTreeMap<String, Fraction>,
        /// Strategies that count as active.
        active_strategies: Vec<String>,
    },
    /// Cashflow changes; the three add up to one.
    Cashflow {
        /// Locked away.
        profit_lock_pct: Fraction,
        /// Traded with again.
        reinvest_pct: Fraction,
        /// Kept as reserve.
        reserve_buffer_pct: Fraction,
    },
    /// Something is to be looked into.
    ResearchTask(ResearchTask),
}

/// Something to be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResearchTask {
    /// What kind of work, such as `risk_analysis`.
    pub task_type: String,
    /// What to do, for people.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How long it should take.
    pub estimated_duration_hours: u32,
    /// What it should bring, for people.
    pub expected_impact: String,
    /// The model that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
}

impl ResearchTask {
    /// What the task is about: its type, and the model where it has one. One task of a subject a day.
    pub fn subject(&self) -> String {
        Self::subject_of(&self.task_type, self.model_name.as_deref()).into_owned()
    }

    /// The subject of a task of this type about this model.
    pub fn subject_of<'a>(task_type: &'a str, model_name: Option<&str>) -> Cow<'a, str> {
        match model_name {
            Some(model) => Cow::Owned(format!("{task_type}/{model}")),
            None => Cow::Borrowed(task_type),
        }
    }
}

impl Payload {
    /// Which type of decision this is.
    pub const fn decision_type(&self) -> DecisionType {
        match self {
            Self::Freeze { .. } => DecisionType::Freeze,
            Self::Override { .. } => DecisionType::Override,
            Self::ModeChange { .. } => DecisionType::ModeChange,
            Self::CapitalProfile { .. } => DecisionType::CapitalProfile,
            Self::RiskAdjustment { .. } => DecisionType::RiskAdjustment,
            Self::EssPolicy { .. } => DecisionType::EssPolicy,
            Self::SymbolUniverse { .. } => DecisionType::SymbolUniverse,
            Self::StrategyAllocation { .. } => DecisionType::StrategyAllocation,
            Self::Cashflow { .. } => DecisionType::Cashflow,
            Self::ResearchTask(_) => DecisionType::ResearchTask,
        }
    }
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

    #[test]
    fn manual_is_the_operator_and_no_role() {
        assert_eq!(Author::try_from("manual".to_owned()).unwrap(), Author::Manual);
        assert_eq!(Author::try_from("cro".to_owned()).unwrap(), Author::Role(Role::CRO));
        assert_eq!(String::from(Author::Manual), "manual");
    }
}
