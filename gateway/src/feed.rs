//! Feeds: the Redis streams that events come from, and how to read each.

use std::fmt;

use clap::ValueEnum;
use proto::event::EventKind;

/// What a feed tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedKind {
    /// Portfolios' numbers.
    Snapshot,
    /// The system's health.
    Health,
    /// Models' results.
    Model,
}

/// How a source writes drawdowns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DrawdownUnit {
    /// 0.035 is 3.5 %.
    #[default]
    Fraction,
    /// 3.5 is 3.5 %.
    Percent,
    /// -0.035 is 3.5 %.
    Negative,
}

/// A Redis stream that events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What it tells of.
    pub kind: FeedKind,
    /// The stream's key.
    pub stream: String,
    /// How it writes drawdowns.
    pub drawdown: DrawdownUnit,
}

impl FeedKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Snapshot, Self::Health, Self::Model];

    /// The kind of event that comes of it.
    pub const fn event_kind(self) -> EventKind {
        match self {
            Self::Snapshot => EventKind::Snapshot,
            Self::Health => EventKind::Health,
            Self::Model => EventKind::Model,
        }
    }

    /// The event type, as the backend names it.
    pub const fn event_type(self) -> &'static str {
        self.event_kind().as_str()
    }

    /// What the log says when one was received; people look for these words.
    pub const fn received(self) -> &'static str {
        match self {
            Self::Snapshot => "Portfolio update received",
            Self::Health => "System health received",
            Self::Model => "Model performance received",
        }
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event_type())
    }
}
