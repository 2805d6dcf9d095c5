//! A copy of what Redis has on disk, made while it runs: with `appendfsync always` all that it answered for is in it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

/// What Redis had.
#[derive(Debug)]
pub(crate) struct Copy {
    folder: PathBuf,
    copied: PathBuf,
    /// What was answered for before is in it.
    from: Instant,
}

impl Copy {
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let copied = folder.with_extension("copied");
        let from = Instant::now();
        remove(&copied)?;
        copy(folder, &copied)?;
        Ok(Self { folder: folder.to_owned(), copied, from })
    }

    /// Puts it in the place of what Redis has now; Redis must not run. Says when it was made.
    pub(crate) fn restore(self) -> Result<Instant> {
        remove(&self.folder)?;
        std::fs::rename(&self.copied, &self.folder)?;
        Ok(self.from)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for found in std::fs::read_dir(from)? {
        let found = found?;
        let target = to.join(found.file_name());
        if found.file_type()?.is_dir() {
            copy(&found.path(), &target)?;
        } else {
            std::fs::copy(found.path(), &target)
                .with_context(|| format!("copying {}", found.path().display()))?;
        }
    }
    Ok(())
}
