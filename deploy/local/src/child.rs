//! One process of the mesh, in a process group of its own, with a log file of its own.
//!
//! A child must not outlive its launcher, even when that is killed. Linux can send a signal when a parent dies, but a
//! process can ask for it only for itself, and running code between fork and exec takes unsafe code. So a child starts
//! as `federation-local child …`, asks, and then becomes the program. The parent that counts is the thread that
//! spawned: spawn from the runtime's own threads, not from `block_in_place`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal};
use tokio::process::Command;

/// What to start.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The name that the child goes by, such as `cro`.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables beside those of the launcher.
    pub env: Vec<(String, String)>,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A running process, killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    pid: Pid,
}

/// How many of its last log lines are shown of a child that died.
const LAST_LINES: usize = 15;
/// How much of the end of a log is read for them.
const LAST_BYTES: u64 = 16 * 1024;

impl Spec {
    /// Starts it under the launcher, which binds its life to ours.
    ///
    /// # Errors
    /// The log file cannot be opened, or the launcher cannot be run.
    pub fn spawn(&self, launcher: &Path) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log: File = log.with_context(|| format!("opening {}", self.log.display()))?;
        let mut command = Command::new(launcher);
        command.args(["child", "--parent"]).arg(std::process::id().to_string()).arg("--");
        command.arg(&self.program).args(&self.args);
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("running {}", launcher.display()))?;
        let pid = process.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        Ok(Child { process, pid: pid.ok_or_else(|| anyhow!("{} ended at once", self.name))? })
    }

    /// The last lines of its log, for a message about its death.
    pub fn last_lines(&self) -> String {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut end = Vec::new();
        if let Ok(mut log) = File::open(&self.log) {
            let length = log.metadata().map_or(0, |metadata| metadata.len());
            let from = length.saturating_sub(LAST_BYTES);
            if log.seek(SeekFrom::Start(from)).is_ok() {
                // A log that cannot be read shows as empty: the death itself is the news.
                let _ = log.take(LAST_BYTES).read_to_end(&mut end);
            }
        }
        let text = String::from_utf8_lossy(&end);
        let lines: Vec<&str> = text.lines().collect();
        let skip = lines.len().saturating_sub(LAST_LINES);
        lines.iter().skip(skip).map(|line| format!("\n    {line}")).collect()
    }
}

impl Child {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.try_wait().context("asking for a child's end")
    }

    /// Sends a signal; one that already ended does not mind.
    ///
    /// # Errors
    /// The system refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        // As long as it was not waited for, its id cannot belong to anybody else.
        if self.ended()?.is_some() {
            return Ok(());
        }
        rustix::process::kill_process(self.pid, signal).context("sending a signal to a child")
    }

    /// Waits for its end; kills it when it takes longer than `grace`.
    ///
    /// # Errors
    /// The system cannot say how it ended.
    pub async fn wait(&mut self, grace: Duration) -> Result<ExitStatus> {
        if let Ok(status) = tokio::time::timeout(grace, self.process.wait()).await {
            return status.context("waiting for a child");
        }
        self.signal(Signal::KILL)?;
        self.process.wait().await.context("waiting for a killed child")
    }
}

/// Becomes the program, after asking to be killed when the parent dies. Returns only when that fails.
pub fn become_program(parent: u32, program: &OsString, args: &[OsString]) -> anyhow::Error {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return anyhow!(error).context("asking to end with the launcher");
    }
    // The parent may have died before the line above: then nobody will ever send the signal.
    let actual = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if actual != Some(parent) {
        return anyhow!("the launcher {parent} is gone");
    }
    let error = std::process::Command::new(program).args(args).exec();
    anyhow!(error).context(format!("running {}", program.display()))
}
