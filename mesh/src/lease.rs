//! Leases: who should work what now. They save work and decide nothing: two that believe they hold the same one do no
//! harm, the log decides who won.
//!
//! A lease is a key of the bucket `<prefix>_lease`, whose keys the server drops when they were not written for a while.
//! Holding one means to write it again in time, by our own clock and with a margin before the server's; giving it back
//! means to leave a mark that the others see at once. Every replica announces itself by a key of its own, so that all can
//! tell how many share, and each works out its own share by the same rule.

mod board;
mod bucket;
mod holder;
mod keep;
mod metrics;
mod plan;

use std::collections::BTreeSet;
use std::fmt;

use clap::ValueEnum;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tracing::warn;

use self::keep::Keeper;
use crate::Node;
use crate::shutdown::Shutdown;
use crate::streams::MeshConfig;

/// Leases that are shared among replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, such as `arbiter`; groups share nothing.
    pub name: &'static str,
    /// All its leases.
    pub leases: BTreeSet<Lease>,
}

/// Whether leases are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Leasing {
    /// Work is shared among replicas.
    #[default]
    On,
    /// Everything is worked here, whoever else does: for tests of what happens then.
    Off,
}

/// A process that shares the leases of its group. Its name is its own, also among those that were there before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replica(String);

/// What one replica at a time should work, such as `slot-3` or `ingest`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease(String);

impl Replica {
    /// A replica by this name; what a key cannot hold becomes `_`.
    pub fn named(name: &str) -> Self {
        Self(token(name))
    }
}

impl Lease {
    /// A lease by this name; what a key cannot hold becomes `_`.
    pub fn named(name: &str) -> Self {
        Self(token(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn token(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    name.chars().map(allowed).collect()
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shares the leases of a group with all replicas of it, until shutdown is requested. What is held here is worked:
/// `work` gets the lease and a wish to stop, which is that of the process and also comes when the lease has to go to
/// another; then it finishes what it has in hand. When the lease was lost, the work is dropped where it stands.
pub fn share<W>(node: &Node, config: &MeshConfig, group: Group, leasing: Leasing, mut work: W)
where
    W: FnMut(&Lease, Shutdown) -> BoxFuture<'static, anyhow::Result<()>> + Send + 'static,
{
    match leasing {
        Leasing::On => node.shutdown.spawn("leases", Keeper::new(node, config, group, work).run()),
        Leasing::Off => {
            warn!(group = group.name, "leases are off: everything is worked here, whoever else does");
            for lease in group.leases {
                node.shutdown.spawn(lease.to_string(), work(&lease, node.shutdown.clone()));
            }
        }
    }
}
