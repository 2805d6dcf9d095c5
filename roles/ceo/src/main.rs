//! The service of the CEO.

fn main() -> std::process::ExitCode {
    mesh::role::main::<ceo::Ceo>()
}
