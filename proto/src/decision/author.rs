//! Who stands behind what is asked, held or decided.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{BadId, Role};

/// Who stands behind a proposal, a hold or a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Author {
    /// An operator; written `manual`.
    Manual,
    /// A role; written as its name.
    Role(Role),
}

impl From<Role> for Author {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("manual"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

impl TryFrom<String> for Author {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        if text == "manual" { Ok(Self::Manual) } else { text.parse().map(Self::Role) }
    }
}

impl From<Author> for String {
    fn from(author: Author) -> Self {
        author.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_is_the_operator_and_no_role() {
        assert_eq!(Author::try_from("manual".to_owned()).unwrap(), Author::Manual);
        assert_eq!(Author::try_from("cro".to_owned()).unwrap(), Author::Role(Role::CRO));
        assert_eq!(String::from(Author::Manual), "manual");
    }
}
