//! A running mesh: its processes by name.

mod start;
mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::bins::LAUNCHER;
use crate::builder::Builder;
use crate::child::{Child, Spec};
use crate::probe::{self, Probe};
use crate::ready::Ready;
use crate::server::Server;
use crate::service::Service;
use crate::setup::Setup;

/// How long a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);
/// How often a state is looked at that somebody waits for.
const LOOK: Duration = Duration::from_millis(50);
/// How long a drop waits for processes that it killed.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// A running mesh. Dropping it kills every process; [`Mesh::down`] lets them finish what they have in hand.
///
/// On Linux the processes also end with the thread that started them, so keep a mesh on the thread of its test.
/// Processes go by name: `nats`, `redis`, the eight services, and `cro-2` for a further replica of a service.
#[derive(Debug)]
pub struct Mesh {
    setup: Setup,
    probe: Probe,
    specs: BTreeMap<String, Spec>,
    children: BTreeMap<String, Child>,
    /// Removed, with all data, when the mesh is dropped.
    _temporary: Option<TempDir>,
}

/// A process that ended without being told to.
#[derive(Debug)]
pub struct Death {
    /// Who.
    pub name: String,
    /// How.
    pub status: ExitStatus,
    /// Its last log lines.
    pub last_lines: String,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ended ({}); its last lines:{}", self.name, self.status, self.last_lines)
    }
}

