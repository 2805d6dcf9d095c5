//! The names of everything in Redis, in one place.

use proto::id::PortfolioId;

/// Keys under one prefix, `quantum:` by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

/// The event type under which decisions go out.
pub const DECISION_MADE: &str = "ai.federation.decision_made";
/// The event type under which the federation tells how it is.
pub const FEDERATION_HEALTH: &str = "federation.health";
/// Who speaks, in the `source` field of what goes out.
pub const SOURCE: &str = "federation-ai";

impl Keys {
    /// Keys that begin with this prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The stream of an event type.
    pub fn stream(&self, event_type: &str) -> String {
        format!("{}stream:{event_type}", self.prefix)
    }

    /// The stream of entries of an event type that could not be used.
    pub fn dead_letters(&self, event_type: &str) -> String {
        format!("{}dlq:{event_type}", self.prefix)
    }

    /// The hash that holds the last dead letter of each stream, so that none is written twice.
    pub fn dead_letter_positions(&self) -> String {
        format!("{}federation:dlq-position", self.prefix)
    }

    /// The hash that holds where each stream was first read from, for each EVENTS.
    pub fn first_starts(&self) -> String {
        format!("{}federation:first-start", self.prefix)
    }

    /// The hash that holds how far decisions were written, beside the decisions.
    pub fn position(&self) -> String {
        format!("{}federation:position", self.prefix)
    }

    /// The hash of orders to freeze that the backend was told of and the court has not ruled yet.
    pub fn stops(&self) -> String {
        format!("{}federation:stops", self.prefix)
    }

    /// The hash of each portfolio's last document: what is known without NATS, also when nobody refreshes the documents.
    pub fn documents(&self) -> String {
        format!("{}federation:documents", self.prefix)
    }

    /// The document of all that is in effect for a portfolio.
    pub fn effective(&self, portfolio: &PortfolioId) -> String {
        format!("{}federation:effective:{portfolio}", self.prefix)
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new("quantum:")
    }
}
