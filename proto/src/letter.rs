//! Dead letters: input that could not be used, kept where it can be looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::EntryId;
use crate::policy::Mistake;
use crate::time::Time;
use crate::wire::Schema;

/// An entry that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Letter {
    /// `fed.letter/1`.
    pub schema: Schema,
    /// The event type that it was meant to be.
    pub event_type: String,
    /// The Redis stream's key.
    pub stream: String,
    /// The entry.
    pub entry: EntryId,
    /// All entries of this stream up to this one were through when this was published.
    pub through: EntryId,
    /// The entry's time.
    pub at: Time,
    /// A short name for what is wrong, for counting: `not-json`, `missing-field`, `out-of-range` and so on.
    pub reason: String,
    /// Everything that is wrong, all at once.
    pub mistakes: Vec<Mistake>,
    /// The entry's fields as they came.
    pub fields: Vec<RawField>,
}

/// A field as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RawField {
    /// The field's name.
    pub name: String,
    /// The value: as text where it is text.
    pub value: RawValue,
    /// How many bytes there were, where some were cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from_bytes: Option<u64>,
}

/// Bytes as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawValue {
    /// UTF-8.
    Text(String),
    /// Anything else, in base64.
    Base64(String),
}
