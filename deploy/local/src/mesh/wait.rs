//! Waiting until everything is there, and saying what is not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{LOOK, Mesh};
use crate::child::Spec;
use crate::server::Server;

/// How often progress is told while somebody waits.
const TELL: Duration = Duration::from_secs(3);

impl Mesh {
    /// Waits until these services are ready.
    ///
    /// # Errors
    /// Any process died meanwhile, or patience ran out.
    pub async fn wait_ready(&mut self, names: &[String]) -> Result<()> {
        let (deadline, mut tell) = (Instant::now() + self.setup.patience, Instant::now() + TELL);
        let mut waiting: BTreeMap<String, String> =
            names.iter().map(|name| (name.clone(), String::new())).collect();
        loop {
            self.bail_on_death()?;
            waiting = self.still_waiting(waiting).await;
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not ready after {:?}:{}", self.setup.patience, self.last_words(&waiting));
            }
            if Instant::now() > tell {
                let who: Vec<String> = waiting.iter().map(|(name, why)| format!("{name} ({why})")).collect();
                (self.setup.progress)(&format!("waiting for {}", who.join(", ")));
                tell = Instant::now() + TELL;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the gateway sees these roles.
    ///
    /// # Errors
    /// Any process died meanwhile, or patience ran out.
    pub async fn wait_seen(&mut self, roles: &[String]) -> Result<()> {
        let deadline = Instant::now() + self.setup.patience;
        loop {
            self.bail_on_death()?;
            let unseen = self.probe.unseen(&self.http_url(), roles).await;
            if unseen.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the gateway did not see {} within {:?}", unseen.join(", "), self.setup.patience);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn still_waiting(&self, waiting: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut still = BTreeMap::new();
        for name in waiting.into_keys() {
            let why = match self.admin_url(&name) {
                Some(url) => self.probe.not_ready(&url).await,
                None => Some("has no address yet".to_owned()),
            };
            if let Some(why) = why {
                still.insert(name, why);
            }
        }
        still
    }

    fn last_words(&self, waiting: &BTreeMap<String, String>) -> String {
        let log = |name: &str| self.specs.get(name).map(Spec::last_lines).unwrap_or_default();
        waiting.iter().map(|(name, why)| format!("\n  {name}: {why}{}", log(name))).collect()
    }

    pub(super) async fn wait_server(&mut self, server: Server, port: u16) -> Result<()> {
        let deadline = Instant::now() + self.setup.patience;
        while !server.answers(port).await {
            self.bail_on_death()?;
            if Instant::now() > deadline {
                bail!("{} does not answer on port {port}", server.as_str());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn bail_on_death(&mut self) -> Result<()> {
        match self.deaths()?.first() {
            Some(death) => bail!("{death}"),
            None => Ok(()),
        }
    }
}
