//! Scenario scripts: what the mesh decides, told as stories that a risk officer can read, write and check.
//!
//! Each `scenarios/*.txt` is played on the model with its own policy; what it expects must happen, and nothing else may
//! be decided. The whole of what happened stands beside it in `*.golden`; `UPDATE_GOLDEN=1` writes those anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot read or play is a failed test")]

mod coverage;
mod entries;
mod judge;
mod orders;
mod play;
mod read;
mod script;
mod tell;
mod words;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::play::{Played, play};
use crate::script::Script;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// A script, where it stands, and what followed from each step.
struct Told {
    path: PathBuf,
    script: Script,
    steps: Vec<Played>,
}

/// Every script, played once for all tests, in order of name.
static TOLD: LazyLock<Vec<Told>> = LazyLock::new(|| {
    let play = |(path, script): (PathBuf, Script)| {
        let steps = play(&script).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        Told { path, script, steps }
    };
    scripts().into_iter().map(play).collect()
});

fn scripts() -> Vec<(PathBuf, Script)> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let script = Script::read(&text).unwrap_or_else(|wrong| panic!("{}:{wrong}", path.display()));
        (path, script)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_script_happens_as_it_is_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for Told { path, script, steps } in TOLD.iter() {
        let told = tell::story(script, steps);
        let golden = path.with_extension("golden");
        if update {
            std::fs::write(&golden, &told).unwrap();
        }
        let found = judge::differences(script, steps);
        wrong.extend(found.into_iter().map(|found| format!("{}:{found}", path.display())));
        if std::fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{}: it reads otherwise now:\n{told}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_is_left_without_its_script() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "golden") {
            assert!(path.with_extension("txt").exists(), "{} has no script", path.display());
        }
    }
}
