//! The policy files that commands go by.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use mesh::BadConfiguration;
use replay::Policies;

/// The policy in this file, or the defaults.
pub(crate) fn open(file: Option<&Path>) -> Result<Policies> {
    let Some(file) = file else { return Ok(Policies::defaults()?) };
    let unreadable = |failed| BadConfiguration::new(format!("--policy {}: {failed}", file.display()));
    let text = fs::read_to_string(file).map_err(unreadable)?;
    Policies::parse(&text).with_context(|| file.display().to_string())
}

/// What a policy is called, for people.
pub(crate) fn name(file: Option<&Path>) -> String {
    file.map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string())
}
