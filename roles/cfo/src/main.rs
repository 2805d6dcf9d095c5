//! The service of the CFO.

fn main() -> std::process::ExitCode {
    mesh::role::main::<cfo::Cfo>()
}
