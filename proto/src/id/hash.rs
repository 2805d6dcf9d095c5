//! Hashes and traces: bytes, written in hexadecimal.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BadId, EventId};

/// The SHA-256 of a ruling's bytes as stored, in hexadecimal; all zeros stands before a portfolio's first ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{64}$"))]
pub struct RulingHash([u8; 32]);
parsed_text!(RulingHash);

impl RulingHash {
    /// The hash of a ruling's stored bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for RulingHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RulingHash {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        hex_bytes::<32>(text).map(Self).ok_or_else(|| BadId::new(text, "64 hexadecimal digits"))
    }
}

/// The revision of a policy: the first 16 hexadecimal digits of its file's SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PolicyRevision(String);

impl PolicyRevision {
    /// The revision of a policy with this text.
    pub fn of(text: &str) -> Self {
        Self(RulingHash::of(text.as_bytes()).to_string().chars().take(16).collect())
    }
}

impl fmt::Display for PolicyRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A W3C trace id: 32 hexadecimal digits, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{32}$"))]
pub struct TraceId([u8; 16]);
parsed_text!(TraceId);

impl TraceId {
    /// The id's bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl From<EventId> for TraceId {
    /// The trace of an event whose source names none: the same on every attempt.
    fn from(id: EventId) -> Self {
        Self(id.0.into_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TraceId {
    type Err = BadId;

    /// Takes 32 hexadecimal digits, and a UUID with its dashes, which some producers send.
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bare: String = text.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
        match hex_bytes::<16>(&bare) {
            Some(bytes) if bytes != [0; 16] => Ok(Self(bytes)),
            _ => Err(BadId::new(text, "32 hexadecimal digits, not all zero")),
        }
    }
}

fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(lower_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_traces_read_back() {
        let hash = RulingHash::of(b"ruling");
        assert_eq!(hash.to_string().parse::<RulingHash>().unwrap(), hash);
        let trace: TraceId = "4BF92F35-77B34DA6A3CE929D0E0E4736".parse().unwrap();
        assert_eq!(trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!("00000000000000000000000000000000".parse::<TraceId>().is_err());
    }
}
