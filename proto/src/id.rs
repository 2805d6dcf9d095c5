//! Names and numbers that identify things. Identity is derived, never drawn: doing work again gives the same ids.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::time::Time;

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

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
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

/// A name, mostly one that stands in the source: two that are the same text in memory are equal without a look at it, and
/// of others mostly the first eight bytes say the order, which are kept as one number.
#[derive(Debug, Clone)]
struct Name {
    first: u64,
    text: Cow<'static, str>,
}

impl Name {
    const fn new(name: &'static str) -> Self {
        Self { first: first_bytes(name), text: Cow::Borrowed(name) }
    }

    fn as_str(&self) -> &str {
        &self.text
    }
}

/// The first eight bytes, as a number that has their order; what is missing of them is zero.
const fn first_bytes(text: &str) -> u64 {
    let mut first = [0; 8];
    let count = if text.len() < first.len() { text.len() } else { first.len() };
    let (read, _) = text.as_bytes().split_at(count);
    first.split_at_mut(count).0.copy_from_slice(read);
    u64::from_be_bytes(first)
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self { first: first_bytes(&name), text: Cow::Owned(name) }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        let (one, its) = (self.as_str(), other.as_str());
        self.first == other.first && (std::ptr::eq(one, its) || one == its)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_text = || {
            let (one, other) = (self.as_str(), other.as_str());
            if std::ptr::eq(one, other) { Ordering::Equal } else { one.cmp(other) }
        };
        self.first.cmp(&other.first).then_with(by_text)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// A role's name: a lower-case word such as `cro`. The six of this mesh are constants; further ones are configuration.
#[derive(Debug, Clone, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z][a-z0-9_]{0,31}$"))]
pub struct Role(Named);
parsed_text!(Role);

/// The six are looked up again and again: as numbers they are compared at once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Known(Six),
    /// Never the name of one of the six.
    Further(Arc<str>),
}

/// The six, in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Six {
    Ceo,
    Cfo,
    Cio,
    Cro,
    Researcher,
    Supervisor,
}

impl Role {
    /// Freezes and vetoes.
    pub const SUPERVISOR: Self = Self(Named::Known(Six::Supervisor));
    /// Risk limits and emergency-stop thresholds.
    pub const CRO: Self = Self(Named::Known(Six::Cro));
    /// Trading mode and capital profile.
    pub const CEO: Self = Self(Named::Known(Six::Ceo));
    /// Symbols and model weights.
    pub const CIO: Self = Self(Named::Known(Six::Cio));
    /// Cashflow.
    pub const CFO: Self = Self(Named::Known(Six::Cfo));
    /// Research tasks.
    pub const RESEARCHER: Self = Self(Named::Known(Six::Researcher));
    /// The six, by rank.
    pub const ALL: [Self; 6] =
        [Self::SUPERVISOR, Self::CRO, Self::CEO, Self::CIO, Self::CFO, Self::RESEARCHER];

    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Named::Known(Six::Ceo) => "ceo",
            Named::Known(Six::Cfo) => "cfo",
            Named::Known(Six::Cio) => "cio",
            Named::Known(Six::Cro) => "cro",
            Named::Known(Six::Researcher) => "researcher",
            Named::Known(Six::Supervisor) => "supervisor",
            Named::Further(name) => name,
        }
    }
}

impl PartialEq for Role {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl PartialOrd for Role {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Role {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Named::Known(one), Named::Known(other)) => (*one as u8).cmp(&(*other as u8)),
            _ => by_name(self, other),
        }
    }
}

/// Apart, so that the usual comparison stays as short as it is.
#[cold]
fn by_name(one: &Role, other: &Role) -> Ordering {
    one.as_str().cmp(other.as_str())
}

impl FromStr for Role {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        if let Some(known) = Self::ALL.iter().find(|role| role.as_str() == text) {
            return Ok(known.clone());
        }
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        // "manual" is the operator: a role of that name would speak with the operator's authority.
        if starts && text.len() <= 32 && text.chars().all(allowed) && text != "manual" {
            Ok(Self(Named::Further(Arc::from(text))))
        } else {
            Err(BadId::new(text, "a role's name: a lower-case word, not \"manual\""))
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a rule, `<role>.<rule>`, such as `supervisor.drawdown`; `manual.<what>` for operators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String")]
pub struct RuleId(Name);

impl RuleId {
    /// A rule's id from the source.
    pub const fn new(id: &'static str) -> Self {
        Self(Name::new(id))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<String> for RuleId {
    fn from(id: String) -> Self {
        Self(Name::from(id))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

    #[test]
    fn derived_ids_are_stable_and_never_collide_by_joining() {
        assert_eq!(EventId::derive(&["a", "b"]), EventId::derive(&["a", "b"]));
        assert_ne!(EventId::derive(&["ab", "c"]), EventId::derive(&["a", "bc"]));
        assert_ne!(EventId::derive(&["a"]).0, DecisionId::derive(&["a"]).0);
    }

    #[test]
    fn entry_ids_order_as_redis_does() {
        let ids: Vec<EntryId> = ["9-1", "10-0", "10-2", "10-10"].map(|id| id.parse().unwrap()).into();
        assert!(ids.is_sorted());
        assert!("10".parse::<EntryId>().is_err());
    }

    #[test]
    fn no_role_is_called_manual() {
        assert!("manual".parse::<Role>().is_err());
        assert!("Cro".parse::<Role>().is_err());
        assert_eq!("cro".parse::<Role>().unwrap(), Role::CRO);
        assert_eq!("quant_1".parse::<Role>().unwrap().as_str(), "quant_1");
    }

    #[test]
    fn roles_are_in_the_order_of_their_names() {
        let further = ["a", "cxo", "z"].map(|name| name.parse::<Role>().unwrap());
        let mut roles = [further.to_vec(), Role::ALL.to_vec()].concat();
        roles.sort();
        assert!(roles.is_sorted_by_key(Role::as_str), "{roles:?}");
    }

    #[test]
    fn rules_are_in_the_order_of_their_texts() {
        let texts = [
            "",
            "\0",
            "a",
            "a\0",
            "ceo.paus",
            "ceo.pause",
            "ceo.pausf",
            "ceo.pause.x",
            "cro.a",
            "cro.ä",
            "z",
        ];
        for one in texts {
            for other in texts {
                let (rule, again) = (RuleId::from(one.to_owned()), RuleId::from(other.to_owned()));
                assert_eq!(rule.cmp(&again), one.cmp(other), "{one:?} {other:?}");
                assert_eq!(RuleId::new(one) == again, one == other, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn hashes_and_traces_read_back() {
        let hash = RulingHash::of(b"ruling");
        assert_eq!(hash.to_string().parse::<RulingHash>().unwrap(), hash);
        let trace: TraceId = "4BF92F35-77B34DA6A3CE929D0E0E4736".parse().unwrap();
        assert_eq!(trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!("00000000000000000000000000000000".parse::<TraceId>().is_err());
    }
}
