//! `federation-arbiter`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh::run("arbiter", arbiter::work)
}
