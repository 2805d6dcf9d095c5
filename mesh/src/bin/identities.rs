//! Makes the identities of a mesh: a secret seed for each service, and the part of the server's configuration that says
//! what each may do.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mesh::identity::{Identity, Made, make};
use proto::id::Role;
use proto::subject::Subjects;

/// Makes a NATS identity for every service of a mesh
///
/// DIR/NAME/seed is the secret of the service NAME (for its --nats-nkey), DIR/nats/authorization.conf what nats-server
/// has to include. A seed that is there is kept: delete its file first to replace it. Run it again after an update of
/// the mesh, give the new authorization.conf to the servers, and let them reload (nats-server --signal reload)
#[derive(Debug, Parser)]
#[command(name = "federation-identities", version)]
struct Args {
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Prefix of the mesh's subjects, streams and buckets
    #[arg(long, env = "FED_PREFIX", default_value = "fed", value_name = "WORD")]
    prefix: Subjects,

    /// A further role beside the six; may be given several times
    #[arg(long = "role", value_name = "NAME", value_parser = further_role)]
    roles: Vec<Role>,
}

/// A role by the name of another service would be that service.
fn further_role(text: &str) -> Result<Role, String> {
    let role: Role = text.parse().map_err(|failed| format!("{failed}"))?;
    match Identity::of_service(text) {
        Identity::Role(_) if !Role::ALL.contains(&role) => Ok(role),
        Identity::Role(_) => Err("one of the six".to_owned()),
        Identity::Arbiter | Identity::Gateway | Identity::Observer | Identity::Provision => {
            Err("the name of another identity".to_owned())
        }
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command")]
fn main() -> ExitCode {
    let Args { out, prefix, roles } = Args::parse();
    match make(&out, &prefix, Identity::all(Role::ALL.into_iter().chain(roles))) {
        Ok(Made { new, kept, authorization }) => {
            let names = |list: Vec<Identity>| list.iter().map(Identity::name).collect::<Vec<_>>().join(" ");
            if !new.is_empty() {
                println!("made: {}", names(new));
            }
            if !kept.is_empty() {
                println!("kept as they were: {}", names(kept));
            }
            println!("for the servers: {}", authorization.display());
            ExitCode::SUCCESS
        }
        Err(failed) => {
            eprintln!("federation-identities: {failed:#}");
            ExitCode::FAILURE
        }
    }
}
