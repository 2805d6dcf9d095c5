//! Feeds: the Redis streams that events come from, and how to read each.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use proto::event::EventKind;
use proto::time::{Period, Time};

/// What a feed tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedKind {
    /// Portfolios' numbers.
    Snapshot,
    /// The system's health.
    Health,
    /// Models' results.
    Model,
    /// What the backend did with decisions.
    Receipt,
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

/// Where reading begins in a stream that was never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStart {
    /// So long before now.
    Ago(Period),
    /// At this time.
    At(Time),
}

/// A text that says neither a time nor a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{seen:?} is neither a time such as 2026-01-31T09:30:00Z nor a length of time such as 30m or 2h")]
pub struct BadFirstStart {
    seen: String,
}

impl FeedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Snapshot, Self::Health, Self::Model, Self::Receipt];

    /// The kind of event that comes of it.
    pub const fn event_kind(self) -> EventKind {
        match self {
            Self::Snapshot => EventKind::Snapshot,
            Self::Health => EventKind::Health,
            Self::Model => EventKind::Model,
            Self::Receipt => EventKind::Receipt,
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
            Self::Receipt => "Receipt received",
        }
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event_type())
    }
}

impl FirstStart {
    /// The time to begin at.
    pub const fn time(self, now: Time) -> Time {
        match self {
            Self::Ago(period) => now.before(period),
            Self::At(time) => time,
        }
    }
}

impl FromStr for FirstStart {
    type Err = BadFirstStart;

    fn from_str(text: &str) -> Result<Self, BadFirstStart> {
        let ago = text.parse().map(Self::Ago).ok();
        ago.or_else(|| text.parse().map(Self::At).ok()).ok_or_else(|| BadFirstStart { seen: text.to_owned() })
    }
}
