//! A process of the mesh: its own connection, its own tasks, and an end at any moment.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use mesh::Node;
use mesh::admin::Admin;
use mesh::clock::Clock;
use mesh::nats::Nats;
use mesh::policy::PolicyFile;
use mesh::shutdown::Shutdown;
use proto::subject::Subjects;
use tokio::task::JoinHandle;

use crate::broker::{Bus, Handle, Link};

/// How long a process may take to end in order.
const GRACE: Duration = Duration::from_secs(10);

/// A running process.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) link: Arc<Link>,
    pub(crate) node: Node,
    main: JoinHandle<anyhow::Result<()>>,
}

/// What every process of a simulated mesh is given.
#[derive(Clone)]
pub(crate) struct Habitat {
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) policy: &'static str,
}

impl Habitat {
    /// All that a service is given, over a connection of its own.
    pub(crate) fn node(&self, service: &'static str, link: &Arc<Link>) -> Node {
        let admin = Admin::new();
        Node {
            service,
            nats: self.nats(link),
            policy: PolicyFile::from_text(self.policy).unwrap(),
            shutdown: Shutdown::new(),
            ready: admin.condition("start"),
            admin,
        }
    }

    pub(crate) fn nats(&self, link: &Arc<Link>) -> Nats {
        let broker = Arc::new(Handle(Arc::clone(link)));
        Nats { broker, subjects: Subjects::default(), clock: self.clock }
    }

    /// Starts an arbiter.
    pub(crate) fn arbiter(&self, name: String, leases: &str) -> Process {
        let link = self.bus.link(&name);
        let node = self.node("arbiter", &link);
        let args = arbiter::Args::parse_from(["federation-arbiter", "--leases", leases]);
        self.bus.note(&format!("start {name}"));
        let main = tokio::spawn(arbiter::work(args, node.clone()));
        Process { name, link, node, main }
    }
}

impl Process {
    /// Ends it where it stands.
    pub(crate) fn kill(self, bus: &Bus) {
        bus.note(&format!("kill {}", self.name));
        self.link.end();
        self.node.shutdown.kill();
        self.main.abort();
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let ended = self.node.shutdown.finish(GRACE).await;
        self.link.end();
        self.main.abort();
        ended.map_err(|failed| format!("{} did not end in order: {failed:#}", self.name))
    }

    /// Why it is not ready, where it is not.
    pub(crate) fn complaints(&self) -> Vec<String> {
        complaints(&self.name, &self.node)
    }

    /// It ended although nobody asked it to.
    pub(crate) fn has_failed(&self) -> bool {
        self.main.is_finished() || self.node.shutdown.is_requested()
    }
}

/// What a process tells of itself in `/readyz`.
pub(crate) fn complaints(name: &str, node: &Node) -> Vec<String> {
    let open = node.admin.open_conditions();
    open.iter().map(|(what, why)| format!("{name}: {what}: {why}")).collect()
}
