//! The beginning and the end of every binary: arguments, telemetry, policy, health, connection, shutdown, exit code.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tracing::{error, info};

use crate::admin::{Admin, Condition};
use crate::args::{Cli, MeshArgs};
use crate::nats::Nats;
use crate::policy::{BadPolicy, PolicyFile};
use crate::shutdown::Shutdown;
use crate::telemetry;

/// Exit code for arguments, files or a policy that cannot be used (`EX_USAGE`).
const BAD_CONFIGURATION: u8 = 64;

/// What a binary is given to work with.
#[derive(Debug, Clone)]
pub struct Node {
    /// The binary's short name, such as `arbiter`.
    pub service: &'static str,
    /// The connection to NATS.
    pub nats: Nats,
    /// The policy file.
    pub policy: PolicyFile,
    /// The wish to stop, and the tasks that stop with it.
    pub shutdown: Shutdown,
    /// Metrics and readiness.
    pub admin: Admin,
    /// Open from the beginning until the binary says that it is wired, and again once shutdown is requested.
    pub ready: Condition,
}

/// Something wrong with what the operator configured; the process ends with code 64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadConfiguration(String);

impl BadConfiguration {
    /// Says what is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Runs a binary: 0 when it ended in order, 1 when it failed, 64 when its configuration cannot be used.
///
/// `start` wires the binary's tasks, says so with [`Node::ready`], and returns when shutdown is requested; what it
/// spawned on [`Node::shutdown`] is then waited for within the grace period.
pub fn run<A, F>(service: &'static str, start: F) -> ExitCode
where
    A: Cli,
    F: AsyncFnOnce(A, Node) -> anyhow::Result<()>,
{
    let args = match parse::<A>(service) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let telemetry = match telemetry::start(service, &args.mesh().log_level) {
        Ok(telemetry) => telemetry,
        Err(failed) => return refuse(&failed),
    };
    let ended = live(service, args, start);
    let code = match &ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            error!("federation-{service}: {failed:#}");
            exit_code(failed)
        }
    };
    telemetry.finish();
    code
}

fn parse<A: Cli>(service: &str) -> Result<A, ExitCode> {
    let name = format!("federation-{service}");
    let mut command = A::command().name(name.clone()).bin_name(name);
    if let Some(about) = A::about(service) {
        command = command.about(about);
    }
    let parsed = command.try_get_matches().and_then(|matches| A::from_arg_matches(&matches));
    parsed.map_err(|wrong| {
        // A closed terminal is no reason for another exit code.
        let _ = wrong.print();
        if wrong.use_stderr() { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::SUCCESS }
    })
}

#[allow(clippy::print_stderr, reason = "there is no log yet")]
fn refuse(failed: &anyhow::Error) -> ExitCode {
    eprintln!("{failed:#}");
    ExitCode::from(BAD_CONFIGURATION)
}

fn exit_code(failed: &anyhow::Error) -> ExitCode {
    let configuration = failed.chain().any(|cause| cause.is::<BadConfiguration>() || cause.is::<BadPolicy>());
    if configuration { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::FAILURE }
}

fn live<A, F>(service: &'static str, args: A, start: F) -> anyhow::Result<()>
where
    A: Cli,
    F: AsyncFnOnce(A, Node) -> anyhow::Result<()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let ended = runtime.block_on(work(service, args, start));
    // What still blocks a thread has had its grace period.
    runtime.shutdown_background();
    ended
}

async fn work<A, F>(service: &'static str, args: A, start: F) -> anyhow::Result<()>
where
    A: Cli,
    F: AsyncFnOnce(A, Node) -> anyhow::Result<()>,
{
    let grace = Duration::from(args.mesh().shutdown_grace);
    let shutdown = Shutdown::new();
    shutdown.listen()?;
    let mut nats = None;
    let orderly = async {
        let worked = wire(service, args, start, &shutdown, &mut nats).await;
        // A task's failure is the cause, what the binary says about it the consequence.
        shutdown.finish(grace).await.and(worked)
    };
    let ended = tokio::select! {
        ended = orderly => ended,
        () = overdue(&shutdown, grace) => Err(shutdown.failure().unwrap_or_else(|| {
            anyhow!("still busy {grace:?} after shutdown was requested")
        })),
    };
    if let Some(nats) = nats {
        nats.finish().await;
    }
    info!("stopped");
    ended
}

async fn overdue(shutdown: &Shutdown, grace: Duration) {
    shutdown.requested().await;
    tokio::time::sleep(grace).await;
}

async fn wire<A, F>(
    service: &'static str,
    args: A,
    start: F,
    shutdown: &Shutdown,
    connected: &mut Option<Nats>,
) -> anyhow::Result<()>
where
    A: Cli,
    F: AsyncFnOnce(A, Node) -> anyhow::Result<()>,
{
    args.check()?;
    let common: &MeshArgs = args.mesh();
    let admin = Admin::new();
    let ready = admin.condition("start");
    let policy = PolicyFile::open(common.policy.as_deref())?;
    policy.watch(&admin, shutdown);
    admin.serve(&common.admin_addr, common.admin_file.as_deref(), shutdown).await?;
    info!(version = env!("CARGO_PKG_VERSION"), policy = %policy.revision(), "starting");
    let connecting = async {
        if A::STARTS_WITHOUT_NATS {
            return Nats::connect_later(service, common, &admin, shutdown).await;
        }
        Nats::connect(service, common, &admin, shutdown).await
    };
    let nats = match connecting.await {
        Ok(nats) => connected.insert(nats).clone(),
        Err(_) if shutdown.is_requested() => return Ok(()),
        Err(failed) => return Err(failed),
    };
    shutdown.attend("readiness", {
        let (shutdown, ready) = (shutdown.clone(), ready.clone());
        async move {
            shutdown.requested().await;
            ready.open("shutting down");
            Ok(())
        }
    });
    let node = Node { service, nats, policy, shutdown: shutdown.clone(), admin, ready };
    let ended = start(args, node).await;
    shutdown.request();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_configuration_anywhere_in_the_chain_is_64() {
        let failed = anyhow::Error::from(BadConfiguration::new("--x")).context("cannot start");
        assert_eq!(format!("{:?}", exit_code(&failed)), format!("{:?}", ExitCode::from(64)));
        assert_eq!(format!("{:?}", exit_code(&anyhow!("no"))), format!("{:?}", ExitCode::FAILURE));
    }
}
