//! Shutdown: signals, and tasks with owners. A task that dies is never silent: the process says so and ends.

use std::panic::AssertUnwindSafe;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// The exit code after a second signal, as after Ctrl-C in a shell.
const ABORTED: i32 = 130;

/// The wish to stop, and the tasks that stop with it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    token: CancellationToken,
    /// The whole process's: what is asked here concerns every part.
    process: CancellationToken,
    killed: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nothing has been asked yet, and no task runs.
    pub fn new() -> Self {
        let token = CancellationToken::new();
        Self {
            process: token.clone(),
            token,
            killed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failure: Arc::default(),
        }
    }

    /// The wish that a part of the process stops; it comes with the process's at the latest. What fails in that part
    /// still stops the process.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), killed: self.killed.child_token(), ..self.clone() }
    }

    /// Completes when the process is to stop.
    pub fn requested(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Whether the process is to stop.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// A token that is cancelled when the process is to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks the process to stop.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Runs a task that finishes what it has in hand once shutdown is requested; the process waits for it. When it
    /// fails or panics, the process stops with that error.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.tasks.spawn(self.clone().watched(name.into(), task));
    }

    /// Runs a task that ends with the process; nobody waits for it. When it fails or panics, the process stops with
    /// that error.
    pub fn attend<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        tokio::spawn(self.clone().watched(name.into(), task));
    }

    /// Ends every task where it stands, as the end of the process would: nothing is finished.
    pub fn kill(&self) {
        self.killed.cancel();
        self.request();
    }

    async fn watched<F>(self, name: String, task: F)
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let ended = tokio::select! {
            biased;
            () = self.killed.cancelled() => return,
            ended = AssertUnwindSafe(task).catch_unwind() => ended,
        };
        let failed = match ended {
            Ok(Ok(())) => return,
            Ok(Err(failed)) => failed.context(format!("task {name} failed")),
            Err(_) => anyhow!("task {name} panicked"),
        };
        self.fail(failed);
    }

    /// Stops the process with this error; the first one is what the process ends with.
    pub fn fail(&self, failed: anyhow::Error) {
        error!("{failed:#}");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
        self.process.cancel();
    }

    /// What the process was stopped with, once.
    pub(crate) fn failure(&self) -> Option<anyhow::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Turns SIGTERM and SIGINT into a request; a second one aborts the process.
    ///
    /// # Errors
    /// The signals cannot be taken.
    pub fn listen(&self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot take SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot take SIGINT")?;
        let shutdown = self.clone();
        self.attend("signals", async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            info!("shutting down");
            shutdown.request();
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            warn!("second signal: aborting");
            process::exit(ABORTED)
        });
        Ok(())
    }

    /// Asks every task to stop and waits for them, at most `grace`. The first failure of a task is the result.
    ///
    /// # Errors
    /// A task failed, or tasks were still busy when the grace period was over.
    pub async fn finish(&self, grace: Duration) -> anyhow::Result<()> {
        self.request();
        self.tasks.close();
        let waited = tokio::time::timeout(grace, self.tasks.wait()).await;
        if let Some(failed) = self.failure() {
            return Err(failed);
        }
        waited.map_err(|_| anyhow!("{} tasks were still busy after {grace:?}", self.tasks.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_task_that_fails_stops_the_process_with_its_error() {
        let shutdown = Shutdown::new();
        shutdown.spawn("reader", async { Err(anyhow!("stream is gone")) });
        shutdown.requested().await;
        let failed = shutdown.finish(PATIENCE).await.unwrap_err();
        assert_eq!(format!("{failed:#}"), "task reader failed: stream is gone");
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_process_too() {
        let shutdown = Shutdown::new();
        shutdown.attend("reader", async { panic!("no") });
        shutdown.requested().await;
        assert_eq!(shutdown.finish(PATIENCE).await.unwrap_err().to_string(), "task reader panicked");
    }

    #[tokio::test]
    async fn a_part_stops_alone_and_its_failure_stops_the_process() {
        let shutdown = Shutdown::new();
        let [part, other] = [shutdown.child(), shutdown.child()];
        part.request();
        assert!(part.is_requested() && !shutdown.is_requested());
        part.spawn("part", async { Err(anyhow!("no")) });
        shutdown.requested().await;
        assert!(other.is_requested());
        assert_eq!(shutdown.finish(PATIENCE).await.unwrap_err().to_string(), "task part failed");
    }

    #[tokio::test]
    async fn tasks_finish_what_they_have_in_hand() {
        let shutdown = Shutdown::new();
        let (done, was_done) = tokio::sync::oneshot::channel();
        let token = shutdown.token();
        shutdown.spawn("worker", async move {
            token.cancelled().await;
            tokio::task::yield_now().await;
            let _ = done.send(());
            Ok(())
        });
        shutdown.finish(PATIENCE).await.unwrap();
        was_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_kill_ends_tasks_where_they_stand() {
        let shutdown = Shutdown::new();
        shutdown.spawn("stuck", std::future::pending());
        shutdown.kill();
        shutdown.finish(PATIENCE).await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_said() {
        let shutdown = Shutdown::new();
        shutdown.spawn("stuck", std::future::pending());
        let failed = shutdown.finish(Duration::from_millis(10)).await.unwrap_err();
        assert!(failed.to_string().contains("1 tasks were still busy"), "{failed}");
    }
}
