//! What is done once, before any service starts.

use anyhow::{Context, Result, bail};

use super::Mesh;
use crate::bins::LAUNCHER;
use crate::child::Spec;
use crate::server::Server;

impl Mesh {
    pub(crate) async fn start_servers(&mut self) -> Result<()> {
        let servers: Vec<(Server, u16)> = self.setup.ports.values().copied().collect();
        for (server, _) in &servers {
            self.spawn_one(server.as_str())?;
        }
        for (server, port) in servers {
            self.wait_server(server, port).await?;
        }
        Ok(())
    }

    pub(crate) async fn make_identities(&mut self) -> Result<()> {
        match self.setup.make_identities() {
            Some(spec) => {
                self.carry_out(&spec, "making identities").await?;
                // What it says is for people who run it by hand.
                std::fs::remove_file(&spec.log).context("removing the log of the identities")
            }
            None => Ok(()),
        }
    }

    pub(crate) async fn provision(&mut self) -> Result<()> {
        (self.setup.progress)("making streams and buckets");
        self.carry_out(&self.setup.provision(), "provisioning").await
    }

    async fn carry_out(&self, spec: &Spec, what: &str) -> Result<()> {
        let mut child = spec.spawn(&self.setup.bins.path(LAUNCHER))?;
        let status = child.wait(self.setup.patience).await.with_context(|| what.to_owned())?;
        if !status.success() {
            bail!("{what} failed ({status}); its last lines:{}", spec.last_lines());
        }
        Ok(())
    }
}
