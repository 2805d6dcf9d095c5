//! Schema versions: every message names its own; readers ignore fields that they don't know and refuse a major
//! version that they don't.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A schema's name and major version, such as `fed.event/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^fed\\.[a-z]+/[0-9]+$"))]
pub enum Schema {
    /// `fed.event/1`
    Event,
    /// `fed.case/1`
    Case,
    /// `fed.verdict/1`
    Verdict,
    /// `fed.ruling/1`
    Ruling,
    /// `fed.decision/1`
    Decision,
    /// `fed.letter/1`
    Letter,
}

/// A schema that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema {0:?} is not one that this build reads: expected fed.<what>/1")]
pub struct UnknownSchema(String);

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of this shape.
    #[error("not a readable message: {0}")]
    Json(#[from] serde_json::Error),
    /// Readable, but another message than expected.
    #[error("expected schema {expected}, found {seen}")]
    OtherSchema {
        /// What was asked for.
        expected: Schema,
        /// What was found.
        seen: Schema,
    },
}

impl Schema {
    const ALL: [Self; 6] =
        [Self::Event, Self::Case, Self::Verdict, Self::Ruling, Self::Decision, Self::Letter];

    /// The name as it stands in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "fed.event/1",
            Self::Case => "fed.case/1",
            Self::Verdict => "fed.verdict/1",
            Self::Ruling => "fed.ruling/1",
            Self::Decision => "fed.decision/1",
            Self::Letter => "fed.letter/1",
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Schema {
    type Err = UnknownSchema;
    fn from_str(text: &str) -> Result<Self, UnknownSchema> {
        Self::ALL
            .into_iter()
            .find(|schema| schema.as_str() == text)
            .ok_or_else(|| UnknownSchema(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Schema {
    type Error = UnknownSchema;
    fn try_from(text: String) -> Result<Self, UnknownSchema> {
        text.parse()
    }
}

impl From<Schema> for String {
    fn from(schema: Schema) -> Self {
        schema.as_str().to_owned()
    }
}

/// A message that names its schema.
pub trait Message: Serialize + DeserializeOwned {
    /// The schema of this message.
    const SCHEMA: Schema;

    /// The schema that the message itself names.
    fn schema(&self) -> Schema;

    /// The message's bytes: compact JSON, the same for the same value.
    ///
    /// # Errors
    /// None for the messages of this crate; serde's signature asks for it.
    fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// Not JSON, not of this shape, or of another schema.
    fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let message: Self = serde_json::from_slice(bytes)?;
        if message.schema() == Self::SCHEMA {
            Ok(message)
        } else {
            Err(ReadError::OtherSchema { expected: Self::SCHEMA, seen: message.schema() })
        }
    }
}

macro_rules! message {
    ($($name:ty => $schema:ident),* $(,)?) => {
        $(impl Message for $name {
            const SCHEMA: Schema = Schema::$schema;
            fn schema(&self) -> Schema {
                self.schema
            }
        })*
    };
}

message! {
    crate::event::Event => Event,
    crate::case::Cases => Case,
    crate::case::Verdicts => Verdict,
    crate::case::ReviewCase => Case,
    crate::case::Opinion => Verdict,
    crate::ruling::Ruling => Ruling,
    crate::decision::Decision => Decision,
    crate::letter::Letter => Letter,
}
