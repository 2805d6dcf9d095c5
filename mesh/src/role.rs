//! The role service: an [`Executive`] behind the NATS service API. A role's binary is [`main`] and nothing else.

mod answer;
mod office;
mod service;

use std::process::ExitCode;

use clap::Parser;
use proto::case::Executive;

use self::service::Served;
use crate::args::{Cli, MeshArgs};

pub use answer::Refused;
pub use office::Office;
pub use service::serve;

/// Serves one executive role: it answers cases with verdicts, and remembers nothing
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct RoleArgs {
    /// The common arguments.
    #[command(flatten)]
    pub mesh: MeshArgs,

    /// Requests worked on at once
    #[arg(long, env = "FED_ROLE_CONCURRENCY", default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
}

impl Cli for RoleArgs {
    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }

    fn about(service: &str) -> Option<String> {
        Some(format!(
            "Serves the {service}, one of the executive roles: it answers cases with verdicts, and remembers nothing"
        ))
    }
}

/// The whole of a role's binary.
pub fn main<E: Executive>() -> ExitCode {
    run(Served::of::<E>())
}

fn run(served: Served) -> ExitCode {
    // Leaked once, for a name that lives as long as the process: one of six words or a further role's.
    let name: &'static str = String::from(served.role.clone()).leak();
    crate::run::<RoleArgs, _>(name, async |args, node| {
        served.serve(&node, usize::from(args.concurrency)).await
    })
}
