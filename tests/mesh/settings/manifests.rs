//! What the deployment files must say, whatever else changes in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::root;

/// Kinds that change how many replicas something has.
const SCALERS: [&str; 3] = ["HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject"];

/// Every file below `deploy` with one of these endings, and its text.
fn files(endings: &[&str]) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    gather(&root().join("deploy"), endings, &mut found)?;
    ensure!(!found.is_empty(), "deploy has no files that end with {endings:?}");
    Ok(found)
}

fn gather(folder: &Path, endings: &[&str], found: &mut Vec<(PathBuf, String)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            gather(&path, endings, found)?;
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push((path.clone(), std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The lines of a text that are no comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with('#'))
}

/// What follows a key, on each line that has it.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    lines(text).filter_map(move |line| line.trim_start_matches("- ").strip_prefix(key)).map(str::trim)
}

/// Whether an image is named with a version of its own.
fn is_pinned(image: &str) -> bool {
    let version = image.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, version)| version);
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn every_acknowledged_ruling_is_on_disk() -> Result<()> {
    let conf = std::fs::read_to_string(root().join("deploy/nats/nats.conf"))?;
    let (_, jetstream) = conf.split_once("jetstream {").context("no JetStream")?;
    let (jetstream, _) = jetstream.split_once('}').context("JetStream has no end")?;
    ensure!(
        values(jetstream, "sync_interval:").eq(["always"]),
        "acknowledged messages can be lost: {jetstream}"
    );
    // Every server that the files start goes by that configuration.
    let mut servers = 0;
    for (path, text) in files(&[".yaml"])? {
        for image in values(&text, "image:").filter(|image| image.starts_with("nats:")) {
            servers += 1;
            let configured = text.contains("\"-c\", \"/etc/nats/nats.conf\"");
            ensure!(configured, "{}: {image} has a configuration of its own", path.display());
        }
    }
    ensure!(servers >= 2, "Kubernetes and compose start a server each, not {servers}");
    Ok(())
}

#[test]
fn every_image_has_a_version() -> Result<()> {
    ensure!(is_pinned("nats:2.12.15-alpine") && is_pinned("registry.local:5000/x/redis:7.2.11"));
    ensure!(!is_pinned("nats") && !is_pinned("nats:latest") && !is_pinned("registry.local:5000/nats"));
    let base = std::fs::read_to_string(root().join("deploy/k8s/base/kustomization.yaml"))?;
    let own = values(&base, "newTag:").next().context("our own image has no version")?;
    ensure!(is_pinned(&format!("federation:{own}")), "our own image is {own}");
    let mut images = 0;
    for (path, text) in files(&[".yaml", "Dockerfile"])? {
        // Our own image gets its version from the kustomization.
        for image in
            values(&text, "image:").chain(values(&text, "FROM ")).filter(|image| *image != "federation")
        {
            let image = image.split_whitespace().next().unwrap_or_default();
            ensure!(is_pinned(image), "{}: {image} may be another tomorrow", path.display());
            images += 1;
        }
    }
    ensure!(images > 5, "hardly any images: {images}");
    Ok(())
}

#[test]
fn who_is_alive_need_not_be_ready() -> Result<()> {
    let mut probed = 0;
    for (path, text) in files(&[".yaml"])? {
        let probe = |name: &str| {
            let (_, after) = text.split_once(&format!("{name}:"))?;
            after.lines().find_map(|line| line.split_once("path: ")).map(|(_, path)| path.to_owned())
        };
        let (alive, ready) = (probe("livenessProbe"), probe("readinessProbe"));
        if alive.is_some() || ready.is_some() {
            ensure!(alive.is_some() && ready.is_some(), "{}: one probe without the other", path.display());
            ensure!(alive != ready, "{}: {alive:?} says both", path.display());
            probed += 1;
        }
    }
    ensure!(probed >= 2, "our services and NATS are probed, not {probed}");
    Ok(())
}

