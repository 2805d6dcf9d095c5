//! What the arbiter is told on its command line.

use std::time::Duration;

use mesh::args::MeshArgs;

/// Takes events in order per portfolio, asks the roles, rules, and appends the rulings.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "federation-arbiter", version)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) mesh: MeshArgs,

    #[command(flatten)]
    pub(crate) round: RoundArgs,
}

/// How a round is held.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RoundArgs {
    /// How long a role may take to answer, in milliseconds; after that it counts as absent
    #[arg(long, env = "FED_ASK_TIMEOUT_MS", value_name = "MS", default_value_t = 500)]
    ask_timeout_ms: u64,

    /// How long a round stays open once the supervisor has frozen, in milliseconds
    #[arg(long, env = "FED_FREEZE_CLOSE_MS", value_name = "MS", default_value_t = 20)]
    freeze_close_ms: u64,

    /// The most cases that travel to a role in one request
    #[arg(long, env = "FED_BATCH_MAX", value_name = "CASES", default_value_t = 32)]
    pub(crate) batch_max: usize,

    /// The most events of one portfolio that wait in memory; the rest waits in EVENTS
    #[arg(long, env = "FED_QUEUE_MAX", value_name = "EVENTS", default_value_t = 256)]
    pub(crate) queue_max: usize,
}

impl RoundArgs {
    pub(crate) const fn ask_timeout(&self) -> Duration {
        Duration::from_millis(self.ask_timeout_ms)
    }

    pub(crate) const fn freeze_close(&self) -> Duration {
        Duration::from_millis(self.freeze_close_ms)
    }
}

impl mesh::args::Cli for Args {
    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }
}