impl Mesh {
    /// What to start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(setup: Setup, temporary: Option<TempDir>) -> Result<Self> {
        for folder in ["logs", "admin", "nats", "redis"] {
            std::fs::create_dir_all(setup.folder.join(folder))?;
        }
        let (specs, children) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { setup, probe: Probe::new()?, specs, children, _temporary: temporary })
    }

    /// The NATS server.
    pub fn nats_url(&self) -> &str {
        &self.setup.nats_url
    }

    /// The Redis server.
    pub fn redis_url(&self) -> &str {
        &self.setup.redis_url
    }

    /// The gateway's API.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.http_port)
    }

    /// A service's probes and metrics; none before it wrote its address.
    pub fn admin_url(&self, name: &str) -> Option<String> {
        probe::admin_url(&self.setup.admin_file(name))
    }

    /// The file with the secret of an identity on NATS, such as `observer`; none where NATS asks nobody who it is.
    pub fn seed(&self, identity: &str) -> Option<PathBuf> {
        self.setup.seed(identity)
    }

    /// The file that a process writes its output to.
    pub fn log(&self, name: &str) -> PathBuf {
        self.setup.log(name)
    }

    /// The processes that run, as far as is known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.children.keys().map(String::as_str)
    }

    /// The process id of a running process.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.children.get(name).map(Child::pid)
    }

    /// Where everything is.
    pub fn ready(&self) -> Ready {
        let admin = |name: &str| self.admin_url(name).map(|url| (name.to_owned(), url));
        Ready {
            nats_url: self.nats_url().to_owned(),
            redis_url: self.redis_url().to_owned(),
            observer_seed: self.seed("observer"),
            http_url: self.children.contains_key(Service::Gateway.as_str()).then(|| self.http_url()),
            admin: self.names().filter_map(admin).collect(),
            pids: self.children.iter().map(|(name, child)| (name.clone(), child.pid())).collect(),
        }
    }

    /// Ends a process at once (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// No such process runs.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let mut child = self.take(name)?;
        child.signal(Signal::KILL)?;
        child.wait(GRACE).await?;
        Ok(())
    }

    /// Asks a process to end (SIGTERM), and waits until it is gone; kills it when that takes too long.
    ///
    /// # Errors
    /// No such process runs.
    pub async fn stop(&mut self, name: &str) -> Result<ExitStatus> {
        let mut child = self.take(name)?;
        child.signal(Signal::TERM)?;
        child.wait(GRACE).await
    }

    /// Asks a process to end (SIGTERM), and does not wait.
    ///
    /// # Errors
    /// No such process runs.
    pub fn ask_to_end(&mut self, name: &str) -> Result<()> {
        self.child(name)?.signal(Signal::TERM)
    }

    /// Waits until a process ends by itself.
    ///
    /// # Errors
    /// No such process runs, or it still does after `patience`.
    pub async fn end_of(&mut self, name: &str, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child(name)?.ended()? {
                self.take(name)?;
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{name} still runs after {patience:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Halts a process where it stands (SIGSTOP): it keeps its connections and does nothing.
    ///
    /// # Errors
    /// No such process runs.
    pub fn pause(&mut self, name: &str) -> Result<()> {
        self.child(name)?.signal(Signal::STOP)
    }

    /// Lets a paused process go on (SIGCONT).
    ///
    /// # Errors
    /// No such process runs.
    pub fn resume(&mut self, name: &str) -> Result<()> {
        self.child(name)?.signal(Signal::CONT)
    }

    /// Starts a process that does not run, and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, there is no service of this name, it died, or patience ran out.
    pub async fn start_one(&mut self, name: &str) -> Result<()> {
        self.spawn_one(name)?;
        match self.setup.ports.get(name) {
            Some((server, port)) => self.wait_server(*server, *port).await,
            None => self.wait_ready(&[name.to_owned()]).await,
        }
    }

    /// Starts a process that does not run, and does not wait.
    ///
    /// # Errors
    /// It runs already, there is no service of this name, or it cannot be started.
    pub fn spawn_one(&mut self, name: &str) -> Result<()> {
        self.spawn_with(name, &[])
    }

    /// The same, with environment variables of its own.
    ///
    /// # Errors
    /// As those of [`Mesh::spawn_one`].
    pub fn spawn_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        if self.children.contains_key(name) {
            bail!("{name} runs already");
        }
        let mut spec = match self.setup.ports.get(name) {
            Some((server, port)) => self.setup.server(*server, *port)?,
            None => self.setup.service(name, Service::of_process(name)?)?,
        };
        spec.env.extend(env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        // An address from before would be somebody else's by now.
        match std::fs::remove_file(self.setup.admin_file(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let child = spec.spawn(&self.setup.bins.path(LAUNCHER))?;
        self.children.insert(name.to_owned(), child);
        self.specs.insert(name.to_owned(), spec);
        Ok(())
    }

    /// Kills the NATS server and starts it again on the same port and data.
    ///
    /// # Errors
    /// The server is not ours, or does not come back.
    pub async fn restart_nats(&mut self) -> Result<()> {
        self.restart(Server::Nats).await
    }

    /// Kills the Redis server and starts it again on the same port and data.
    ///
    /// # Errors
    /// The server is not ours, or does not come back.
    pub async fn restart_redis(&mut self) -> Result<()> {
        self.restart(Server::Redis).await
    }

    async fn restart(&mut self, server: Server) -> Result<()> {
        self.kill(server.as_str()).await?;
        self.start_one(server.as_str()).await
    }

    /// The processes that ended without being told to, since the last call. They are not started again.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn deaths(&mut self) -> Result<Vec<Death>> {
        let mut deaths = Vec::new();
        for (name, child) in &mut self.children {
            if let Some(status) = child.ended()? {
                let last_lines = self.specs.get(name).map(Spec::last_lines).unwrap_or_default();
                deaths.push(Death { name: name.clone(), status, last_lines });
            }
        }
        for death in &deaths {
            self.children.remove(&death.name);
        }
        Ok(deaths)
    }

    /// Ends everything: the services first, so that they can finish what they have in hand, then the servers.
    ///
    /// # Errors
    /// The system refuses a signal or cannot say how a process ended.
    pub async fn down(mut self) -> Result<()> {
        let (servers, services): (Vec<String>, Vec<String>) =
            self.children.keys().cloned().partition(|name| self.setup.ports.contains_key(name.as_str()));
        for names in [services, servers] {
            for name in &names {
                self.child(name)?.signal(Signal::TERM)?;
            }
            for name in &names {
                self.take(name)?.wait(GRACE).await?;
            }
        }
        Ok(())
    }

    fn child(&mut self, name: &str) -> Result<&mut Child> {
        self.children.get_mut(name).ok_or_else(|| anyhow!("no process {name:?} runs"))
    }

    fn take(&mut self, name: &str) -> Result<Child> {
        self.children.remove(name).ok_or_else(|| anyhow!("no process {name:?} runs"))
    }
}

impl Drop for Mesh {
    /// Kills what still runs, and waits for it: the temporary folder can go only when nobody writes to it any more.
    fn drop(&mut self) {
        for child in self.children.values_mut() {
            // Nothing is left to do about a process that cannot be killed.
            let _ = child.signal(Signal::KILL);
        }
        let deadline = Instant::now() + DROP_WAIT;
        let runs = |child: &mut Child| matches!(child.ended(), Ok(None));
        while self.children.values_mut().any(runs) && Instant::now() < deadline {
            std::thread::sleep(LOOK / 10);
        }
    }
}
