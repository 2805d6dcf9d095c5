//! System health. A word that nobody knows is never read as well: it counts as DEGRADED, and WARNING, at the least.

use proto::event::{EssState, Health, SystemStatus};
use proto::time::Time;

use crate::fields::Fields;

/// The longest status word that is read.
const MAX_WORD_CHARS: usize = 64;

/// Reads a health event; none when a status is missing or no word at all.
pub(super) fn read(fields: &mut Fields<'_>, reported_at: Option<Time>) -> Option<Health> {
    let system = fields.required_text(&["system_status", "overall_status"], MAX_WORD_CHARS);
    let ess = fields.required_text(&["ess_state"], MAX_WORD_CHARS);
    let (system, ess) = (system?, ess?);
    let (known_system, known_ess) = (system_status(system), ess_state(ess));
    let unknown_words: Vec<String> = [(system, known_system.is_none()), (ess, known_ess.is_none())]
        .into_iter()
        .filter(|(_, unknown)| *unknown)
        .map(|(word, _)| word.to_owned())
        .collect();
    let mut system_status = known_system.unwrap_or(SystemStatus::Degraded);
    let mut ess_state = known_ess.unwrap_or(EssState::Warning);
    if !unknown_words.is_empty() {
        system_status = system_status.max(SystemStatus::Degraded);
        ess_state = ess_state.max(EssState::Warning);
    }
    Some(Health { system_status, ess_state, unknown_words, reported_at })
}

fn system_status(word: &str) -> Option<SystemStatus> {
    match word.to_ascii_uppercase().as_str() {
        "OPTIMAL" => Some(SystemStatus::Optimal),
        "HEALTHY" => Some(SystemStatus::Healthy),
        "DEGRADED" => Some(SystemStatus::Degraded),
        "CRITICAL" => Some(SystemStatus::Critical),
        "EMERGENCY" => Some(SystemStatus::Emergency),
        _ => None,
    }
}

fn ess_state(word: &str) -> Option<EssState> {
    match word.to_ascii_uppercase().as_str() {
        "NOMINAL" => Some(EssState::Nominal),
        "CAUTION" => Some(EssState::Caution),
        "WARNING" => Some(EssState::Warning),
        "CRITICAL" => Some(EssState::Critical),
        _ => None,
    }
}
