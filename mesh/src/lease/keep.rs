//! Keeping leases: carries out what the holder orders, and runs the work of what is held.

use std::collections::BTreeMap;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _, poll_fn};
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::bucket::Bucket;
use super::holder::{Holder, Order, TRIES_IN_A_LIFE, WRITES_IN_A_LIFE, Write, Written};
use super::metrics::Metrics;
use super::{Group, Lease, Replica};
use crate::Node;
use crate::admin::{Admin, Condition};
use crate::broker::Record;
use crate::crash::{self, Step};
use crate::reader::Reader;
use crate::shutdown::Shutdown;
use crate::streams::MeshConfig;

/// What the name of the condition and of the detail is.
const LEASES: &str = "leases";

/// The work of one lease, as long as it is held.
pub(super) type Work = BoxFuture<'static, anyhow::Result<()>>;

/// Takes, keeps and gives back the leases of a group, and runs the work of those that are held.
pub(super) struct Keeper<W> {
    work: W,
    bucket: Bucket,
    reader: Reader,
    holder: Holder,
    works: BTreeMap<Lease, Running>,
    writes: FuturesUnordered<BoxFuture<'static, Done>>,
    /// How long a write may take.
    patience: Duration,
    began: Instant,
    shutdown: Shutdown,
    admin: Admin,
    ready: Condition,
    metrics: Metrics,
}

struct Running {
    shutdown: Shutdown,
    task: AbortOnDropHandle<anyhow::Result<()>>,
}

/// What became of a write that began then.
struct Done {
    write: Write,
    began: Duration,
    written: Written,
}

impl<W> Keeper<W>
where
    W: FnMut(&Lease, Shutdown) -> Work + Send,
{
    pub(super) fn new(node: &Node, config: &MeshConfig, group: Group, work: W) -> Self {
        let me = Replica::named(&format!("{}-{}", node.service, node.nats.broker.unique()));
        let bucket = Bucket::new(&node.nats, group.name, me.clone());
        let ttl = config.lease_ttl();
        Self {
            work,
            reader: bucket.reader(config),
            bucket,
            metrics: Metrics::registered(&node.admin, &group.leases),
            holder: Holder::new(me, group.leases, ttl),
            works: BTreeMap::new(),
            writes: FuturesUnordered::new(),
            patience: ttl / WRITES_IN_A_LIFE,
            began: Instant::now(),
            shutdown: node.shutdown.clone(),
            admin: node.admin.clone(),
            ready: node.admin.condition(LEASES),
        }
    }

    /// Keeps leases until shutdown is requested, and then gives them back.
    ///
    /// # Errors
    /// The bucket was made anew, or some work failed.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut tick = interval(self.patience * WRITES_IN_A_LIFE / TRIES_IN_A_LIFE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        let mut leaving = false;
        while !self.holder.has_left() {
            let orders = tokio::select! {
                biased;
                () = shutdown.requested(), if !leaving => {
                    leaving = true;
                    self.holder.leave(self.began.elapsed())
                }
                Some(done) = self.writes.next() => {
                    self.holder.wrote(&done.write, done.written, done.began, self.began.elapsed())
                }
                (lease, ended) = next_end(&mut self.works) => self.ended(&lease, ended)?,
                record = self.reader.next() => self.see(&record?),
                _ = tick.tick() => self.holder.due(self.began.elapsed()),
            };
            self.obey(orders).await;
            self.tell(leaving);
        }
        Ok(())
    }

    fn see(&mut self, record: &Record) -> Vec<Order> {
        let Some(note) = self.bucket.note(record) else {
            warn!(subject = record.subject, "unreadable key among the leases; ignored");
            return Vec::new();
        };
        self.holder.see(note, record.sequence, self.began.elapsed())
    }

    async fn obey(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Write(write) => self.write(write),
                Order::Begin(lease) => self.begin(lease),
                Order::Finish(lease) => {
                    debug!(%lease, "giving back a lease");
                    if let Some(running) = self.works.get(&lease) {
                        running.shutdown.request();
                    }
                }
                Order::Drop(lease) => {
                    warn!(%lease, "a lease is lost: its work ends at once");
                    self.metrics.lost();
                    self.end(&lease).await;
                }
            }
        }
    }

    fn write(&self, write: Write) {
        let (bucket, patience, began) = (self.bucket.clone(), self.patience, self.began.elapsed());
        self.writes.push(
            async move {
                let written = bucket.write(&write, patience).await;
                Done { write, began, written }
            }
            .boxed(),
        );
    }

    fn begin(&mut self, lease: Lease) {
        info!(%lease, "lease taken");
        crash::at(Step::LeaseTaken);
        let shutdown = self.shutdown.child();
        let task = AbortOnDropHandle::new(tokio::spawn((self.work)(&lease, shutdown.clone())));
        self.works.insert(lease, Running { shutdown, task });
    }

    /// Ends work where it stands; the next holder's may begin.
    async fn end(&mut self, lease: &Lease) {
        let Some(Running { shutdown, task }) = self.works.remove(lease) else { return };
        shutdown.kill();
        task.abort();
        // It was told to end, so how it ended is no news.
        let _ = task.await;
    }

    /// Work has ended: in order, when it was told to.
    fn ended(&mut self, lease: &Lease, ended: anyhow::Result<()>) -> anyhow::Result<Vec<Order>> {
        let told = self.works.remove(lease).is_some_and(|running| running.shutdown.is_requested());
        ended.with_context(|| format!("the work of lease {lease} failed"))?;
        if !told {
            bail!("the work of lease {lease} ended by itself");
        }
        crash::at(Step::LeaseWorkEnded);
        info!(%lease, "lease given back");
        Ok(self.holder.finished(lease, self.began.elapsed()))
    }

    fn tell(&self, leaving: bool) {
        let held: Vec<&str> = self.holder.held().map(Lease::as_str).collect();
        let none = "none";
        self.admin.tell(LEASES, if held.is_empty() { none.to_owned() } else { held.join(" ") });
        self.metrics.tell(&held, self.holder.replicas());
        if leaving || self.holder.is_informed() {
            self.ready.hold();
        } else {
            self.ready.open("who holds what is not known");
        }
    }
}

/// The next work that ends.
async fn next_end(works: &mut BTreeMap<Lease, Running>) -> (Lease, anyhow::Result<()>) {
    poll_fn(|context| {
        for (lease, running) in works.iter_mut() {
            if let Poll::Ready(ended) = running.task.poll_unpin(context) {
                let ended = ended.unwrap_or_else(|failed| Err(failed.into()));
                return Poll::Ready((lease.clone(), ended));
            }
        }
        Poll::Pending
    })
    .await
}
