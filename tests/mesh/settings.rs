//! What is written down about settings is true: the default policy file, and every variable in the manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use proto::policy::Policy;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn default_as_written<P: Policy + PartialEq + std::fmt::Debug>(
    written: &mut toml::Table,
    name: &str,
) -> Result<()> {
    let section = written.remove(name).with_context(|| format!("[{name}] is missing"))?;
    let every_number = toml::Table::try_from(P::default())?;
    let missing: Vec<&String> = every_number.keys().filter(|key| section.get(key).is_none()).collect();
    ensure!(missing.is_empty(), "[{name}] does not say {missing:?}");
    assert_eq!(section.try_into::<P>()?, P::default(), "[{name}]");
    Ok(())
}

#[test]
fn the_policy_file_says_the_defaults() -> Result<()> {
    let mut written: toml::Table = std::fs::read_to_string(root().join("deploy/policy.toml"))?.parse()?;
    default_as_written::<court::policy::CourtPolicy>(&mut written, "court")?;
    default_as_written::<supervisor::Policy>(&mut written, "supervisor")?;
    default_as_written::<cro::Policy>(&mut written, "cro")?;
    default_as_written::<ceo::Policy>(&mut written, "ceo")?;
    default_as_written::<cio::Policy>(&mut written, "cio")?;
    default_as_written::<cfo::Policy>(&mut written, "cfo")?;
    default_as_written::<researcher::Policy>(&mut written, "researcher")?;
    ensure!(written.is_empty(), "sections that nobody reads: {:?}", written.keys().collect::<Vec<_>>());
    Ok(())
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
