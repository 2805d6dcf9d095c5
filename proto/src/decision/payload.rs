//! What is decided, in the words that the backend knows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Author, DecisionType, ResearchTask, Severity};
use crate::id::DecisionId;
use crate::number::{Fraction, Ratio, Usd};
use crate::subsystems::Subsystems;
use crate::value::{Mode, Profile, Value};

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
