//! Names and numbers that identify things. Identity is derived, never drawn: doing work again gives the same ids.

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{seen:?} is not {expected}")]
pub struct BadId {
    seen: String,
    expected: &'static str,
}

impl BadId {
    fn new(seen: &str, expected: &'static str) -> Self {
        Self { seen: seen.chars().take(80).collect(), expected }
    }
}

/// A text type that is parsed before it is trusted; serde goes through the parser.
macro_rules! parsed_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

mod derived;
mod hash;
mod place;
mod portfolio;
mod role;

pub use derived::{DecisionId, EventId, HoldId};
pub use hash::{PolicyRevision, RulingHash, TraceId};
pub use place::{EntryId, Sequence, Version};
pub use portfolio::{PortfolioId, Slot, SlotCount};
pub use role::{Role, RuleId};
