//! Makes the mesh's streams and buckets. Run it once, and again when limits are to change.

use std::process::ExitCode;

use clap::Parser;
use mesh::args::{Cli, MeshArgs};
use mesh::streams::{Options, provision};

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
}

impl Cli for ProvisionArgs {
    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }
}

fn main() -> ExitCode {
    mesh::run::<ProvisionArgs, _>("provision", async |args, node| {
        provision(&node.nats, &args.options, args.change_limits).await.map(drop)
    })
}
