//! The flags and environment variables that every binary has.

use std::path::PathBuf;

use clap::Args;
use proto::subject::Subjects;
use proto::time::Period;

use crate::BadConfiguration;

/// A binary's own arguments, with the common ones among them.
pub trait Cli: clap::Parser {
    /// The common ones.
    fn mesh(&self) -> &MeshArgs;

    /// Whether the binary has work while NATS is away: it then starts without, and connects meanwhile.
    const STARTS_WITHOUT_NATS: bool = false;

    /// What `--help` says first, where one type of arguments serves several binaries.
    fn about(_service: &str) -> Option<String> {
        None
    }

    /// Checks what the parser cannot, before anything starts.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    fn check(&self) -> Result<(), BadConfiguration> {
        Ok(())
    }
}

/// What every binary of the mesh takes.
#[derive(Debug, Clone, Args)]
pub struct MeshArgs {
    /// NATS servers, separated by commas
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", value_name = "URL")]
    pub nats_url: String,

    /// File with NATS credentials (JWT and seed, as `nsc` writes it)
    #[arg(long, env = "FED_NATS_CREDS", value_name = "FILE", conflicts_with = "nats_nkey")]
    pub nats_creds: Option<PathBuf>,

    /// File with the NATS nkey seed of this identity
    #[arg(long, env = "FED_NATS_NKEY", value_name = "FILE")]
    pub nats_nkey: Option<PathBuf>,

    /// File with the certificates of the authority that signed the NATS server's; turns TLS on
    #[arg(long, env = "FED_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,

    /// File with this client's TLS certificate
    #[arg(long, env = "FED_NATS_CERT", value_name = "FILE", requires = "nats_key")]
    pub nats_cert: Option<PathBuf>,

    /// File with the key of this client's TLS certificate
    #[arg(long, env = "FED_NATS_KEY", value_name = "FILE", requires = "nats_cert")]
    pub nats_key: Option<PathBuf>,

    /// Prefix of all subjects, streams and buckets; meshes with different prefixes can share a cluster
    #[arg(long, env = "FED_PREFIX", default_value = "fed", value_name = "WORD")]
    pub prefix: Subjects,

    /// Policy file (TOML); the defaults are compiled in. A changed file is taken up when it is valid
    #[arg(long, env = "FED_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,

    /// Where /livez, /readyz and /metrics are served; port 0 takes a free one
    #[arg(long, env = "FED_ADMIN_ADDR", default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    pub admin_addr: String,

    /// File to write the admin address to, once it is bound
    #[arg(long, env = "FED_ADMIN_FILE", value_name = "FILE")]
    pub admin_file: Option<PathBuf>,

    /// What to log: error, warn, info, debug, trace, or a filter such as `info,mesh=debug`
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub log_level: String,

    /// How long to finish what is in hand after SIGTERM; a second signal aborts
    #[arg(long, env = "FED_SHUTDOWN_GRACE", default_value = "10s", value_name = "PERIOD")]
    pub shutdown_grace: Period,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        mesh: MeshArgs,
    }

    #[test]
    fn the_arguments_are_consistent_and_every_one_has_help_and_a_variable() {
        let command = Only::command();
        command.clone().debug_assert();
        for arg in command.get_arguments().filter(|arg| arg.get_id() != "help") {
            assert!(arg.get_help().is_some(), "{arg}");
            assert!(arg.get_env().is_some(), "{arg}");
        }
    }

    #[test]
    fn periods_and_prefixes_are_parsed() {
        let only = Only::try_parse_from(["x", "--shutdown-grace", "3s", "--prefix", "desk"]).unwrap();
        assert_eq!(only.mesh.shutdown_grace, Period::from_secs(3));
        assert_eq!(only.mesh.prefix.to_string(), "desk");
        assert!(Only::try_parse_from(["x", "--prefix", "A.b"]).is_err());
        assert!(Only::try_parse_from(["x", "--nats-cert", "c.pem"]).is_err(), "a certificate needs its key");
    }
}
