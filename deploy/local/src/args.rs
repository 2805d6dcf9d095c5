//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::builder::{Builder, PATIENCE};
use crate::service::{Service, UnknownService};

/// Starts a whole mesh on this machine: NATS, Redis, six roles, arbiter and gateway.
#[derive(Debug, Parser)]
#[command(name = "federation-local", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything, follow it, and take it down on Ctrl-C.
    Up(Box<Up>),
    /// Run a program that ends when its parent does (used by `up` for every process that it starts).
    #[command(hide = true)]
    Child(ChildArgs),
}

/// How to start everything.
#[derive(Debug, Args)]
pub struct Up {
    /// What is fed to the mesh: `demo` is a day in the life of a portfolio, in about two minutes.
    #[arg(long, value_enum, default_value_t = FeedChoice::Demo)]
    pub feed: FeedChoice,
    /// Start the demo day over when it ends.
    #[arg(long)]
    pub feed_repeat: bool,
    /// Use this NATS server instead of starting one.
    #[arg(long, conflicts_with = "nats_port")]
    pub nats_url: Option<String>,
    /// Port of the NATS server that is started; a free one by default.
    #[arg(long)]
    pub nats_port: Option<u16>,
    /// Folder of the identities on NATS (as federation-identities writes it); by default the NATS server that is started
    /// gets some of its own.
    #[arg(long)]
    pub identities: Option<PathBuf>,
    /// Use this Redis server instead of starting one.
    #[arg(long, conflicts_with = "redis_port")]
    pub redis_url: Option<String>,
    /// Port of the Redis server that is started; a free one by default.
    #[arg(long)]
    pub redis_port: Option<u16>,
    /// Port of the gateway's API on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8001)]
    pub http_port: u16,
    /// Keep data and logs in this folder; by default they are in a temporary folder that goes at the end.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Start only these roles (comma-separated); arbiter and gateway always start.
    #[arg(long, value_delimiter = ',', value_parser = role, default_values_t = Service::ROLES)]
    pub roles: Vec<Service>,
    /// Write where everything is to this file (JSON) once all is ready.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// Policy file (TOML) of all services. By default the compiled-in policy; with the demo feed one with shorter times.
    #[arg(long)]
    pub policy: Option<PathBuf>,
    /// What is shown while it runs.
    #[arg(long, value_enum, default_value_t = LogChoice::Decisions)]
    pub logs: LogChoice,
    /// How many seconds everything together may take to be ready.
    #[arg(long, env = "FED_PATIENCE_S", default_value_t = PATIENCE.as_secs())]
    pub patience_s: u64,
}

/// What is fed to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedChoice {
    /// A day in the life of a portfolio, in about two minutes.
    Demo,
    /// Nothing.
    None,
}

/// What is shown while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogChoice {
    /// Every log line, and the decisions.
    All,
    /// The decisions, and warnings.
    Decisions,
    /// Nothing.
    None,
}

/// A program to run, and whose death ends it.
#[derive(Debug, Args)]
pub struct ChildArgs {
    /// The process that this one must not outlive.
    #[arg(long)]
    pub parent: u32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

fn role(name: &str) -> Result<Service, String> {
    let service: Service = name.parse().map_err(|error: UnknownService| error.to_string())?;
    if Service::ROLES.contains(&service) { Ok(service) } else { Err(format!("{name} is no role")) }
}

impl Up {
    /// What to start.
    pub fn builder(&self) -> Builder {
        let mut builder = Builder::default()
            .roles(self.roles.iter().copied())
            .http_port(self.http_port)
            .patience(Duration::from_secs(self.patience_s));
        if let Some(folder) = &self.data {
            builder = builder.data(folder);
        }
        if let Some(url) = &self.nats_url {
            builder = builder.nats_url(url);
        }
        if let Some(port) = self.nats_port {
            builder = builder.nats_port(port);
        }
        if let Some(folder) = &self.identities {
            builder = builder.identities(folder);
        }
        if let Some(url) = &self.redis_url {
            builder = builder.redis_url(url);
        }
        if let Some(port) = self.redis_port {
            builder = builder.redis_port(port);
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn up(args: &[&str]) -> Result<Up, String> {
        let words = ["federation-local", "up"].iter().chain(args);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Up(up) => Ok(*up),
            Command::Child(_) => Err("child".to_owned()),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn by_default_all_roles_start_with_the_demo() {
        let up = up(&[]).unwrap();
        assert_eq!(up.roles, Service::ROLES);
        assert_eq!((up.feed, up.logs, up.http_port), (FeedChoice::Demo, LogChoice::Decisions, 8001));
    }

    #[test]
    fn roles_are_named_and_others_refused() {
        assert_eq!(up(&["--roles", "cro,supervisor"]).unwrap().roles, [Service::Cro, Service::Supervisor]);
        assert!(up(&["--roles", "cto"]).unwrap_err().contains("supervisor, cro, ceo"));
        assert!(up(&["--roles", "gateway"]).unwrap_err().contains("no role"));
    }

    #[test]
    fn a_server_is_given_or_started_but_not_both() {
        assert!(up(&["--nats-url", "nats://a", "--nats-port", "1"]).is_err());
        assert!(up(&["--redis-url", "redis://a", "--redis-port", "1"]).is_err());
        assert!(up(&["--nats-url", "nats://a", "--redis-port", "1"]).is_ok());
    }

    #[test]
    fn a_child_keeps_the_arguments_of_its_program() {
        let words = ["federation-local", "child", "--parent", "7", "--", "redis-server", "--port", "1"];
        let Command::Child(child) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not a child")
        };
        assert_eq!((child.parent, child.command.len()), (7, 3));
    }
}
