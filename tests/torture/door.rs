//! The way to a mesh's NATS server itself, past every proxy, as one of those whom it knows.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use local::Mesh;

/// Where NATS is, and who we are there.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    url: String,
    identity: &'static str,
    seed: PathBuf,
}

impl Door {
    /// The door of one who reads everything and writes nothing.
    pub(crate) fn of_observer(mesh: &Mesh) -> Result<Self> {
        Self::of(mesh, "observer")
    }

    /// The door of one who may write rulings.
    pub(crate) fn of_arbiter(mesh: &Mesh) -> Result<Self> {
        Self::of(mesh, "arbiter")
    }

    fn of(mesh: &Mesh, identity: &'static str) -> Result<Self> {
        let seed = mesh.seed(identity).context("NATS asks nobody who it is")?;
        Ok(Self { url: mesh.nats_url().to_owned(), identity, seed })
    }

    pub(crate) async fn open(&self) -> Result<async_nats::Client> {
        let seed = std::fs::read_to_string(&self.seed)?.trim().to_owned();
        let options = async_nats::ConnectOptions::with_nkey(seed);
        let options = options.custom_inbox_prefix(format!("_INBOX.fed.{}", self.identity));
        Ok(options.connect(&self.url).await?)
    }
}
