//! The services' logs, made short for people.
//!
//! Services write JSON lines to their log files; here they are read as they grow.

pub mod line;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::args::LogChoice;
use crate::said::Said;
use line::{Level, Line};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(150);
/// How much of a file is taken at one look.
const TAKE_BYTES: u64 = 256 * 1024;
/// A log file longer than this is emptied once it was read: it grows as long as the mesh runs.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A log file that is followed.
#[derive(Debug, Default)]
struct Followed {
    position: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

/// Follows all logs in a folder and sends on the lines that `choice` asks for, until cancelled.
///
/// # Errors
/// The folder cannot be read.
pub async fn follow(
    folder: &Path,
    choice: LogChoice,
    said: Sender<Said>,
    stop: CancellationToken,
) -> Result<()> {
    let mut files: BTreeMap<PathBuf, Followed> = BTreeMap::new();
    while !stop.is_cancelled() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else {
                continue;
            };
            for text in files.entry(path.clone()).or_default().read(&path)? {
                let line = line::parse(&name, &text);
                if wanted(choice, &line) && said.send(Said::Log(line)).await.is_err() {
                    return Ok(());
                }
            }
        }
        let _ = tokio::time::timeout(LOOK, stop.cancelled()).await;
    }
    Ok(())
}

/// Whether a line is shown.
fn wanted(choice: LogChoice, line: &Line) -> bool {
    match choice {
        LogChoice::All => true,
        LogChoice::Decisions => line.level >= Level::Warn,
        LogChoice::None => false,
    }
}

impl Followed {
    fn read(&mut self, path: &Path) -> Result<Vec<String>> {
        let mut file = File::open(path)?;
        if file.metadata()?.len() < self.position {
            self.position = 0;
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut taken = Vec::new();
        let count = file.take(TAKE_BYTES).read_to_end(&mut taken)?;
        self.position += count as u64;
        if self.position > FILE_MAX_BYTES {
            // The writers append, so they go on at the new end.
            OpenOptions::new().write(true).open(path)?.set_len(0)?;
            self.position = 0;
        }
        Ok(self.lines(&taken))
    }

    fn lines(&mut self, taken: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(taken);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_line_is_read_once_and_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cro.log");
        let mut writer = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut followed = Followed::default();
        write!(writer, "one\ntw").unwrap();
        assert_eq!(followed.read(&path).unwrap(), ["one"]);
        assert!(followed.read(&path).unwrap().is_empty());
        writeln!(writer, "o").unwrap();
        assert_eq!(followed.read(&path).unwrap(), ["two"]);
    }

    #[test]
    fn a_file_that_was_emptied_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cro.log");
        std::fs::write(&path, "a long first line\n").unwrap();
        let mut followed = Followed::default();
        assert_eq!(followed.read(&path).unwrap().len(), 1);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(followed.read(&path).unwrap(), ["new"]);
    }

    #[test]
    fn beside_decisions_only_warnings_are_shown() {
        let line = |level: &str| line::parse("cro", &format!(r#"{{"level":"{level}","fields":{{}}}}"#));
        for (level, shown) in [("DEBUG", false), ("INFO", false), ("WARN", true), ("ERROR", true)] {
            assert_eq!(wanted(LogChoice::Decisions, &line(level)), shown, "{level}");
            assert!(wanted(LogChoice::All, &line(level)));
            assert!(!wanted(LogChoice::None, &line(level)));
        }
    }
}
