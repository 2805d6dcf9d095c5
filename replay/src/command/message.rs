//! Messages read as people need it when they cannot be: with the field that is wrong.

use anyhow::{Result, anyhow};
use proto::wire::{Message, ReadError};

/// Reads a message; what is wrong with it names the field.
pub(crate) fn read<M: Message>(bytes: &[u8]) -> Result<M> {
    M::from_bytes(bytes).map_err(|failed| explained::<M>(bytes, failed))
}

/// The same error, with the field where there is one: reading goes the long way only now.
pub(crate) fn explained<M: Message>(bytes: &[u8], failed: ReadError) -> anyhow::Error {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Err(found) = serde_path_to_error::deserialize::<_, M>(&mut json) else { return failed.into() };
    let (path, wrong) = (found.path().to_string(), without_place(found.inner()));
    if path == "." { anyhow!("{wrong}") } else { anyhow!("{path}: {wrong}") }
}

/// What serde says, without the line: a message is one line. The column helps to find it.
fn without_place(wrong: &serde_json::Error) -> String {
    let text = wrong.to_string();
    let place = format!(" at line {} column {}", wrong.line(), wrong.column());
    match text.strip_suffix(&place) {
        Some(what) => format!("{what} (column {})", wrong.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proto::event::{Body, Event};
    use proto::testing::{MONDAY, event, snapshot};

    use super::*;

    fn told(change: impl Fn(&str) -> String) -> String {
        let bytes = event(MONDAY, Body::Snapshot(snapshot())).to_bytes().unwrap();
        let changed = change(&String::from_utf8(bytes).unwrap());
        read::<Event>(changed.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_field_that_is_wrong_is_named_with_what_was_seen_and_expected() {
        let seen = told(|text| text.replace("\"drawdown_pct\":0.03", "\"drawdown_pct\":\"3 %\""));
        assert!(seen.starts_with("body.data.drawdown_pct: invalid type: string \"3 %\", expected"), "{seen}");
        let seen = told(|text| text.replace("\"total_equity\":10000.0,", ""));
        assert!(seen.starts_with("body.data: missing field `total_equity`"), "{seen}");
        let seen = told(|text| text.replace("\"portfolio\":\"main\"", "\"portfolio\":\"a b\""));
        assert!(seen.starts_with("portfolio: \"a b\" is not 1 to 64 letters"), "{seen}");
        let seen = told(|text| text.replace("fed.event/1", "fed.ruling/1"));
        assert!(seen.contains("expected schema fed.event/1, found fed.ruling/1"), "{seen}");
        assert!(told(|_| "what?".to_owned()).starts_with("expected value (column 1)"));
    }
}
