//! What the command runs in: a runtime for what has to wait, and the wish to stop.

use std::future::Future;

use anyhow::{Context as _, Result, ensure};
use mesh::shutdown::Shutdown;
use tokio::runtime::{Builder, Runtime};

/// A runtime, and Ctrl-C heard in it. A second Ctrl-C ends the process at once.
pub(crate) struct Shell {
    runtime: Runtime,
    shutdown: Shutdown,
}

impl Shell {
    /// Hears signals from now on.
    pub(crate) fn open() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let shell = Self { runtime: runtime.context("starting the runtime")?, shutdown: Shutdown::new() };
        shell.runtime.block_on(async { shell.shutdown.listen() })?;
        Ok(shell)
    }

    /// The wish to stop.
    pub(crate) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits for something, but not when the user wants to stop.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = Result<T>>) -> Result<T> {
        let stopped = async {
            self.shutdown.requested().await;
            self.go_on()
        };
        self.runtime.block_on(async {
            tokio::select! {
                done = what => done,
                Err(stopped) = stopped => Err(stopped),
            }
        })
    }

    /// An error when the user wants to stop; nothing is left behind then.
    pub(crate) fn go_on(&self) -> Result<()> {
        ensure!(!self.shutdown.is_requested(), "stopped before the end; no file was written");
        Ok(())
    }
}
