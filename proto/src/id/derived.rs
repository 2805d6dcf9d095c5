//! Ids that are derived from what they name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BadId;

/// The namespace of all derived UUIDs (version 5), itself derived from a fixed name.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0a_4a3e_52a1_5b5e_9c61_7d0f_8e1b_24c3);

/// A UUID that depends on its parts only; their lengths are hashed too, so that no two lists of parts collide.
fn derived(kind: &str, parts: &[&str]) -> Uuid {
    let mut name = Vec::with_capacity(64);
    for part in std::iter::once(&kind).chain(parts) {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The id that follows from these parts, the same every time.
            pub fn derive(parts: &[&str]) -> Self {
                Self(derived($kind, parts))
            }

            /// The id of these bits, for made-up data.
            pub const fn of_bits(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::parse_str(text).map(Self).map_err(|_| BadId::new(text, "a UUID"))
            }
        }
    };
}

uuid_id! {
    /// An event's id, derived from its source: the Redis entry and the portfolio, the command, or the timer.
    EventId, "event"
}
uuid_id! {
    /// A decision's id, derived from event, role, type and subject.
    DecisionId, "decision"
}
uuid_id! {
    /// A hold's id, derived from portfolio, cause and the event that placed it.
    HoldId, "hold"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_stable_and_never_collide_by_joining() {
        assert_eq!(EventId::derive(&["a", "b"]), EventId::derive(&["a", "b"]));
        assert_ne!(EventId::derive(&["ab", "c"]), EventId::derive(&["a", "bc"]));
        assert_ne!(EventId::derive(&["a"]).0, DecisionId::derive(&["a"]).0);
    }
}