/// The first document that lets something else decide how many arbiters there are.
fn scaler(text: &str) -> Option<&str> {
    text.split("\n---").find(|document| {
        let scales = values(document, "kind:").any(|kind| SCALERS.contains(&kind));
        scales && document.contains("name: arbiter")
    })
}

#[test]
fn no_autoscaler_multiplies_the_arbiter() -> Result<()> {
    let planted = "kind: Deployment\n---\nkind: ScaledObject\nspec: { scaleTargetRef: { name: arbiter } }\n";
    ensure!(scaler(planted).is_some(), "an autoscaler is not found");
    ensure!(scaler("kind: HorizontalPodAutoscaler\nspec:\n  scaleTargetRef:\n    name: cro\n").is_none());
    for (path, text) in files(&[".yaml"])? {
        ensure!(scaler(&text).is_none(), "{}: {:?}", path.display(), scaler(&text));
    }
    Ok(())
}

/// What every identity of the mesh is called.
fn identities() -> Vec<String> {
    let all = mesh::identity::Identity::all(proto::id::Role::ALL);
    all.iter().map(|identity| identity.name().to_owned()).collect()
}

/// Everything in a text that is called `identity-…`.
fn named_identities(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter_map(|word| word.strip_prefix("identity-")).collect()
}

#[test]
fn each_service_is_given_its_own_identity_and_no_other() -> Result<()> {
    let mut given = Vec::new();
    for (path, text) in files(&[".yaml"])? {
        let base = path.components().any(|part| part.as_os_str() == "base");
        for document in
            text.split("\n---").filter(|document| base && document.contains("command: [\"federation-"))
        {
            let (_, binary) = document.split_once("command: [\"federation-").context("no command")?;
            let name = binary.split('"').next().unwrap_or_default();
            ensure!(named_identities(document) == [name], "{}: {name} gets another identity", path.display());
            ensure!(values(document, "secret:").count() == 1, "{}: {name} mounts more", path.display());
            given.push(name.to_owned());
        }
    }
    let compose = std::fs::read_to_string(root().join("deploy/compose/compose.yaml"))?;
    for service in compose.split("\n\n").filter(|service| service.contains("command: [\"federation-")) {
        let (_, binary) = service.split_once("command: [\"federation-").context("no command")?;
        let name = binary.split('"').next().unwrap_or_default();
        if name != "identities" {
            ensure!(named_identities(service) == [name], "compose: {name} gets another identity");
            given.push(name.to_owned());
        }
    }
    let services: Vec<String> = identities().into_iter().filter(|name| name != "observer").collect();
    ensure!(given.len() == 2 * services.len(), "not every service was seen: {given:?}");
    ensure!(services.iter().all(|name| given.iter().filter(|one| *one == name).count() == 2), "{given:?}");
    Ok(())
}

#[test]
fn every_identity_is_made_and_none_is_committed() -> Result<()> {
    let folder = root().join("deploy/k8s/identities");
    let made = std::fs::read_to_string(folder.join("kustomization.yaml"))?;
    let said: Vec<&str> = lines(&made).collect();
    for name in identities() {
        let secret = said.iter().position(|line| *line == format!("- name: identity-{name}"));
        let after = secret.and_then(|at| said.get(at + 1)).context(format!("{name} has no Secret"))?;
        ensure!(*after == format!("files: [{name}/seed]"), "{name}: {after}");
    }
    let ignored = std::fs::read_to_string(folder.join(".gitignore"))?;
    ensure!(ignored.lines().any(|line| line == "/*/"), "seeds could be committed");
    // Every server asks who somebody is.
    let conf = std::fs::read_to_string(root().join("deploy/nats/nats.conf"))?;
    ensure!(values(&conf, "include ").eq(["identities/authorization.conf"]), "anybody may do anything");
    let k8s = std::fs::read_to_string(root().join("deploy/nats/nats.yaml"))?;
    ensure!(k8s.contains("path: identities/authorization.conf"), "the server has no such file");
    let compose = std::fs::read_to_string(root().join("deploy/compose/compose.yaml"))?;
    ensure!(compose.contains("identity-nats:/etc/nats/identities:ro"), "the server has no such file");
    Ok(())
}
