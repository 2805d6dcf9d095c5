//! Where the mesh's binaries are: beside the one that runs, or beside the folder of a test that runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::service::Service;

/// This launcher; children run under it for as long as it takes to bind their life to ours.
pub const LAUNCHER: &str = "federation-local";
/// Makes the streams and buckets.
pub const PROVISION: &str = "federation-provision";

/// Makes the identities on NATS.
pub const IDENTITIES: &str = "federation-identities";

/// The folder of the mesh's binaries.
#[derive(Debug, Clone)]
pub struct Bins {
    folder: PathBuf,
}

impl Bins {
    /// The folder of the running executable; for a test, which cargo builds into `deps`, the one above.
    ///
    /// # Errors
    /// The system does not say where the executable is.
    pub fn beside_this() -> Result<Self> {
        let this = std::env::current_exe().context("where is this executable?")?;
        let folder = this.parent().unwrap_or_else(|| Path::new("."));
        let above = folder.parent().filter(|_| folder.ends_with("deps"));
        Ok(Self { folder: above.unwrap_or(folder).to_owned() })
    }

    /// Another folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where a binary of this name would be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Checks that all that these services need was built.
    ///
    /// # Errors
    /// Names what is missing, and the command that builds it.
    pub fn check(&self, services: &[Service]) -> Result<()> {
        let needed = [LAUNCHER, PROVISION, IDENTITIES].map(str::to_owned);
        let needed = needed.into_iter().chain(services.iter().map(|service| service.binary()));
        let missing: Vec<String> = needed.filter(|name| !self.path(name).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!(
            "not built: {} (looked in {}); build with: cargo build --workspace --bins",
            missing.join(", "),
            self.folder.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_binary_is_named_with_the_command_that_builds_it() {
        let folder = tempfile::tempdir().unwrap();
        let bins = Bins::in_folder(folder.path());
        for name in [LAUNCHER, PROVISION, IDENTITIES, "federation-cro"] {
            std::fs::write(bins.path(name), "").unwrap();
        }
        assert!(bins.check(&[Service::Cro]).is_ok());
        let error = bins.check(&[Service::Cro, Service::Arbiter]).unwrap_err().to_string();
        assert!(error.contains("federation-arbiter") && error.contains("cargo build"), "{error}");
        assert!(!error.contains("federation-cro"), "{error}");
    }
}
