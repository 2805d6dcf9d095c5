//! Roles, and the rules that they go by.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::BadId;

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
}
