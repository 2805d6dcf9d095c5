//! The CRO's service.

fn main() -> std::process::ExitCode {
    mesh::role::main::<cro::Cro>()
}
