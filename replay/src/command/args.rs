//! What the command takes.

mod examples;
mod source;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mesh::BadConfiguration;
use proto::subject::Stream;

pub(crate) use source::{Connection, Events, Limit, Limits, MadeUp, Rulings};

/// Replays events on a model of the whole mesh: the same roles and the same court in one process, without servers
#[derive(Debug, Parser)]
#[command(name = "federation-replay", version, after_help = examples::ALL)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rule events, and tell what came of them
    #[command(after_help = examples::RUN)]
    Run(Run),
    /// Check stored rulings: the chain, every ruling recomputed from itself, every verdict given again
    #[command(after_help = examples::VERIFY)]
    Verify(Verify),
    /// Compare what two policies decide on the same events
    #[command(after_help = examples::DIFF)]
    Diff(Diff),
    /// Copy a stream of a running mesh to a compressed file
    #[command(after_help = examples::EXPORT)]
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) events: Events,
    #[command(flatten)]
    pub(crate) made_up: MadeUp,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The policy to go by; without it the compiled-in defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Write every ruling (`fed.ruling/1`) to this file, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) rulings: Option<PathBuf>,

    /// Draw what was in force over time: one page that needs no network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Tell it in JSON: a line a portfolio, a line for all of them, and last a line with `events` and `events_per_second`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) rulings: Rulings,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The policy that the rulings were made under; without it the compiled-in defaults. Verdicts under other policies
    /// are counted, and not given again
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Take portfolios whose first rulings are gone (RULINGS keeps a number of them for each): the state that such a
    /// portfolio begins with is taken on trust, and said
    #[arg(long)]
    pub(crate) trimmed: bool,

    /// Tell it in JSON: a line of counts, and last a line with `events` and `events_per_second`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) events: Events,
    #[command(flatten)]
    pub(crate) made_up: MadeUp,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The two policies, the one to start from first: `--policy a.toml --policy b.toml`
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<PathBuf>,

    /// Draw what was in force over time under both: one page that needs no network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Tell it in JSON: a line a portfolio, and last a line with `events` and `events_per_second`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Which stream to copy
    #[arg(long, value_enum, ignore_case = true, default_value_t = Kept::Events)]
    pub(crate) stream: Kept,

    /// The file to write, compressed with gzip; it is there when all of it is, and not before
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// NATS servers, separated by commas
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", value_name = "URL")]
    pub(crate) nats_url: String,

    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Tell it in JSON: one line with `stream`, `identity`, `messages`, `first` and `last`
    #[arg(long)]
    pub(crate) json: bool,
}

/// A stream, by its name in the mesh of the usual prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Kept {
    /// What happened
    Events,
    /// What the court answered
    Rulings,
    /// What was decided
    Decisions,
    /// What could not be used
    Dead,
}

impl Kept {
    /// The stream of this name.
    pub(crate) const fn stream(self) -> Stream {
        match self {
            Self::Events => Stream::Events,
            Self::Rulings => Stream::Rulings,
            Self::Decisions => Stream::Decisions,
            Self::Dead => Stream::Dead,
        }
    }
}

impl Diff {
    /// The two policies.
    ///
    /// # Errors
    /// There are not two.
    pub(crate) fn policies(&self) -> Result<[&PathBuf; 2], BadConfiguration> {
        match self.policy.as_slice() {
            [a, b] => Ok([a, b]),
            others => Err(BadConfiguration::new(format!(
                "a comparison takes two policies, --policy a.toml --policy b.toml; seen: {}",
                others.len()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent_and_every_one_has_help() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(command.get_after_help().is_some(), "{} has no examples", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {arg}", command.get_name());
            }
        }
    }
}
