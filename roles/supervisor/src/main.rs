//! The supervisor's service.

fn main() -> std::process::ExitCode {
    mesh::role::main::<supervisor::Supervisor>()
}
