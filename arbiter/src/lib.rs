//! The arbiter: takes events in order per portfolio, asks the roles, rules, and appends the rulings. Its binary is [`work`]
//! and nothing else.

mod args;
mod bailiff;
mod bench;
mod clerk;
mod metrics;
mod round;
mod slot;
mod terms;
mod timers;
mod watermark;

use std::sync::Arc;

use mesh::Node;
use mesh::roster::Roster;
use tokio::sync::Semaphore;

use crate::bailiff::Bailiff;
use crate::bench::Bench;
use crate::metrics::Metrics;
use crate::round::Court;
use crate::slot::Slot;
use crate::terms::TermsBook;

pub use crate::args::Args;

/// Works every slot until shutdown is requested.
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
        bench: Bench::open(&node.nats, seats.into_keys(), &args.round, &node.shutdown),
        roster: Roster::watch(&node.nats, &config, &node.shutdown).await?,
        args: args.round.clone(),
        metrics: metrics.clone(),
    };
    for number in config.slots.all() {
        let slot = Slot {
            number,
            nats: node.nats.clone(),
            config: config.clone(),
            terms: terms.clone(),
            court: court.clone(),
            bailiff: Bailiff { nats: node.nats.clone(), metrics: metrics.clone() },
            metrics: metrics.clone(),
            shutdown: node.shutdown.clone(),
            condition: node.admin.condition(format!("slot {number}")),
            timers: timers::Timers::default(),
            queue_max: args.round.queue_max(),
            in_flight: Arc::new(Semaphore::new(args.round.in_flight_max())),
            watermark: std::sync::Mutex::default(),
        };
        node.shutdown.spawn(format!("slot {number}"), Arc::new(slot).work());
    }
    node.ready.hold();
    node.shutdown.requested().await;
    Ok(())
}
