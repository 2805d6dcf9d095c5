//! The arbiter: takes events in order per portfolio, asks the roles, rules, and appends the rulings. Its binary is [`work`]
//! and nothing else.

mod args;
mod bailiff;
mod bench;
mod breaker;
mod circuit;
mod clerk;
mod docket;
mod metrics;
mod round;
mod slot;
mod terms;
mod timers;
pub mod watermark;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use futures::FutureExt as _;
use mesh::Node;
use mesh::lease::{Group, Lease};
use mesh::roster::Roster;
use mesh::shutdown::Shutdown;
use mesh::streams::MeshConfig;
use proto::id::Slot as SlotNumber;
use tokio::sync::Semaphore;

use crate::args::RoundArgs;
use crate::bailiff::Bailiff;
use crate::bench::Bench;
use crate::metrics::Metrics;
use crate::round::Court;
use crate::slot::Slot;
use crate::terms::TermsBook;
use crate::timers::Timers;

pub use crate::args::Args;

/// Shares the slots with all other arbiters, and works those that it holds, until shutdown is requested.
///
/// # Errors
/// Something that it cannot start with.
pub async fn work(args: Args, node: Node) -> anyhow::Result<()> {
    let config = tokio::select! {
        biased;
        () = node.shutdown.requested() => return Ok(()),
        checked = mesh::streams::check(&node.nats) => checked?,
    };
    let metrics = Metrics::registered(&node.admin);
    let terms = TermsBook::read(&node.policy)?;
    let seats = terms.common().seats;
    let court = Court {
        bench: Bench::open(&node.nats, seats.into_keys(), &args.round, &metrics, &node.shutdown),
        roster: Roster::watch(&node.nats, &config, &node.shutdown).await?,
        args: args.round.clone(),
        metrics: metrics.clone(),
    };
    let slots: BTreeMap<Lease, SlotNumber> =
        config.slots.all().map(|number| (Lease::named(&format!("slot-{number}")), number)).collect();
    let group = Group { name: "arbiter", leases: slots.keys().cloned().collect() };
    let all = Slots { node: node.clone(), config: config.clone(), terms, court, metrics, args: args.round };
    let all = Arc::new(all);
    mesh::lease::share(&node, &config, group, args.leases, move |lease, shutdown| {
        let (all, number) = (Arc::clone(&all), slots.get(lease).copied());
        async move { all.work(number.context("a lease of no slot")?, shutdown).await }.boxed()
    });
    node.ready.hold();
    node.shutdown.requested().await;
    Ok(())
}

/// What every slot is opened with.
struct Slots {
    node: Node,
    config: MeshConfig,
    terms: TermsBook,
    court: Court,
    metrics: Metrics,
    args: RoundArgs,
}

impl Slots {
    /// Works a slot; goes on by itself when an EVENTS that was made anew is accepted.
    async fn work(&self, number: SlotNumber, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut config = self.config.clone();
        while let Some(accepted) = self.open(number, config, shutdown.clone()).work().await? {
            config = accepted;
        }
        Ok(())
    }

    /// A slot that knows nothing yet: whatever was known when it was held before is read again.
    fn open(&self, number: SlotNumber, config: MeshConfig, shutdown: Shutdown) -> Arc<Slot> {
        let nats = self.node.nats.clone();
        Arc::new(Slot {
            number,
            config,
            terms: self.terms.clone(),
            court: self.court.clone(),
            bailiff: Bailiff {
                nats: nats.clone(),
                metrics: self.metrics.clone(),
                is_replicated: self.config.replicas > 1,
            },
            nats,
            metrics: self.metrics.clone(),
            shutdown,
            condition: self.node.admin.condition(format!("slot {number}")),
            timers: Timers::default(),
            queue_max: self.args.queue_max(),
            in_flight: Arc::new(Semaphore::new(self.args.in_flight_max())),
            watermark: Mutex::default(),
            halted: Mutex::default(),
        })
    }
}
