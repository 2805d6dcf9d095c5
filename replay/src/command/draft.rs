//! Files that are there when all of them is, and not before.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

/// What a new file may be read and written by, before the user's mask.
const EVERYBODY: u32 = 0o666;

/// A file on its way: it takes its name when it is finished; dropped before, it leaves nothing behind.
pub(crate) struct Draft {
    path: PathBuf,
    to: BufWriter<To>,
}

enum To {
    /// Beside the final name, on the same file system.
    Beside(NamedTempFile),
    /// What is no ordinary file (a pipe, `/dev/stdout`) cannot be renamed to.
    Straight(File),
}

impl Draft {
    /// Begins a file that is to have this name.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let what = || format!("creating {}", path.display());
        // A link is written through, not replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let to = if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            To::Straight(File::options().write(true).open(path).with_context(what)?)
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let beside = tempfile::Builder::new()
                .prefix(".federation-replay-")
                .suffix(".part")
                .permissions(Permissions::from_mode(EVERYBODY))
                .tempfile_in(folder.unwrap_or(Path::new(".")));
            To::Beside(beside.with_context(what)?)
        };
        Ok(Self { path: path.clone(), to: BufWriter::new(to) })
    }

    /// Gives it its name: all of it is on the disk then.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { path, to } = self;
        let what = || format!("writing {}", path.display());
        match to.into_inner().map_err(io::IntoInnerError::into_error).with_context(what)? {
            To::Straight(mut file) => file.flush().with_context(what),
            To::Beside(file) => {
                file.as_file().sync_all().with_context(what)?;
                file.persist(&path).map(drop).with_context(what)
            }
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Straight(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Straight(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_finished_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut draft = Draft::of(&path).unwrap();
        draft.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(draft);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");

        let mut draft = Draft::of(&path).unwrap();
        draft.write_all(b"whole").unwrap();
        draft.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn what_was_there_before_stays_until_then() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        fs::write(&path, "before").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut draft = Draft::of(&link).unwrap();
        draft.write_all(b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        draft.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_is_no_ordinary_file_is_written_straight() {
        let mut draft = Draft::of(Path::new("/dev/null")).unwrap();
        draft.write_all(b"gone").unwrap();
        draft.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
