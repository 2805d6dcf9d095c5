//! Events: what happened, as the arbiter takes it from EVENTS.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::id::{EntryId, EventId, PortfolioId, TraceId};
use crate::number::{Fraction, Ratio, Usd};
use crate::receipt::Receipt;
use crate::time::Time;
use crate::wire::Schema;

/// Something that happened to one portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// `fed.event/1`.
    pub schema: Schema,
    /// Derived: the same entry gives the same id, and so does the same said again (see [`Event::id_of_entry`]).
    pub id: EventId,
    /// Whom it concerns.
    pub portfolio: PortfolioId,
    /// When it happened: the entry id's time, the command's arrival, the timer's due time.
    pub at: Time,
    /// Where it came from.
    pub source: Source,
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// The producer's correlation id; the event's own id where it sent none.
    pub correlation_id: String,
    /// Older than `max_event_age` when it arrived: builds memory, may not loosen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// What happened.
    pub body: Body,
}

/// Where an event came from. For Redis entries this is also the position: it travels with the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// A Redis stream entry.
    Redis {
        /// The stream's key.
        stream: Cow<'static, str>,
        /// The entry.
        entry: EntryId,
        /// All entries of this stream up to this one were through when this was published.
        through: EntryId,
    },
    /// An operator, by the API.
    Operator,
    /// A timer of the arbiter.
    Clock,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Body {
    /// A portfolio's numbers.
    #[serde(rename = "portfolio.snapshot_updated")]
    Snapshot(Snapshot),
    /// The system's health.
    #[serde(rename = "system.health_updated")]
    Health(Health),
    /// A model's results.
    #[serde(rename = "model.performance_updated")]
    Model(ModelPerformance),
    /// What the backend did with a decision.
    #[serde(rename = "federation.decision_applied")]
    Receipt(Receipt),
    /// A hold, a timed mode or a role's alarm is due.
    #[serde(rename = "clock.due")]
    ClockDue(ClockDue),
    /// An operator's command.
    #[serde(rename = "operator.command")]
    Command(Command),
}

/// The kinds of event; also the last two tokens of an event's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum EventKind {
    /// A portfolio's numbers.
    #[serde(rename = "portfolio.snapshot_updated")]
    Snapshot,
    /// The system's health.
    #[serde(rename = "system.health_updated")]
    Health,
    /// A model's results.
    #[serde(rename = "model.performance_updated")]
    Model,
    /// What the backend did with a decision.
    #[serde(rename = "federation.decision_applied")]
    Receipt,
    /// A timer.
    #[serde(rename = "clock.due")]
    ClockDue,
    /// An operator's command.
    #[serde(rename = "operator.command")]
    Command,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Snapshot, Self::Health, Self::Model, Self::Receipt, Self::ClockDue, Self::Command];

    /// The name as it stands in subjects, stream keys and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "portfolio.snapshot_updated",
            Self::Health => "system.health_updated",
            Self::Model => "model.performance_updated",
            Self::Receipt => "federation.decision_applied",
            Self::ClockDue => "clock.due",
            Self::Command => "operator.command",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A portfolio's numbers. What the producer did not send is absent, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// All that the portfolio is worth now; may be zero or below.
    pub total_equity: Usd,
    /// Drawdown from the day's peak, 0 to 1.
    pub drawdown_pct: Fraction,
    /// Profit (or loss, below zero) realised since midnight UTC.
    pub realized_pnl_today: Usd,
    /// Profit (or loss) of open positions.
    pub unrealized_pnl: Usd,
    /// Open positions.
    pub num_positions: u32,
    /// Gross notional of open positions.
    pub total_exposure_usd: Usd,
    /// The worst drawdown so far, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drawdown_pct: Option<Fraction>,
    /// Share of today's closed trades that won, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub win_rate_today: Option<Fraction>,
    /// Sharpe ratio over seven days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharpe_ratio_7d: Option<Ratio>,
    /// Cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_balance: Option<Usd>,
    /// Trades closed since midnight UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_trades_today: Option<u32>,
    /// Whether the producer itself says that these numbers are not to be relied on: they may tighten, and loosen nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
    /// The producer's own time, kept as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Time>,
}

/// How the system does, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SystemStatus {
    /// All well, with reserves.
    Optimal,
    /// All well.
    Healthy,
    /// Works, with losses.
    Degraded,
    /// About to fail.
    Critical,
    /// Failed.
    Emergency,
}

/// State of the backend's emergency-stop system, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum EssState {
    /// Nothing to report.
    Nominal,
    /// Near the first threshold.
    Caution,
    /// Past the second.
    Warning,
    /// Past the third.
    Critical,
}

/// The system's health. A status word that nobody knows has been read as DEGRADED with ESS at least WARNING.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// How the system does.
    pub system_status: SystemStatus,
    /// State of the emergency-stop system.
    pub ess_state: EssState,
    /// Words that were sent and are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_words: Vec<String>,
    /// The producer's own time, kept as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Time>,
}

/// A model's results. What the producer did not send is absent, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelPerformance {
    /// The model, 1 to 64 characters.
    pub model_name: String,
    /// Sharpe ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharpe_ratio: Option<Ratio>,
    /// Share of trades that won, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub win_rate: Option<Fraction>,
    /// Gross profit over gross loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profit_factor: Option<Ratio>,
    /// Trades counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_trades: Option<u64>,
    /// Days since the model was last trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_since_training: Option<Ratio>,
    /// The producer's own time, kept as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Time>,
}

