//! The service of the researcher.

fn main() -> std::process::ExitCode {
    mesh::role::main::<researcher::Researcher>()
}
