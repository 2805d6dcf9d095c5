//! The gateway's process: wires ingest, emit and the API, and waits for shutdown.

use std::process::ExitCode;

use gateway::args::GatewayArgs;

fn main() -> ExitCode {
    mesh::run::<GatewayArgs, _>("gateway", gateway::serve)
}
