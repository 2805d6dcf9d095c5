//! Portfolios, and the slots that they are shared out in.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BadId;

/// A portfolio: `[A-Za-z0-9_-]{1,64}`, so that it is one token of a NATS subject.
#[derive(Debug, Clone, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
pub struct PortfolioId(Arc<str>);
parsed_text!(PortfolioId);

impl PartialEq for PortfolioId {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl PartialOrd for PortfolioId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PortfolioId {
    /// Mostly it is the same text in memory, which says it at once.
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PortfolioId {
    /// The portfolio of a snapshot that names none.
    pub fn main() -> Self {
        Self(Arc::from("main"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slot that this portfolio belongs to: the first eight bytes of its SHA-256, modulo the number of slots.
    pub fn slot(&self, slots: SlotCount) -> Slot {
        let digest = Sha256::digest(self.0.as_bytes());
        let first = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        Slot(u16::try_from(first % u64::from(slots.get())).unwrap_or_default())
    }
}

impl FromStr for PortfolioId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(BadId::new(text, "1 to 64 letters, digits, '_' or '-'"))
        }
    }
}

impl fmt::Display for PortfolioId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A shard of portfolios, 0 to the number of slots less one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Slot(pub u16);

/// How many slots a mesh has, 1 to 1024; fixed when the mesh is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
pub struct SlotCount(u16);

impl SlotCount {
    /// The count itself.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Every slot, in order.
    pub fn all(self) -> impl Iterator<Item = Slot> {
        (0..self.0).map(Slot)
    }
}

impl Default for SlotCount {
    fn default() -> Self {
        Self(8)
    }
}

impl TryFrom<u16> for SlotCount {
    type Error = BadId;
    fn try_from(count: u16) -> Result<Self, BadId> {
        if (1..=1024).contains(&count) {
            Ok(Self(count))
        } else {
            Err(BadId::new(&count.to_string(), "a number of slots from 1 to 1024"))
        }
    }
}

impl From<SlotCount> for u16 {
    fn from(count: SlotCount) -> Self {
        count.0
    }
}

impl FromStr for SlotCount {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse::<u16>().map_err(|_| BadId::new(text, "a number of slots from 1 to 1024"))?.try_into()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SlotCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portfolio_id_is_one_subject_token() {
        for good in ["main", "a", "Desk_7-eu", &"x".repeat(64)] {
            assert_eq!(good.parse::<PortfolioId>().unwrap().as_str(), good);
        }
        for bad in ["", "a.b", "a*", "a>", "a b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<PortfolioId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slots_are_stable() {
        let slots = SlotCount::default();
        let of = |id: &str| id.parse::<PortfolioId>().unwrap().slot(slots).0;
        assert_eq!((of("main"), of("alpha"), of("beta")), (3, 6, 1));
    }
}
