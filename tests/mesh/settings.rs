//! What the manifests and the services say of themselves is true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use local::Mesh;

use crate::support::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Variables that the mesh's libraries read themselves, or that other programs in the manifests take.
const FOREIGN: [&str; 4] = ["OTEL_", "COLLECTOR_", "JAEGER_", "POSTGRES_"];

/// Every word of the deployment files that looks like one of our variables.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    words
        .filter(|word| ["FED_", "NATS_", "REDIS_", "LOG_"].iter().any(|start| word.starts_with(start)))
        .filter(|word| !FOREIGN.iter().any(|foreign| word.starts_with(foreign)))
        .collect()
}

fn texts(folder: &Path, found: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            texts(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "env") {
            found.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[test]
fn every_variable_in_the_manifests_is_one_that_a_binary_takes() -> Result<()> {
    let mut manifests = String::new();
    texts(&root().join("deploy/k8s"), &mut manifests)?;
    texts(&root().join("deploy/compose"), &mut manifests)?;
    let bins = local::bins::Bins::beside_this()?;
    let mut help = String::new();
    for binary in ["federation-gateway", "federation-arbiter", "federation-cro", "federation-provision"] {
        let output = Command::new(bins.path(binary)).arg("--help").output().with_context(|| binary)?;
        ensure!(output.status.success(), "{binary} --help: {output:?}");
        help.push_str(&String::from_utf8(output.stdout)?);
    }
    let used = variables(&manifests);
    ensure!(used.contains("NATS_URL") && used.contains("REDIS_URL"), "the manifests say nothing: {used:?}");
    let unknown: Vec<&&str> = used.iter().filter(|name| !help.contains(&format!("[env: {name}="))).collect();
    ensure!(unknown.is_empty(), "no binary takes {unknown:?}");
    Ok(())
}

/// The standard discovery shows what each role is; the court seats it for the same events.
#[tokio::test(flavor = "multi_thread")]
async fn discovery_shows_every_role_with_version_policy_and_interests() -> Result<()> {
    let world = World::start(Mesh::builder()).await?;
    let terms = court::policy::CourtPolicy::default().terms(proto::id::PolicyRevision::of(""));
    let nats = async_nats::connect(world.mesh.nats_url()).await?;
    for (role, seat) in &terms.seats {
        let answer = nats.request(format!("$SRV.INFO.federation-{role}"), "".into()).await?;
        let info: serde_json::Value = serde_json::from_slice(&answer.payload)?;
        let interests: Vec<&str> = seat.interests.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(info["metadata"]["interests"], interests.join(","), "{role}");
        assert_eq!(info["metadata"]["policy"].as_str().map(str::len), Some(16), "{info}");
        assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
        let reviews =
            info["endpoints"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "review"));
        assert_eq!(reviews, seat.reviews, "{role}");
    }
    Ok(())
}
