//! A private nats-server on a free port, in a folder of its own, and a node on it. The arbiter's tests use it too.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use clap::Parser;
use local::port;
use mesh::Node;
use mesh::admin::Admin;
use mesh::nats::Nats;
use mesh::policy::PolicyFile;
use mesh::shutdown::Shutdown;
use mesh::streams::Options;
use proto::subject::Subjects;
use tempfile::TempDir;

/// How long a test waits for a state before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Provision {
    #[command(flatten)]
    options: Options,
}

/// The options of `federation-provision` with these arguments.
///
/// # Errors
/// They are no arguments that it takes.
pub(crate) fn options(args: &[&str]) -> Result<Options, clap::Error> {
    Ok(Provision::try_parse_from([&["provision"], args].concat())?.options)
}

pub(crate) struct Server {
    child: Child,
    port: u16,
    data: TempDir,
    configuration: Option<PathBuf>,
}

impl Server {
    /// Starts `nats-server` (or what FED_NATS_SERVER names) with JetStream.
    pub(crate) fn start() -> Self {
        Self::configured(None)
    }

    /// The same with a configuration file.
    pub(crate) fn with_configuration(file: &Path) -> Self {
        Self::configured(Some(file.to_owned()))
    }

    fn configured(configuration: Option<PathBuf>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = port::free().unwrap();
        Self { child: run(port, &data, configuration.as_deref()), port, data, configuration }
    }

    /// Kills the server and starts it again on the same port and data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed server on the same port and data.
    pub(crate) fn start_again(&mut self) {
        self.child = run(self.port, &self.data, self.configuration.as_deref());
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A new connection; waits until the server takes it.
    pub(crate) async fn client(&self, name: &str) -> Client {
        let options = || ConnectOptions::new().name(name).custom_inbox_prefix(format!("_INBOX.{name}"));
        self.client_with(options).await
    }

    /// A new connection with these options; waits until the server takes it.
    pub(crate) async fn client_with(&self, options: impl Fn() -> ConnectOptions) -> Client {
        let url = self.url();
        let connect = || options().connect(&url);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match connect().await {
                Ok(client) => return client,
                Err(failed) if tokio::time::Instant::now() > deadline => panic!("no nats-server: {failed}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// A connection to the mesh of the usual prefix.
    pub(crate) async fn nats(&self, name: &str) -> Nats {
        Nats::over(self.client(name).await, Subjects::default())
    }

    /// All that a service is given, over a connection of its own.
    pub(crate) async fn node(&self, service: &'static str, policy: &str) -> Node {
        let admin = Admin::new();
        Node {
            service,
            nats: self.nats(service).await,
            policy: PolicyFile::from_text(policy).unwrap(),
            shutdown: Shutdown::new(),
            ready: admin.condition("start"),
            admin,
        }
    }
}

fn run(port: u16, data: &TempDir, configuration: Option<&Path>) -> Child {
    let program = std::env::var("FED_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    Command::new(program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(data.path())
        .args(configuration.iter().flat_map(|file| [Path::new("-c"), file]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server is installed")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `ready` says so; the name stands in the failure.
pub(crate) async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
