//! The ready file: where everything is, written when everything is up.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Such as `nats://127.0.0.1:4222`.
    pub nats_url: String,
    /// Such as `redis://127.0.0.1:6379`.
    pub redis_url: String,
    /// The file with the seed of the identity `observer`, for programs that read the streams; absent where NATS asks nobody
    /// who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer_seed: Option<PathBuf>,
    /// The gateway's API; absent when no gateway was asked for.
    pub http_url: Option<String>,
    /// The admin address (probes and metrics) of each service, by process name.
    pub admin: BTreeMap<String, String>,
    /// The process id of every child, servers included, by process name.
    pub pids: BTreeMap<String, u32>,
}

impl Ready {
    /// Writes it as JSON, all at once: who finds the file finds it whole.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, file: &Path) -> Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let context = || format!("writing {}", file.display());
        let mut whole = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
        serde_json::to_writer_pretty(&mut whole, self)?;
        writeln!(whole).with_context(context)?;
        whole.persist(file).with_context(context)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_file_replaces_an_older_one_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ready.json");
        std::fs::write(&file, "old").unwrap();
        let ready = Ready {
            nats_url: "nats://127.0.0.1:1".to_owned(),
            redis_url: "redis://127.0.0.1:2".to_owned(),
            observer_seed: Some("/data/identities/observer/seed".into()),
            http_url: Some("http://127.0.0.1:8001".to_owned()),
            admin: BTreeMap::from([("cro".to_owned(), "http://127.0.0.1:3".to_owned())]),
            pids: BTreeMap::from([("cro".to_owned(), 7)]),
        };
        ready.write(&file).unwrap();
        let read: Ready = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(read, ready);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
