//! A slot: one reader of its events, one clerk a portfolio. Sequential per portfolio, concurrent across portfolios.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::broker::Record;
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::rulings::Head;
use mesh::shutdown::Shutdown;
use mesh::streams::MeshConfig;
use proto::event::Event;
use proto::id::{PortfolioId, Sequence, Slot as Number};
use proto::ruling::{Position, Ruling};
use proto::subject::Stream;
use proto::wire::Message as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::bailiff::Bailiff;
use crate::clerk::{Clerk, Docketed};
use crate::metrics::Metrics;
use crate::round::Court;
use crate::terms::TermsBook;
use crate::timers::Timers;
use crate::watermark::Watermark;

/// Everything that the clerks of a slot share.
pub(crate) struct Slot {
    pub(crate) number: Number,
    pub(crate) nats: Nats,
    pub(crate) config: MeshConfig,
    pub(crate) terms: TermsBook,
    pub(crate) court: Court,
    pub(crate) bailiff: Bailiff,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
    pub(crate) condition: Condition,
    pub(crate) timers: Timers,
    pub(crate) queue_max: usize,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) watermark: Mutex<Watermark>,
}

/// The clerks of a slot at work.
struct Clerks {
    slot: Arc<Slot>,
    dockets: BTreeMap<PortfolioId, mpsc::Sender<Docketed>>,
    working: JoinSet<()>,
}

impl Slot {
    /// Works the slot until it has to go to another arbiter or shutdown is requested: takes up every portfolio from RULINGS, then rules what comes.
    ///
    /// # Errors
    /// The heads of the slot could not be read.
    pub(crate) async fn work(self: Arc<Self>) -> anyhow::Result<()> {
        // Whatever ends this work, the slot is then another's to be ready for.
        let _while_held = self.condition.passing();
        self.condition.open("reading RULINGS");
        let heads = self.heads().await?;
        if let Some(strange) = self.foreign(&heads) {
            return self.stand_still(&strange).await;
        }
        let through = heads.values().map(|head| head.ruling.position.through).max().unwrap_or_default();
        *self.watermark() = Watermark::new(through);
        self.metrics.void(self.number.0, heads.values().map(|head| head.void).sum());
        info!(slot = %self.number, portfolios = heads.len(), %through, "slot taken up");
        let mut clerks =
            Clerks { slot: Arc::clone(&self), dockets: BTreeMap::new(), working: JoinSet::new() };
        for (portfolio, head) in heads {
            self.announce_missing(&head.ruling).await;
            clerks.open(portfolio, Some(head));
        }
        self.condition.hold();
        let ended = tokio::select! {
            biased;
            ended = self.read(&mut clerks, through) => ended,
            () = self.timers.run(&self.nats, self.number, &self.shutdown) => Ok(()),
        };
        clerks.finish().await;
        match ended {
            Ok(()) => Ok(()),
            Err(replaced) => self.stand_still(&replaced.to_string()).await,
        }
    }

