//! Makes the mesh's streams and buckets. Run it once, and again when limits are to change.

use std::process::ExitCode;

use clap::Parser;
use mesh::args::{Cli, MeshArgs};
use mesh::streams::{Acceptance, Options, accept, provision};

/// Makes the streams and buckets of a mesh; safe to run again: what is there is left as it is
#[derive(Debug, Parser)]
#[command(version)]
struct ProvisionArgs {
    #[command(flatten)]
    mesh: MeshArgs,

    #[command(flatten)]
    options: Options,

    /// Change the limits (ages, bytes, history, replicas) of streams that are there
    #[arg(long, env = "FED_CHANGE_LIMITS")]
    change_limits: bool,

    /// Let a stream that was made anew (EVENTS or DEAD) stand for the one that is gone, named by when that was created, as
    /// /readyz tells it: what was stopped goes on. Nothing else is done then
    #[arg(long, value_name = "STREAM=CREATED", requires = "by")]
    accept_new: Vec<Acceptance>,

    /// Who accepts: it is kept with the stream
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Cli for ProvisionArgs {
    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }
}

fn main() -> ExitCode {
    mesh::run::<ProvisionArgs, _>("provision", async |args, node| {
        if !args.accept_new.is_empty() {
            return accept(&node.nats, &args.accept_new, &args.by.unwrap_or_default()).await;
        }
        provision(&node.nats, &args.options, args.change_limits).await.map(drop)
    })
}
