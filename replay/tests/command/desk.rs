//! A desk at which the command is run.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use proto::event::Event;
use proto::wire::Message as _;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for each test, in which the command runs.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    /// Everything in the folder, what is hidden too.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_federation-replay"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// What the command says; it must go well, and say nothing on the side.
    pub(crate) fn told(&self, line: &str) -> String {
        told(self.command(line))
    }

    /// What the command complains of; it must exit with 1.
    pub(crate) fn trouble(&self, line: &str) -> String {
        self.ends_with(1, line)
    }

    /// What the command complains of that it cannot use; it must exit with 64.
    pub(crate) fn misuse(&self, line: &str) -> String {
        self.ends_with(64, line)
    }

    fn ends_with(&self, code: i32, line: &str) -> String {
        let Output { status, stderr, .. } = self.command(line).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{line}: {stderr}");
        stderr
    }
}

pub(crate) fn told(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8_lossy(&stderr), "", "a bar is for terminals only");
    String::from_utf8(stdout).unwrap()
}

pub(crate) fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Made-up events as a file, one a line.
pub(crate) fn as_file(events: impl IntoIterator<Item = Event>) -> String {
    let line = |event: Event| String::from_utf8(event.to_bytes().unwrap()).unwrap() + "\n";
    events.into_iter().map(line).collect()
}
