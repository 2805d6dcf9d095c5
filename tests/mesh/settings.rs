//! What the manifests, the list of hazards and the services say of themselves is true.

mod manifests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use local::Mesh;
use proto::event::EventKind;

use crate::support::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How the list of hazards says what a name looks like.
const SHAPE: &str = "crate::module::test";
/// What the architecture names besides tests where it says what is promised.
const HOOK: &str = "mesh::crash";
/// The head of that part.
const PROMISED: &str = "What is promised";

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

/// The crates, each with the folder that it is in.
fn crates() -> Result<Vec<(String, PathBuf)>> {
    let libraries = ["proto", "mesh", "arbiter", "arbiter/court", "gateway", "replay", "deploy/local"];
    let mut folders: Vec<PathBuf> =
        libraries.into_iter().chain(["tests", "tests/fuzz"]).map(|folder| root().join(folder)).collect();
    for role in std::fs::read_dir(root().join("roles"))? {
        folders.push(role?.path());
    }
    let named = |folder: PathBuf| {
        let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml"))?.parse()?;
        let name = manifest["package"]["name"].as_str().context("a crate without a name")?;
        Ok((name.replace('-', "_"), folder))
    };
    folders.into_iter().map(named).collect()
}

/// Adds `<module>::<test>` for every test of the sources in a folder.
fn tests_in(folder: &Path, module: &str, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
        let inner = match stem {
            "lib" | "main" | "mod" => module.to_owned(),
            _ => format!("{module}::{stem}"),
        };
        if path.is_dir() {
            tests_in(&path, &inner, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path)?;
            found.extend(tests_of(&text).map(|test| format!("{inner}::{test}")));
        }
    }
    Ok(())
}

/// The names of the functions below `#[test]` and its kin.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    text.lines().map(str::trim_start).filter_map(move |line| {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
            return None;
        }
        let (_, name) = line.split_once("fn ").filter(|_| marked)?;
        marked = false;
        name.split(['(', '<']).next()
    })
}

#[test]
fn every_test_that_a_document_names_exists() -> Result<()> {
    let mut tests = BTreeSet::new();
    for (name, folder) in crates()? {
        let suite = |suite: &str| format!("{name}::{suite}");
        let parts = [
            ("src", name.clone()),
            ("tests", name.clone()),
            ("mesh", suite("mesh")),
            ("simulator", suite("simulator")),
            ("torture", suite("torture")),
        ];
        for (part, module) in parts {
            let sources = folder.join(part);
            if sources.is_dir() {
                tests_in(&sources, &module, &mut tests)?;
            }
        }
    }
    let hazards = std::fs::read_to_string(root().join("tests/HAZARDS.md"))?;
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let promised =
        map.split("\n## ").find(|part| part.starts_with(PROMISED)).context("nothing is promised")?;
    ensure!(promised.matches("::").count() > 20, "few tests are named: {promised}");
    let quoted = [hazards.as_str(), promised].into_iter().flat_map(|text| text.split('`').skip(1).step_by(2));
    let (names, paths): (BTreeSet<&str>, BTreeSet<&str>) =
        quoted.filter(|word| word.contains("::") || word.contains('/')).partition(|word| word.contains("::"));
    ensure!(names.len() > 100, "few tests are named: {}", names.len());
    let missing: Vec<&&str> =
        names.iter().filter(|name| ![SHAPE, HOOK].contains(name) && !tests.contains(**name)).collect();
    ensure!(missing.is_empty(), "no such tests: {missing:#?}");
    // `/health` and its like are paths of the API.
    let files = paths.iter().filter(|path| !path.starts_with('/'));
    let missing: Vec<&&str> = files.filter(|path| !root().join(path).exists()).collect();
    ensure!(missing.is_empty(), "no such files: {missing:#?}");
    Ok(())
}

/// The standard discovery shows what each role is; the court seats it for the same events.
#[tokio::test(flavor = "multi_thread")]
async fn discovery_shows_every_role_with_version_policy_and_interests() -> Result<()> {
    let world = World::start(Mesh::builder()).await?;
    let terms = court::policy::CourtPolicy::default().terms(proto::id::PolicyRevision::of(""));
    let nats = world.nats().await?;
    for (role, seat) in &terms.seats {
        let answer = nats.request(format!("$SRV.INFO.federation-{role}"), "".into()).await?;
        let info: serde_json::Value = serde_json::from_slice(&answer.payload)?;
        let interests: Vec<&str> = seat.interests.iter().map(EventKind::as_str).collect();
        assert_eq!(info["metadata"]["interests"], interests.join(","), "{role}");
        assert_eq!(info["metadata"]["policy"].as_str().map(str::len), Some(16), "{info}");
        assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
        let reviews =
            info["endpoints"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "review"));
        assert_eq!(reviews, seat.reviews, "{role}");
    }
    Ok(())
}
