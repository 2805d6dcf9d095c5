//! Something to be looked into.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Priority;

/// Something to be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResearchTask {
    /// What kind of work, such as `risk_analysis`.
    pub task_type: String,
    /// What to do, for people.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How long it should take.
    pub estimated_duration_hours: u32,
    /// What it should bring, for people.
    pub expected_impact: String,
    /// The model that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
}

impl ResearchTask {
    /// What the task is about: its type, and the model where it has one. One task of a subject a day.
    pub fn subject(&self) -> String {
        Self::subject_of(&self.task_type, self.model_name.as_deref()).into_owned()
    }

    /// The subject of a task of this type about this model.
    pub fn subject_of<'a>(task_type: &'a str, model_name: Option<&str>) -> Cow<'a, str> {
        match model_name {
            Some(model) => Cow::Owned(format!("{task_type}/{model}")),
            None => Cow::Borrowed(task_type),
        }
    }
}