/// A timer went off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockDue {
    /// When it was due.
    pub due: Time,
}

impl Snapshot {
    /// Share of today's closed trades that won, once it says something: at least `min_closed_trades` closed today.
    ///
    /// Where the producer does not count closed trades, the rate counts as sent; but a rate of zero on a day without
    /// any realised profit or loss is a day on which nothing closed, and no lost one.
    pub fn win_rate(&self, min_closed_trades: u32) -> Option<Fraction> {
        let rate = self.win_rate_today?;
        let says_something = match self.closed_trades_today {
            Some(closed) => closed >= min_closed_trades,
            None => rate != Fraction::ZERO || self.realized_pnl_today != Usd::ZERO,
        };
        says_something.then_some(rate)
    }
}

impl SystemStatus {
    /// The word as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Optimal => "OPTIMAL",
            Self::Healthy => "HEALTHY",
            Self::Degraded => "DEGRADED",
            Self::Critical => "CRITICAL",
            Self::Emergency => "EMERGENCY",
        }
    }
}

impl EssState {
    /// The word as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nominal => "NOMINAL",
            Self::Caution => "CAUTION",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

impl Body {
    /// The producer's own time, where it gave one.
    pub const fn reported_at(&self) -> Option<Time> {
        match self {
            Self::Snapshot(snapshot) => snapshot.reported_at,
            Self::Health(health) => health.reported_at,
            Self::Model(model) => model.reported_at,
            Self::Receipt(receipt) => receipt.reported_at,
            Self::ClockDue(_) | Self::Command(_) => None,
        }
    }

    /// Which kind of event this is.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Snapshot(_) => EventKind::Snapshot,
            Self::Health(_) => EventKind::Health,
            Self::Model(_) => EventKind::Model,
            Self::Receipt(_) => EventKind::Receipt,
            Self::ClockDue(_) => EventKind::ClockDue,
            Self::Command(_) => EventKind::Command,
        }
    }
}

impl Event {
    /// The id of what an entry tells a portfolio.
    ///
    /// Where the producer gives a time of its own, that and the content make the identity: a buffer that publishes the
    /// same once more, under another entry, says nothing new. Otherwise the entry makes it.
    pub fn id_of_entry(stream: &str, entry: EntryId, portfolio: &PortfolioId, body: &Body) -> EventId {
        let told = body.reported_at().and_then(|_| serde_json::to_string(body).ok());
        match told {
            Some(told) => EventId::derive(&["told", stream, portfolio.as_str(), &told]),
            None => EventId::derive(&["redis", stream, &entry.to_string(), portfolio.as_str()]),
        }
    }

    /// A timer of this portfolio went off; the same event for the same timer, whoever makes it.
    pub fn clock_due(portfolio: &PortfolioId, due: Time) -> Self {
        let id = EventId::derive(&["clock", portfolio.as_str(), &due.to_string()]);
        Self {
            schema: Schema::Event,
            id,
            portfolio: portfolio.clone(),
            at: due,
            source: Source::Clock,
            trace_id: id.into(),
            correlation_id: id.to_string(),
            stale: false,
            body: Body::ClockDue(ClockDue { due }),
        }
    }

    /// Which kind of event this is.
    pub const fn kind(&self) -> EventKind {
        self.body.kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    #[test]
    fn a_win_rate_counts_once_enough_trades_closed() {
        let half = Some(Fraction::lit(0.5));
        let zero = Some(Fraction::ZERO);
        let cases = [
            ("not sent", None, Some(9), -1.0, None),
            ("too few closed", half, Some(4), -1.0, None),
            ("just enough closed", half, Some(5), -1.0, half),
            ("zero of enough is a real zero", zero, Some(5), 0.0, zero),
            ("no trade closed", zero, Some(0), 0.0, None),
            ("closed trades not sent: as sent", half, None, 0.0, half),
            ("closed trades not sent, zero with a loss: all lost", zero, None, -1.0, zero),
            ("closed trades not sent, zero without profit or loss: nothing closed", zero, None, 0.0, None),
        ];
        for (name, win_rate_today, closed_trades_today, pnl, expected) in cases {
            let realized_pnl_today = Usd::lit(pnl);
            let seen = Snapshot { win_rate_today, closed_trades_today, realized_pnl_today, ..snapshot() };
            assert_eq!(seen.win_rate(5), expected, "{name}");
        }
    }

    #[test]
    fn a_timer_is_the_same_event_whoever_makes_it() {
        let main = PortfolioId::main();
        let timer = |millis| Event::clock_due(&main, Time::from_millis(millis));
        assert_eq!(timer(5), timer(5));
        assert_ne!(timer(5).id, timer(6).id);
    }

    #[test]
    fn a_status_word_is_the_one_on_the_wire() {
        let wire = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        for status in [
            SystemStatus::Optimal,
            SystemStatus::Healthy,
            SystemStatus::Degraded,
            SystemStatus::Critical,
            SystemStatus::Emergency,
        ] {
            assert_eq!(wire(serde_json::to_value(status).unwrap()), status.as_str());
        }
        for state in [EssState::Nominal, EssState::Caution, EssState::Warning, EssState::Critical] {
            assert_eq!(wire(serde_json::to_value(state).unwrap()), state.as_str());
        }
    }
}
