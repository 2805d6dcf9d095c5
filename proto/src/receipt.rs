//! Receipts: what the backend says that it did with a decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::DecisionId;
use crate::time::Time;

/// What became of a decision at the backend. No rule reads it: it is kept so that people see whether they are obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The decision.
    pub decision_id: DecisionId,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why, in the backend's words, in one line of at most [`Receipt::MAX_DETAIL_CHARS`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the backend holds now, as it says itself: an object of at most [`Receipt::MAX_EFFECTIVE_BYTES`] bytes as JSON,
    /// nested at most [`Receipt::MAX_EFFECTIVE_DEPTH`] deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<serde_json::Map<String, serde_json::Value>>,
    /// The producer's own time, kept as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Time>,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReceiptStatus {
    /// It is in force.
    Applied,
    /// It was tried, and is not in force.
    Failed,
    /// The backend does not take it: a word or a scope that it does not know, for one.
    Rejected,
}

impl Receipt {
    /// The longest detail.
    pub const MAX_DETAIL_CHARS: usize = 512;
    /// The most bytes of what is in effect, as JSON.
    pub const MAX_EFFECTIVE_BYTES: usize = 16 * 1024;
    /// How deep what is in effect may be nested.
    pub const MAX_EFFECTIVE_DEPTH: usize = 8;
}

impl ReceiptStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Failed, Self::Rejected];

    /// The word as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
        }
    }

    /// The status of this word, in whatever case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word))
    }
}
