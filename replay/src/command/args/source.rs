//! Where events and rulings come from, and how many of them are taken: the same words for every command.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use mesh::args::MeshArgs;
use proto::id::{PortfolioId, Sequence};
use proto::subject::Subjects;
use proto::time::{Period, Time};

/// Where events come from.
#[derive(Debug, Clone, Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Events {
    /// A file with one event (`fed.event/1`) a line, oldest first, or an export of EVENTS; compressed with gzip or not;
    /// `-` is standard input. Its timers (`clock.due`) are left out: the model has its own, which go off as the policy at
    /// hand has it
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// The EVENTS of the mesh on these NATS servers, up to the last that is there now
    #[arg(long, value_name = "URL")]
    pub(crate) nats_url: Option<String>,

    /// So many events made up from a seed
    #[arg(long, value_name = "N")]
    pub(crate) synthetic: Option<u64>,
}

/// Where rulings come from.
#[derive(Debug, Clone, Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Rulings {
    /// A file with one ruling (`fed.ruling/1`) a line, every portfolio from its first ruling on, or an export of RULINGS;
    /// compressed with gzip or not; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) rulings: Option<PathBuf>,

    /// The RULINGS of the mesh on these NATS servers, up to the last that is there now
    #[arg(long, value_name = "URL")]
    pub(crate) nats_url: Option<String>,
}

/// What events are made up from.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MadeUp {
    /// The seed of made-up events; the same seed gives the same events
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with_all = ["events", "nats_url"])]
    pub(crate) seed: u64,

    /// How many portfolios made-up events are about
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["events", "nats_url"]
    )]
    pub(crate) portfolios: u32,
}

/// Which part of a source is taken.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which part")]
pub(crate) struct Limits {
    /// From this sequence on (in a file without sequences: this line), or from this time on
    #[arg(long, value_name = "SEQUENCE|TIME")]
    pub(crate) from: Option<Limit>,

    /// Up to this sequence (in a file without sequences: this line) or time, itself included
    #[arg(long, value_name = "SEQUENCE|TIME")]
    pub(crate) to: Option<Limit>,

    /// Only what concerns this portfolio
    #[arg(long, value_name = "ID")]
    pub(crate) portfolio: Option<PortfolioId>,
}

/// An end of what is taken: a place in the stream, or the time of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Sequence(Sequence),
    Time(Time),
}

/// How NATS is reached; it matters only where it is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection to NATS")]
pub(crate) struct Connection {
    /// Prefix of all subjects and streams
    #[arg(long, env = "FED_PREFIX", default_value = "fed", value_name = "WORD")]
    prefix: Subjects,

    /// File with NATS credentials (JWT and seed, as `nsc` writes it)
    #[arg(long, env = "FED_NATS_CREDS", value_name = "FILE", conflicts_with = "nats_nkey")]
    nats_creds: Option<PathBuf>,

    /// File with the NATS nkey seed of this identity
    #[arg(long, env = "FED_NATS_NKEY", value_name = "FILE")]
    nats_nkey: Option<PathBuf>,

    /// File with the certificates of the authority that signed the NATS server's; turns TLS on
    #[arg(long, env = "FED_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,

    /// File with this client's TLS certificate
    #[arg(long, env = "FED_NATS_CERT", value_name = "FILE", requires = "nats_key")]
    nats_cert: Option<PathBuf>,

    /// File with the key of this client's TLS certificate
    #[arg(long, env = "FED_NATS_KEY", value_name = "FILE", requires = "nats_cert")]
    nats_key: Option<PathBuf>,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sequence = text.parse().map(|sequence| Self::Sequence(Sequence(sequence)));
        sequence.or_else(|_| text.parse().map(Self::Time)).map_err(|_| {
            format!("{text:?} is neither a sequence such as 4711 nor a time such as 2026-01-31T09:30:00Z")
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}

impl Connection {
    /// What a service would be given to reach these servers.
    pub(crate) fn to(&self, nats_url: &str) -> MeshArgs {
        MeshArgs {
            nats_url: nats_url.to_owned(),
            nats_creds: self.nats_creds.clone(),
            nats_nkey: self.nats_nkey.clone(),
            nats_ca: self.nats_ca.clone(),
            nats_cert: self.nats_cert.clone(),
            nats_key: self.nats_key.clone(),
            prefix: self.prefix.clone(),
            policy: None,
            admin_addr: String::new(),
            admin_file: None,
            log_level: String::new(),
            shutdown_grace: Period::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_sequence_or_a_time() {
        assert_eq!("4711".parse(), Ok(Limit::Sequence(Sequence(4711))));
        let time = "2026-01-31T09:30:00Z".parse::<Limit>().unwrap();
        assert_eq!(time, Limit::Time(Time::from_millis(1_769_851_800_000)));
        assert!("yesterday".parse::<Limit>().unwrap_err().contains("neither a sequence"));
    }
}
