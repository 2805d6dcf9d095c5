//! What to start, and the start itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bins::Bins;
use crate::mesh::Mesh;
use crate::port;
use crate::server::Server;
use crate::service::Service;
use crate::setup::Setup;

/// How long everything together may take to be ready, unless said otherwise.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What to start. By default: private servers on free ports, all eight services, data in a temporary folder.
#[derive(Debug, Clone)]
pub struct Builder {
    bins: Option<Bins>,
    services: Vec<Service>,
    data: Option<PathBuf>,
    policy: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: BTreeMap<String, Vec<OsString>>,
    ways: BTreeMap<(String, &'static str), String>,
    nats: Place,
    redis: Place,
    identities: Option<PathBuf>,
    http_port: Option<u16>,
    patience: Duration,
    progress: fn(&str),
}

/// Where a server is.
#[derive(Debug, Clone)]
enum Place {
    /// Ours, on a free port.
    Anywhere,
    /// Ours, on this port.
    Port(u16),
    /// Somebody else's.
    Url(String),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            bins: None,
            services: Service::ALL.to_vec(),
            data: None,
            policy: None,
            env: Vec::new(),
            args: BTreeMap::new(),
            ways: BTreeMap::new(),
            nats: Place::Anywhere,
            redis: Place::Anywhere,
            identities: None,
            http_port: None,
            patience: PATIENCE,
            progress: |_| {},
        }
    }
}

impl Builder {
    /// Only these roles; arbiter and gateway come along.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = Service>) -> Self {
        self.services = roles.into_iter().chain([Service::Arbiter, Service::Gateway]).collect();
        self
    }

    /// Only these services.
    #[must_use]
    pub fn services(mut self, services: impl IntoIterator<Item = Service>) -> Self {
        self.services = services.into_iter().collect();
        self
    }

    /// Keeps data and logs in this folder, also after the end.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// The policy file of all services.
    #[must_use]
    pub fn policy(mut self, file: impl Into<PathBuf>) -> Self {
        self.policy = Some(file.into());
        self
    }

    /// An environment variable for all services.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// A command-line argument for a service, for `provision`, or for a server that is started (`nats`, `redis`).
    #[must_use]
    pub fn arg(mut self, service: impl Into<String>, arg: impl Into<OsString>) -> Self {
        self.args.entry(service.into()).or_default().push(arg.into());
        self
    }

    /// The process of this name reaches a server at this URL: by way of something that stands between them.
    #[must_use]
    pub fn way(mut self, process: impl Into<String>, server: Server, url: impl Into<String>) -> Self {
        self.ways.insert((process.into(), server.as_str()), url.into());
        self
    }

    /// Starts the NATS server on this port.
    #[must_use]
    pub fn nats_port(mut self, port: u16) -> Self {
        self.nats = Place::Port(port);
        self
    }

    /// Takes the identities on NATS from this folder, as `federation-identities` writes it; what is missing there is made.
    /// A NATS server of our own has some of its own otherwise, and one that is given asks nobody who it is.
    #[must_use]
    pub fn identities(mut self, folder: impl Into<PathBuf>) -> Self {
        self.identities = Some(folder.into());
        self
    }

    /// Uses this NATS server and starts none.
    #[must_use]
    pub fn nats_url(mut self, url: impl Into<String>) -> Self {
        self.nats = Place::Url(url.into());
        self
    }

    /// Starts the Redis server on this port.
    #[must_use]
    pub fn redis_port(mut self, port: u16) -> Self {
        self.redis = Place::Port(port);
        self
    }

    /// Uses this Redis server and starts none.
    #[must_use]
    pub fn redis_url(mut self, url: impl Into<String>) -> Self {
        self.redis = Place::Url(url.into());
        self
    }

    /// The port of the gateway's API; a free one otherwise, and for 0.
    #[must_use]
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = Some(port);
        self
    }

    /// How long everything together may take to be ready.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Is told what happens during the start, a line at a time.
    #[must_use]
    pub fn progress(mut self, progress: fn(&str)) -> Self {
        self.progress = progress;
        self
    }

    /// Takes the binaries from this folder.
    #[must_use]
    pub fn bins(mut self, bins: Bins) -> Self {
        self.bins = Some(bins);
        self
    }

    /// Starts all of it and waits until every service is ready.
    ///
    /// # Errors
    /// A binary or server is missing, a child died (its last log lines are in the message), or patience ran out (the
    /// message says who is not ready, and why).
    pub async fn start(mut self) -> Result<Mesh> {
        let bins = match self.bins.take() {
            Some(bins) => bins,
            None => Bins::beside_this()?,
        };
        bins.check(&self.services)?;
        let temporary = match &self.data {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("federation-").tempdir()?),
        };
        let names: Vec<String> = self.services.iter().map(ToString::to_string).collect();
        let services = self.services.clone();
        let setup = self.settle(bins, temporary.as_ref().map(tempfile::TempDir::path))?;
        let mut mesh = Mesh::new(setup, temporary)?;
        mesh.make_identities().await?;
        mesh.start_servers().await?;
        mesh.provision().await?;
        for name in &names {
            mesh.spawn_one(name)?;
        }
        mesh.wait_ready(&names).await?;
        if services.contains(&Service::Gateway) {
            let is_role = |service: &&Service| Service::ROLES.contains(service);
            let roles: Vec<String> = services.iter().filter(is_role).map(ToString::to_string).collect();
            mesh.wait_seen(&roles).await?;
        }
        Ok(mesh)
    }

    pub(crate) fn settle(self, bins: Bins, temporary: Option<&std::path::Path>) -> Result<Setup> {
        let folder = self.data.as_deref().or(temporary).unwrap_or_else(|| std::path::Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut ports = BTreeMap::new();
        let nats_url = self.nats.settle(Server::Nats, &mut ports)?;
        let redis_url = self.redis.settle(Server::Redis, &mut ports)?;
        let folder = folder.canonicalize()?;
        let own = ports.contains_key(Server::Nats.as_str()).then(|| folder.join("identities"));
        Ok(Setup {
            bins,
            identities: self.identities.or(own),
            folder,
            ports,
            nats_url,
            redis_url,
            http_port: self.http_port.filter(|port| *port != 0).map_or_else(port::free, Ok)?,
            patience: self.patience,
            progress: self.progress,
            policy: self.policy.map(|file| file.canonicalize().unwrap_or(file)),
            env: self.env,
            args: self.args,
            ways: self.ways,
        })
    }
}

impl Place {
    fn settle(self, server: Server, ports: &mut BTreeMap<&'static str, (Server, u16)>) -> Result<String> {
        let port = match self {
            Self::Url(url) => return Ok(url),
            Self::Port(port) => port,
            Self::Anywhere => port::free()?,
        };
        ports.insert(server.as_str(), (server, port));
        Ok(server.url(port))
    }
}
