//! The JSON Schemas of the messages, generated from their types and committed under `proto/schemas`.
//!
//! The test fails when they differ; `UPDATE_SCHEMAS=1 cargo test -p proto` writes them anew.

use std::path::PathBuf;

use schemars::{Schema, schema_for};

use crate::case::{Cases, Opinion, ReviewCase, Verdicts};
use crate::decision::Decision;
use crate::effective::Effective;
use crate::event::Event;
use crate::letter::Letter;
use crate::ruling::Ruling;

fn generated() -> [(&'static str, Schema); 9] {
    [
        ("event", schema_for!(Event)),
        ("cases", schema_for!(Cases)),
        ("verdicts", schema_for!(Verdicts)),
        ("review-case", schema_for!(ReviewCase)),
        ("opinion", schema_for!(Opinion)),
        ("ruling", schema_for!(Ruling)),
        ("decision", schema_for!(Decision)),
        ("letter", schema_for!(Letter)),
        ("effective", schema_for!(Effective)),
    ]
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in generated() {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, text).unwrap();
            continue;
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{name}.json is not what the types say: UPDATE_SCHEMAS=1 cargo test -p proto"
        );
    }
}
