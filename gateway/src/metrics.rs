//! What the gateway counts. The names stand here and nowhere else.

use std::sync::atomic::AtomicU64;

use mesh::admin::Admin;
use mesh::metric;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use proto::decision::Decision;
use proto::time::Time;

/// Events that were stored in EVENTS, by type and outcome (`new` or `duplicate`).
pub const EVENTS: &str = "fed_gateway_events";
/// Events whose time was too long ago to loosen on, by type.
pub const STALE_EVENTS: &str = "fed_gateway_stale_events";
/// Status words that nobody knows, by type of event.
pub const UNKNOWN_WORDS: &str = "fed_gateway_unknown_words";
/// Entries that could not be used, by type and reason.
pub const DEAD_LETTERS: &str = "fed_gateway_dead_letters";
/// Receipts of decisions, by status.
pub const RECEIPTS: &str = "fed_gateway_receipts";
/// Times that something may be missing between Redis and the mesh, by type and kind (see [`GapKind`]).
pub const UPSTREAM_GAPS: &str = "fed_gateway_upstream_gaps";
/// Seconds that a stream's latest entry id lies ahead of the clock of Redis, by type.
pub const UPSTREAM_AHEAD: &str = "fed_gateway_upstream_ahead_seconds";
/// Unix time of the latest event, by type.
pub const LAST_EVENT: &str = "fed_gateway_last_event_timestamp_seconds";
/// Seconds from an entry to its storing in EVENTS.
pub const INGEST_SECONDS: &str = "fed_gateway_ingest_seconds";
/// Sessions with Redis that had to begin anew, by what they did.
pub const REDIS_RESTARTS: &str = "fed_gateway_redis_restarts";
/// Decisions written to Redis, by type and role.
pub const DECISIONS: &str = "fed_gateway_decisions";
/// Seconds from an event to its decision in Redis.
pub const EVENT_TO_DECISION_SECONDS: &str = "fed_gateway_event_to_decision_seconds";
/// Rulings that do not count, as emit saw them.
pub const VOID_RULINGS: &str = "fed_gateway_void_rulings";
/// Rulings that the log had lost before they were emitted: portfolios whose chain had to be taken up again.
pub const EMIT_GAPS: &str = "fed_gateway_emit_gaps";
/// Messages in RULINGS that could not be read.
pub const UNREADABLE_RULINGS: &str = "fed_gateway_unreadable_rulings";
/// The RULINGS sequence up to which everything was written to Redis.
pub const EMITTED_SEQUENCE: &str = "fed_gateway_emitted_sequence";
/// 1 while a role is switched on, by role.
pub const ROLE_ENABLED: &str = "fed_gateway_role_enabled";
/// Replicas of a role that answer, by role.
pub const ROLE_REPLICAS: &str = "fed_gateway_role_replicas";
/// Frozen portfolios.
pub const FROZEN: &str = "fed_gateway_frozen_portfolios";
/// Portfolios whose backend says that it does not do what was decided.
pub const DISOBEYED: &str = "fed_gateway_disobeyed_portfolios";
/// Portfolios whose rulings are damaged: nothing of them is told.
pub const HALTED: &str = "fed_gateway_halted_portfolios";
/// Standing holds.
pub const HOLDS: &str = "fed_gateway_holds";
/// Operators' commands, by order and outcome.
pub const COMMANDS: &str = "fed_gateway_commands";

/// Which type of event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfType {
    /// The event type.
    pub event_type: &'static str,
}

/// Which type of event, and what may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Gap {
    /// The event type.
    pub event_type: &'static str,
    /// What may be missing.
    pub kind: &'static str,
}

/// What may be missing between Redis and the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// Redis may have trimmed entries before they were read.
    Trimmed,
    /// Redis lost entries that were read before, and whatever came after them.
    RedisRolledBack,
    /// EVENTS lost events; they are read again.
    EventsLost,
    /// DEAD lost letters; they are read again.
    LettersLost,
    /// EVENTS or DEAD was made anew: nothing is read until a person has looked.
    MadeAnew,
}

impl GapKind {
    /// The word that it is counted by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::RedisRolledBack => "redis-rolled-back",
            Self::EventsLost => "events-lost",
            Self::LettersLost => "letters-lost",
            Self::MadeAnew => "made-anew",
        }
    }
}

/// Which type of event, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// The event type.
    pub event_type: &'static str,
    /// What became of it.
    pub outcome: &'static str,
}

/// Which type of event, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Dead {
    /// The event type.
    pub event_type: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// What became of a decision at the backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Received {
    /// The word of the receipt.
    pub status: &'static str,
}

/// Which type of decision, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Decided {
    /// The decision's type.
    pub decision_type: &'static str,
    /// Who proposed it.
    pub role: String,
}

/// Which role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfRole {
    /// The role.
    pub role: String,
}

/// What a session with Redis does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Session {
    /// What it does.
    pub session: &'static str,
}

/// Which order, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Commanded {
    /// The order.
    pub order: String,
    /// What became of it.
    pub outcome: &'static str,
}

