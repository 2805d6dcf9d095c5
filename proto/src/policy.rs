//! Policies: numbers that rules go by, checked as a whole before anything starts.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A part of the policy file: defaults compiled in, every mistake found at once.
pub trait Policy: DeserializeOwned + Serialize + Default + Clone + Send + Sync + 'static {
    /// Everything that is wrong with it; empty when it may be used.
    fn mistakes(&self) -> Vec<Mistake>;
}

/// Something wrong with what somebody wrote: which field, what was seen, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mistake {
    /// The field's name, with dots for what lies deeper.
    pub field: String,
    /// What was seen, shortened.
    pub seen: String,
    /// What was expected.
    pub expected: String,
}

impl Mistake {
    /// A mistake in a field.
    pub fn new(field: impl Into<String>, seen: impl fmt::Display, expected: impl Into<String>) -> Self {
        let seen: String = seen.to_string().chars().take(200).collect();
        Self { field: field.into(), seen, expected: expected.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: seen {}, expected {}", self.field, self.seen, self.expected)
    }
}