    /// Reads events and hands each to its portfolio's clerk; a full queue holds the reader back.
    async fn read(&self, clerks: &mut Clerks, through: Sequence) -> Result<(), mesh::reader::Replaced> {
        let stream = self.nats.subjects.stream(Stream::Events);
        let filter = self.nats.subjects.events_of_slot(self.number);
        let from = Sequence(through.0 + 1);
        let mut reader = Reader::new(&self.nats, stream, self.config.identity(Stream::Events), filter, from)
            .count_restarts(self.metrics.reader_restarts());
        loop {
            let Record { sequence, headers, payload, pending, .. } = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(()),
                read = reader.next() => read?,
            };
            let event = match Event::from_bytes(&payload) {
                Ok(event) => event,
                Err(failed) => {
                    // It cannot be ruled, and nobody else can make it readable: the watermark passes it.
                    error!(slot = %self.number, %sequence, "a message in EVENTS is no event: {failed}");
                    self.metrics.unreadable();
                    continue;
                }
            };
            let place = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(()),
                place = Arc::clone(&self.in_flight).acquire_owned() => place,
            };
            // The semaphore is never closed.
            let Ok(place) = place else { return Ok(()) };
            self.watermark().take(sequence);
            clerks.hand_over(Docketed { sequence, event, headers, place }).await;
            self.metrics.read(self.number.0, self.watermark().in_hand(), pending);
        }
    }

    /// Where an event stands, as its ruling says it.
    pub(crate) fn position(&self, sequence: Sequence) -> Position {
        Position {
            stream: self.config.identity(Stream::Events).to_owned(),
            sequence,
            through: self.watermark().through_with(sequence),
        }
    }

    /// An event is ruled, or was known.
    pub(crate) fn done(&self, sequence: Sequence) {
        self.watermark().done(sequence);
    }

    /// A portfolio cannot go on; the others do.
    pub(crate) fn halted(&self, portfolio: &PortfolioId, failed: &anyhow::Error) {
        self.condition.open(format!("portfolio {portfolio} halted: {failed:#}"));
    }

    /// Reads where every portfolio stands in the log; asks until there is an answer or shutdown is requested.
    async fn heads(&self) -> anyhow::Result<BTreeMap<PortfolioId, Head>> {
        let mut backoff = Backoff::usual();
        loop {
            let read = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(BTreeMap::new()),
                read = mesh::rulings::heads(&self.nats, self.number) => read,
            };
            match read {
                Ok(read) => {
                    for (subject, count) in &read.unreadable {
                        error!(subject, count, "messages in RULINGS that are no ruling; they count as void");
                    }
                    return Ok(read.heads);
                }
                Err(failed) => warn!(slot = %self.number, "RULINGS cannot be read: {failed:#}"),
            }
            backoff.wait().await;
        }
    }

    /// Republishes what a stop left out; asks until the leader answers or shutdown is requested.
    pub(crate) async fn announce_missing(&self, head: &Ruling) {
        let mut backoff = Backoff::usual();
        while let Err(failed) = self.bailiff.announce_missing(head).await {
            warn!(portfolio = %head.portfolio, "cannot tell which decisions are out: {failed:#}");
            tokio::select! { biased; () = self.shutdown.requested() => return, () = backoff.wait() => {} }
        }
    }

    /// Reads where one portfolio stands in the log; asks until there is an answer.
    pub(crate) async fn head(&self, portfolio: &PortfolioId) -> Option<Head> {
        let mut backoff = Backoff::usual();
        loop {
            match mesh::rulings::head(&self.nats, self.number, portfolio).await {
                Ok(head) => return head,
                Err(failed) => warn!(slot = %self.number, "RULINGS cannot be read: {failed:#}"),
            }
            backoff.wait().await;
        }
    }

    /// Rulings on another EVENTS than this one: its sequences mean nothing here.
    fn foreign(&self, heads: &BTreeMap<PortfolioId, Head>) -> Option<String> {
        let now = self.config.identity(Stream::Events);
        let head = heads.values().find(|head| head.ruling.position.stream != now)?;
        let Ruling { portfolio, position, .. } = &head.ruling;
        Some(format!(
            "EVENTS was made anew: {portfolio} was ruled on the one created at {}, this one was created at {now}",
            position.stream,
        ))
    }

    /// Does nothing until a person has looked at it: not ready, and says why.
    async fn stand_still(&self, why: &str) -> anyhow::Result<()> {
        error!(slot = %self.number, "the slot stands still: {why}");
        self.condition.open(why);
        self.shutdown.requested().await;
        Ok(())
    }

    fn watermark(&self) -> MutexGuard<'_, Watermark> {
        self.watermark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clerks {
    fn open(&mut self, portfolio: PortfolioId, head: Option<Head>) -> &mpsc::Sender<Docketed> {
        let (docket, queue) = mpsc::channel(self.slot.queue_max);
        let clerk = Clerk::new(Arc::clone(&self.slot), portfolio.clone(), head);
        self.working.spawn(clerk.work(queue));
        self.dockets.entry(portfolio).or_insert(docket)
    }

    async fn hand_over(&mut self, docketed: Docketed) {
        let portfolio = docketed.event.portfolio.clone();
        let docket = match self.dockets.get(&portfolio) {
            Some(docket) => docket.clone(),
            None => self.open(portfolio, None).clone(),
        };
        let halting = self.slot.shutdown.is_requested();
        if docket.send(docketed).await.is_err() && !halting {
            self.slot.shutdown.fail(anyhow::anyhow!("a clerk died"));
        }
    }

    /// Lets every clerk finish the event that it has in hand.
    async fn finish(mut self) {
        self.dockets.clear();
        while let Some(ended) = self.working.join_next().await {
            if let Err(failed) = ended {
                self.slot.shutdown.fail(anyhow::Error::from(failed).context("a clerk died"));
            }
        }
    }
}
