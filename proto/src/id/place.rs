//! Places in streams and chains.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BadId;
use crate::time::Time;

/// A message's place in a JetStream stream, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a portfolio's ruling, from 1; 0 is the portfolio before its first ruling.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The number of the ruling after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a Redis stream entry, `<milliseconds>-<number>`; it orders entries as Redis does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+-[0-9]+$"))]
pub struct EntryId {
    /// When Redis took the entry, in milliseconds since 1970.
    pub millis: u64,
    /// Which entry of that millisecond.
    pub number: u64,
}
parsed_text!(EntryId);

impl EntryId {
    /// When Redis took the entry: one clock, monotonic within a stream.
    pub fn time(self) -> Time {
        Time::from_millis(i64::try_from(self.millis).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl FromStr for EntryId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let parts = text.split_once('-').and_then(|(millis, number)| {
            Some(Self { millis: millis.parse().ok()?, number: number.parse().ok()? })
        });
        parts.ok_or_else(|| BadId::new(text, "a Redis entry id such as 1769851800250-0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_ids_order_as_redis_does() {
        let ids: Vec<EntryId> = ["9-1", "10-0", "10-2", "10-10"].map(|id| id.parse().unwrap()).into();
        assert!(ids.is_sorted());
        assert!("10".parse::<EntryId>().is_err());
    }
}
