//! `federation-replay`: what would the mesh decide on these events, was what it decided right, and what would another
//! policy have decided?

mod args;
mod diff;
mod input;
mod lines;
mod progress;
mod run;
mod table;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use replay::Policies;

use args::{Cli, Command};

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args, &mut out),
        Command::Verify(args) => verify::run(&args, &mut out),
        Command::Diff(args) => diff::run(&args, &mut out),
    };
    match result.and_then(|()| out.flush().context("writing to standard output")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told when this fails too.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The policy in this file, or the defaults.
fn policies(file: Option<&std::path::Path>) -> anyhow::Result<Policies> {
    let Some(file) = file else { return Ok(Policies::defaults()?) };
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Policies::parse(&text).with_context(|| file.display().to_string())
}