/// Everything that the gateway counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// See [`EVENTS`].
    pub events: Family<Outcome, Counter>,
    /// See [`STALE_EVENTS`].
    pub stale_events: Family<OfType, Counter>,
    /// See [`UNKNOWN_WORDS`].
    pub unknown_words: Family<OfType, Counter>,
    /// See [`DEAD_LETTERS`].
    pub dead_letters: Family<Dead, Counter>,
    /// See [`RECEIPTS`].
    pub receipts: Family<Received, Counter>,
    /// See [`UPSTREAM_GAPS`].
    pub upstream_gaps: Family<Gap, Counter>,
    /// See [`UPSTREAM_AHEAD`].
    pub upstream_ahead: Family<OfType, Gauge<f64, AtomicU64>>,
    /// See [`LAST_EVENT`].
    pub last_event: Family<OfType, Gauge<f64, AtomicU64>>,
    /// See [`INGEST_SECONDS`].
    pub ingest_seconds: Histogram,
    /// See [`REDIS_RESTARTS`].
    pub redis_restarts: Family<Session, Counter>,
    /// See [`DECISIONS`].
    pub decisions: Family<Decided, Counter>,
    /// See [`EVENT_TO_DECISION_SECONDS`].
    pub event_to_decision_seconds: Histogram,
    /// See [`VOID_RULINGS`].
    pub void_rulings: Counter,
    /// See [`EMIT_GAPS`].
    pub emit_gaps: Counter,
    /// See [`UNREADABLE_RULINGS`].
    pub unreadable_rulings: Counter,
    /// See [`EMITTED_SEQUENCE`].
    pub emitted_sequence: Gauge,
    /// See [`ROLE_ENABLED`].
    pub role_enabled: Family<OfRole, Gauge>,
    /// See [`ROLE_REPLICAS`].
    pub role_replicas: Family<OfRole, Gauge>,
    /// See [`FROZEN`].
    pub frozen: Gauge,
    /// See [`DISOBEYED`].
    pub disobeyed: Gauge,
    /// See [`HALTED`].
    pub halted: Gauge,
    /// See [`HOLDS`].
    pub holds: Gauge,
    /// See [`COMMANDS`].
    pub commands: Family<Commanded, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            events: Family::default(),
            stale_events: Family::default(),
            unknown_words: Family::default(),
            dead_letters: Family::default(),
            receipts: Family::default(),
            upstream_gaps: Family::default(),
            upstream_ahead: Family::default(),
            last_event: Family::default(),
            ingest_seconds: metric::seconds(),
            redis_restarts: Family::default(),
            decisions: Family::default(),
            event_to_decision_seconds: metric::seconds(),
            void_rulings: Counter::default(),
            emit_gaps: Counter::default(),
            unreadable_rulings: Counter::default(),
            emitted_sequence: Gauge::default(),
            role_enabled: Family::default(),
            role_replicas: Family::default(),
            frozen: Gauge::default(),
            disobeyed: Gauge::default(),
            halted: Gauge::default(),
            holds: Gauge::default(),
            commands: Family::default(),
        }
    }
}

impl Metrics {
    /// Metrics that `/metrics` shows.
    pub fn register(admin: &Admin) -> Self {
        let metrics = Self::default();
        metrics.register_ingest(admin);
        metrics.register_emit(admin);
        metrics.register_state(admin);
        metrics
    }

    fn register_ingest(&self, admin: &Admin) {
        admin.register(|registry| {
            registry.register(EVENTS, "Events stored, by type and outcome", self.events.clone());
            registry.register(STALE_EVENTS, "Events too old to loosen on", self.stale_events.clone());
            registry.register(UNKNOWN_WORDS, "Status words that nobody knows", self.unknown_words.clone());
            registry.register(DEAD_LETTERS, "Entries that could not be used", self.dead_letters.clone());
            registry.register(RECEIPTS, "Receipts of decisions, by status", self.receipts.clone());
            registry.register(UPSTREAM_GAPS, "Something may be missing, by kind", self.upstream_gaps.clone());
            registry.register(UPSTREAM_AHEAD, "Seconds that ids lie ahead", self.upstream_ahead.clone());
            registry.register(LAST_EVENT, "Unix time of the latest event", self.last_event.clone());
            registry.register(INGEST_SECONDS, "Seconds from entry to EVENTS", self.ingest_seconds.clone());
            registry.register(REDIS_RESTARTS, "Redis sessions begun anew", self.redis_restarts.clone());
        });
    }

    fn register_emit(&self, admin: &Admin) {
        admin.register(|registry| {
            registry.register(DECISIONS, "Decisions written to Redis", self.decisions.clone());
            let seconds = self.event_to_decision_seconds.clone();
            registry.register(EVENT_TO_DECISION_SECONDS, "Seconds from event to decision in Redis", seconds);
            registry.register(VOID_RULINGS, "Rulings that do not count", self.void_rulings.clone());
            registry.register(EMIT_GAPS, "Chains taken up again after a gap", self.emit_gaps.clone());
            let unreadable = self.unreadable_rulings.clone();
            registry.register(UNREADABLE_RULINGS, "Messages in RULINGS that cannot be read", unreadable);
            registry.register(
                EMITTED_SEQUENCE,
                "RULINGS sequence written to Redis",
                self.emitted_sequence.clone(),
            );
        });
    }

    fn register_state(&self, admin: &Admin) {
        admin.register(|registry| {
            registry.register(ROLE_ENABLED, "1 while a role is switched on", self.role_enabled.clone());
            registry.register(ROLE_REPLICAS, "Replicas of a role that answer", self.role_replicas.clone());
            registry.register(FROZEN, "Frozen portfolios", self.frozen.clone());
            registry.register(DISOBEYED, "Portfolios without what was decided", self.disobeyed.clone());
            registry.register(HALTED, "Portfolios whose rulings are damaged", self.halted.clone());
            registry.register(HOLDS, "Standing holds", self.holds.clone());
            registry.register(COMMANDS, "Operators' commands, by order and outcome", self.commands.clone());
        });
    }

    /// Counts a decision that is in Redis now.
    pub fn emitted(&self, decision: &Decision, now: Time) {
        let decided = Decided {
            decision_type: decision.decision_type().as_str(),
            role: decision.role_source.to_string(),
        };
        self.decisions.get_or_create(&decided).inc();
        self.event_to_decision_seconds.observe(seconds(now.since(decision.timestamp).as_millis()));
    }
}

/// Milliseconds as seconds.
pub fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
