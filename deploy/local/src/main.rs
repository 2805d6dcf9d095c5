//! `federation-local`: a whole mesh on this machine.

mod print;
mod up;

use std::process::ExitCode;

use clap::Parser as _;
use local::args::{Cli, Command};
use local::child::become_program;

use print::Printer;

/// The runtime has one thread: children are bound to the life of the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let printer = Printer::new();
    let result = match Cli::parse().command {
        Command::Up(args) => up::run(&args, printer).await,
        Command::Child(child) => match child.command.split_first() {
            Some((program, args)) => Err(become_program(child.parent, program, args)),
            None => Ok(()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer.trouble(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
