//! The service of the CIO.

fn main() -> std::process::ExitCode {
    mesh::role::main::<cio::Cio>()
}
