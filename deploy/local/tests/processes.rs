//! Real processes: servers that are killed and come back, children that die, and none that outlives its launcher.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use local::Mesh;
use local::bins::{Bins, IDENTITIES, LAUNCHER, PROVISION};
use local::service::Service;

const LAUNCHER_BINARY: &str = env!("CARGO_BIN_EXE_federation-local");
const PATIENCE: Duration = Duration::from_secs(20);

/// Nobody has an identity: the NATS server asks nobody who it is.
const NO_IDENTITIES: (&str, &str) = (IDENTITIES, r#"mkdir -p "$2/nats" && : >"$2/nats/authorization.conf""#);

/// A folder of binaries: the launcher itself, and scripts in place of the rest.
fn bins(folder: &Path, scripts: &[(&str, &str)]) -> Bins {
    std::os::unix::fs::symlink(LAUNCHER_BINARY, folder.join(LAUNCHER)).unwrap();
    for (name, script) in scripts.iter().chain([&NO_IDENTITIES]) {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    Bins::in_folder(folder)
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie that nobody waited for yet does not run any more.
    !stat.is_empty() && !stat.contains(") Z ")
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn servers_come_back_on_their_port_and_are_gone_with_the_mesh() {
    let folder = tempfile::tempdir().unwrap();
    let bins = bins(folder.path(), &[(PROVISION, "exit 0")]);
    let mut mesh = Mesh::builder().bins(bins).services([]).patience(PATIENCE).start().await.unwrap();
    let (url, first) = (mesh.nats_url().to_owned(), mesh.pid("nats").unwrap());
    mesh.restart_nats().await.unwrap();
    let second = mesh.pid("nats").unwrap();
    assert_eq!(mesh.nats_url(), url);
    assert!(first != second && !runs(first) && runs(second));
    mesh.restart_redis().await.unwrap();
    let data = mesh.log("nats").parent().unwrap().parent().unwrap().to_owned();
    assert!(data.join("redis/appendonlydir").is_dir(), "redis keeps what it took");
    drop(mesh);
    assert!(!runs(second));
    assert!(!data.exists(), "a temporary folder goes with the mesh");
}

#[tokio::test]
async fn a_given_folder_outlives_the_mesh_which_ends_in_good_order() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bins = bins(folder.path(), &[(PROVISION, "exit 0")]);
    let builder = Mesh::builder().bins(bins).services([]).data(data.path()).patience(PATIENCE);
    let mesh = builder.start().await.unwrap();
    let pids: Vec<u32> = ["nats", "redis"].iter().filter_map(|name| mesh.pid(name)).collect();
    mesh.down().await.unwrap();
    assert!(pids.iter().all(|pid| !runs(*pid)));
    let log = fs::read_to_string(data.path().join("logs/redis.log")).unwrap();
    assert!(log.contains("bye bye"), "it was asked, not killed: {log}");
}

#[tokio::test]
async fn a_child_that_dies_at_the_start_is_named_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = [(PROVISION, "exit 0"), ("federation-cro", "echo no such policy; exit 64")];
    let bins = bins(folder.path(), &scripts);
    let started = Mesh::builder().bins(bins).services([Service::Cro]).patience(PATIENCE).start().await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains("cro ended (exit status: 64)") && error.contains("no such policy"), "{error}");
}

#[tokio::test]
async fn a_service_that_never_gets_ready_is_named_when_patience_runs_out() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = [(PROVISION, "exit 0"), ("federation-cro", "exec sleep 300")];
    let bins = bins(folder.path(), &scripts);
    let builder = Mesh::builder().bins(bins).services([Service::Cro]).patience(Duration::from_secs(2));
    let error = builder.start().await.unwrap_err().to_string();
    assert!(error.contains("cro: has no address yet"), "{error}");
}

#[tokio::test]
async fn a_failed_provisioning_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let bins = bins(folder.path(), &[(PROVISION, "echo slots differ; exit 1")]);
    let error = Mesh::builder().bins(bins).services([]).start().await.unwrap_err().to_string();
    assert!(error.contains("provisioning failed") && error.contains("slots differ"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_ends_when_its_launcher_is_killed() {
    let script = format!("{LAUNCHER_BINARY} child --parent $$ -- sleep 300 & echo $!; wait");
    let mut launcher = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    BufReader::new(launcher.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let pid: u32 = pid.trim().parse().unwrap();
    let became = || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep");
    wait_until("the child became its program", became);
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    wait_until("the child ended with its launcher", || !runs(pid));
}

#[test]
fn a_child_of_somebody_else_does_not_start() {
    let output =
        Command::new(LAUNCHER_BINARY).args(["child", "--parent", "1", "--", "true"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the launcher 1 is gone"));
}
