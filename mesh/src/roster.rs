//! Which roles are switched on: kept in a bucket, followed by whoever asks roles or shows them.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use async_nats::HeaderMap;
use bytes::Bytes;
use proto::id::{Role, Sequence};
use proto::time::Time;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::broker::Record;
use crate::nats::Nats;
use crate::publish::{ACK_TIMEOUT, publish_until_stored};
use crate::reader::Reader;
use crate::shutdown::Shutdown;
use crate::streams::{self, MeshConfig};

/// The header of a bucket's message that says that the key was removed.
pub(crate) const OPERATION: &str = "KV-Operation";

/// Which roles are switched on. A role that is not named is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(pub BTreeMap<Role, bool>);

impl Roles {
    /// Whether this role may be asked.
    pub fn is_enabled(&self, role: &Role) -> bool {
        self.0.get(role).copied().unwrap_or(true)
    }
}

/// An entry of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    enabled: bool,
    by: String,
    at: Time,
}

/// The roster, followed.
#[derive(Debug, Clone)]
pub struct Roster {
    nats: Nats,
    roles: watch::Receiver<Roles>,
}

impl Roster {
    /// Follows the roster as long as the process lives; returns when what stands in it now is known, and waits for that.
    ///
    /// # Errors
    /// The bucket was made anew, or shutdown was requested before it could be read.
    pub async fn watch(nats: &Nats, config: &MeshConfig, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let bucket = nats.subjects.roster_bucket();
        let stream = streams::bucket_stream(&bucket);
        let known = last_known(nats, &stream, shutdown).await?;
        let filter = nats.subjects.roster_entries();
        let mut reader = Reader::new(nats, stream, config.roster_identity(), filter, Sequence(1));
        let (roles, follow) = watch::channel(Roles::default());
        // The last message of a bucket is never removed, so there is one to wait for.
        while reader.position().0 <= known {
            let record = reader.next().await?;
            roles.send_modify(|roles| apply(roles, &record));
        }
        shutdown.attend("roster", async move {
            loop {
                let record = reader.next().await?;
                roles.send_modify(|roles| apply(roles, &record));
            }
        });
        Ok(Self { nats: nats.clone(), roles: follow })
    }

    /// What stands in it now.
    pub fn roles(&self) -> Roles {
        self.roles.borrow().clone()
    }

    /// Follows it.
    pub fn subscribe(&self) -> watch::Receiver<Roles> {
        self.roles.clone()
    }

    /// Switches a role on or off, and returns when this process sees it so.
    ///
    /// # Errors
    /// There is no connection, or the bucket did not take it.
    pub async fn set_enabled(&self, role: &Role, enabled: bool, by: &str) -> anyhow::Result<()> {
        // The client would keep the entry and send it whenever it is connected again, long after we said that it failed.
        ensure!(self.nats.is_connected(), "not connected to NATS");
        let entry = Entry { enabled, by: by.to_owned(), at: self.nats.clock.now() };
        let payload = Bytes::from(serde_json::to_vec(&entry).context("a roster entry has no JSON form")?);
        let subject = format!("$KV.{}.{role}", self.nats.subjects.roster_bucket());
        // Writing it twice is the same as once, so it needs no message id.
        publish_until_stored(&self.nats, &subject, &HeaderMap::new(), &payload, ACK_TIMEOUT)
            .await
            .with_context(|| format!("cannot switch {role}"))?;
        let mut roles = self.roles.clone();
        let seen = roles.wait_for(|roles| roles.is_enabled(role) == enabled);
        let seen = tokio::time::timeout(ACK_TIMEOUT, seen).await;
        seen.context("the roster was written but is not seen yet")?.context("the roster is not followed")?;
        Ok(())
    }
}

/// Where the bucket ends now; asks until the leader answers.
async fn last_known(nats: &Nats, stream: &str, shutdown: &Shutdown) -> anyhow::Result<u64> {
    let mut backoff = Backoff::usual();
    loop {
        match streams::describe(nats, stream).await {
            Ok(description) => return Ok(description.state.last_sequence),
            Err(failed) => warn!("the roster cannot be read yet: {failed:#}"),
        }
        tokio::select! {
            biased;
            () = shutdown.requested() => bail!("shutdown was requested before the roster was read"),
            () = backoff.wait() => {}
        }
    }
}

fn apply(roles: &mut Roles, record: &Record) {
    let token = record.subject.rsplit('.').next().unwrap_or_default();
    let Ok(role) = token.parse::<Role>() else {
        warn!(subject = record.subject, "no role's name in the roster; ignored");
        return;
    };
    if record.headers.get(OPERATION).is_some() {
        roles.0.remove(&role);
        return;
    }
    match serde_json::from_slice::<Entry>(&record.payload) {
        Ok(Entry { enabled, by, .. }) => {
            info!(%role, enabled, by, "roster");
            roles.0.insert(role, enabled);
        }
        Err(failed) => warn!(%role, "unreadable roster entry; ignored: {failed}"),
    }
}
