//! `federation-replay`: what would the mesh decide on these events, was what it decided right, and what would another
//! policy have decided?

mod args;
mod diff;
mod draft;
mod export;
mod input;
mod message;
mod policy;
mod progress;
mod records;
mod run;
mod shell;
mod speed;
mod table;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use mesh::BadConfiguration;
use replay::BadPolicy;

use args::{Cli, Command};
use shell::Shell;

/// A replay asks for memory a dozen times an event, in small pieces that live as long as the event.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code for arguments or a policy that cannot be used, as of every other binary of the mesh (`EX_USAGE`).
const BAD_CONFIGURATION: u8 = 64;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(wrong) => {
            // A closed terminal is no reason for another exit code.
            let _ = wrong.print();
            return if wrong.use_stderr() { BAD_CONFIGURATION.into() } else { ExitCode::SUCCESS };
        }
    };
    match perform(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told when this fails too.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            exit_code(&error)
        }
    }
}

fn perform(command: &Command) -> anyhow::Result<()> {
    let shell = Shell::open()?;
    let mut out = io::stdout().lock();
    match command {
        Command::Run(args) => run::run(args, &shell, &mut out),
        Command::Verify(args) => verify::run(args, &shell, &mut out),
        Command::Diff(args) => diff::run(args, &shell, &mut out),
        Command::Export(args) => export::run(args, &shell, &mut out),
    }?;
    out.flush().context("writing to standard output")
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let is_configuration =
        error.chain().any(|cause| cause.is::<BadConfiguration>() || cause.is::<BadPolicy>());
    if is_configuration { BAD_CONFIGURATION.into() } else { ExitCode::FAILURE }
}
