//! What the command takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Replays events on a model of the whole mesh: the same roles and the same court in one process, without servers.
#[derive(Debug, Parser)]
#[command(name = "federation-replay", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rule events, and tell what came of them.
    Run(Run),
    /// Check stored rulings: the chain, every ruling recomputed from itself, every verdict given again.
    Verify(Verify),
    /// Compare what two policies decide on the same events.
    Diff(Diff),
}

/// Where events come from.
#[derive(Debug, Clone, Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Source {
    /// A file with one event (`fed.event/1`) a line, oldest first; `-` is standard input. Its timers (`clock.due`) are
    /// left out: the model has its own, which go off as the policy at hand has it.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// So many events made up from a seed.
    #[arg(long, value_name = "N")]
    pub(crate) synthetic: Option<u64>,
}

/// What events are made up from.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MadeUp {
    /// The seed of made-up events; the same seed gives the same events.
    #[arg(long, default_value_t = 1, conflicts_with = "events")]
    pub(crate) seed: u64,
    /// How many portfolios made-up events are about.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "events")]
    pub(crate) portfolios: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) made_up: MadeUp,
    /// The policy to go by; without it the compiled-in defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Write every ruling (`fed.ruling/1`) to this file, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) rulings: Option<PathBuf>,
    /// Tell it in JSON: a line a portfolio, a line for all of them, and last a line with `events` and `events_per_second`.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file with one ruling (`fed.ruling/1`) a line, every portfolio from its first ruling on; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) rulings: PathBuf,
    /// The policy that the rulings were made under; without it the compiled-in defaults. Verdicts under other policies
    /// are counted, and not given again.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) made_up: MadeUp,
    /// The two policies, the one to start from first: `--policy a.toml --policy b.toml`.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<PathBuf>,
}
