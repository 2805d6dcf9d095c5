//! A slot: one reader of its events, one clerk a portfolio. Sequential per portfolio, concurrent across portfolios: one
//! that falls behind is parked, and its clerk catches up by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::broker::Record;
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::rulings::{Damage, Head, Heads};
use mesh::shutdown::Shutdown;
use mesh::streams::MeshConfig;
use proto::event::Event;
use proto::id::{PortfolioId, Sequence, Slot as Number};
use proto::ruling::{Position, Ruling};
use proto::subject::Stream;
use proto::wire::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::bailiff::Bailiff;
use crate::clerk::Clerk;
use crate::docket::{Docket, Docketed, Handed};
use crate::metrics::Metrics;
use crate::round::Court;
use crate::terms::TermsBook;
use crate::timers::Timers;
use crate::watermark::Watermark;

/// How often a slot that stands still looks whether it may go on.
const LOOK: Duration = Duration::from_secs(1);
/// How long the reader waits for a place before a portfolio with events that wait is parked to make room.
const PLACE_PATIENCE: Duration = Duration::from_millis(100);

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
    /// The portfolios that cannot go on, and why.
    pub(crate) halted: Mutex<BTreeMap<PortfolioId, String>>,
}

/// The clerks of a slot at work.
struct Clerks {
    slot: Arc<Slot>,
    dockets: BTreeMap<PortfolioId, Arc<Docket>>,
    working: JoinSet<()>,
}

impl Slot {
    /// Works the slot until it has to go to another arbiter or shutdown is requested: takes up every portfolio from
    /// RULINGS, then rules what comes. What is returned, if anything, is the mesh in which the slot goes on.
    ///
    /// # Errors
    /// The heads of the slot could not be read.
    pub(crate) async fn work(self: Arc<Self>) -> anyhow::Result<Option<MeshConfig>> {
        // Whatever ends this work, the slot is then another's to be ready for.
        let _while_held = self.condition.passing();
        self.condition.open("reading RULINGS");
        let Heads { heads, damaged, .. } = self.heads().await?;
        crash::at(Step::HeadsRead);
        if let Some(Ruling { portfolio, position, .. }) = self.foreign(&heads) {
            let why = format!("EVENTS was made anew: {portfolio} was ruled on another");
            return self.stand_still(&why, &position.stream).await;
        }
        // What was ruled on an EVENTS that this one stands for says nothing of how far this one is ruled.
        let here = heads.values().map(|head| &head.ruling.position).filter(|position| self.is_here(position));
        let through = here.map(|position| position.through).max().unwrap_or_default();
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
        damaged.into_iter().for_each(|(portfolio, damage)| clerks.halt(portfolio, &damage.into()));
        let ended = tokio::select! {
            biased;
            ended = self.read(&mut clerks, through) => ended,
            () = self.timers.run(&self.nats, self.number, &self.shutdown) => Ok(()),
        };
        clerks.finish().await;
        match ended {
            Ok(()) => Ok(None),
            Err(replaced) => {
                self.stand_still(&replaced.to_string(), self.config.identity(Stream::Events)).await
            }
        }
    }

    /// Reads events and hands each to its portfolio's clerk.
    async fn read(&self, clerks: &mut Clerks, through: Sequence) -> Result<(), mesh::reader::Replaced> {
        let stream = self.nats.subjects.stream(Stream::Events);
        let filter = self.nats.subjects.events_of_slot(self.number);
        let from = Sequence(through.0 + 1);
        let mut reader = Reader::new(&self.nats, stream, self.config.identity(Stream::Events), filter, from)
            .count_restarts(self.metrics.reader_restarts());
        loop {
            let record = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(()),
                Some(ended) = clerks.working.join_next() => {
                    clerks.look_at(ended);
                    continue;
                }
                read = reader.next() => read?,
            };
            crash::at(Step::EventRead);
            let Some(event) = self.event(&record) else { continue };
            let place = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(()),
                place = clerks.place() => place,
            };
            let Record { sequence, headers, pending, .. } = record;
            clerks.hand_over(Docketed { sequence, event, headers, place });
            crash::at(Step::EventDocketed);
            self.metrics.read(self.number.0, self.watermark().in_hand(), pending);
        }
    }

    /// The event of a message; none when it is none. Nobody can make it one, so the watermark passes it.
    pub(crate) fn event(&self, record: &Record) -> Option<Event> {
        match Event::from_bytes(&record.payload) {
            Ok(event) => Some(event),
            Err(failed) => {
                let sequence = record.sequence;
                error!(slot = %self.number, %sequence, "a message in EVENTS is no event: {failed}");
                self.metrics.unreadable();
                None
            }
        }
    }

    /// Reads the events of one portfolio.
    pub(crate) fn events_of(&self, portfolio: &PortfolioId, from: Sequence) -> Reader {
        let stream = self.nats.subjects.stream(Stream::Events);
        let filter = self.nats.subjects.events_of(portfolio);
        Reader::new(&self.nats, stream, self.config.identity(Stream::Events), filter, from)
            .count_restarts(self.metrics.reader_restarts())
    }

    /// Whether EVENTS has let this message go.
    pub(crate) async fn is_gone(&self, sequence: Sequence) -> anyhow::Result<bool> {
        let stream = self.nats.subjects.stream(Stream::Events);
        let state = mesh::streams::describe(&self.nats, &stream).await?.state;
        Ok(state.first_sequence > sequence.0)
    }

    /// Where an event stands, as its ruling says it.
    pub(crate) fn position(&self, sequence: Sequence) -> Position {
        Position {
            stream: self.config.identity(Stream::Events).to_owned(),
            sequence,
            through: self.watermark().through_with(sequence),
        }
    }

    /// An event is in hand, or is the first of those that its clerk has still to read.
    pub(crate) fn take(&self, sequence: Sequence) {
        self.watermark().take(sequence);
    }

    /// An event is ruled, or was known.
    pub(crate) fn done(&self, sequence: Sequence) {
        self.watermark().done(sequence);
    }

    /// A portfolio cannot go on; the others do.
    pub(crate) fn halted(&self, portfolio: &PortfolioId, failed: &anyhow::Error) {
        self.metrics.halted(portfolio);
        let mut halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        halted.insert(portfolio.clone(), format!("portfolio {portfolio} halted: {failed:#}"));
        let all: Vec<&str> = halted.values().map(String::as_str).collect();
        self.condition.open(all.join("; "));
    }

    /// Reads where every portfolio stands in the log; asks until there is an answer or shutdown is requested.
    async fn heads(&self) -> anyhow::Result<Heads> {
        let mut backoff = Backoff::usual();
        loop {
            let read = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(Heads::default()),
                read = mesh::rulings::heads(&self.nats, self.number) => read,
            };
            match read {
                Ok(read) => {
                    for (subject, count) in &read.unreadable {
                        error!(subject, count, "messages in RULINGS that are no ruling; they count as void");
                    }
                    return Ok(read);
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
    ///
    /// # Errors
    /// Its rulings are damaged.
    pub(crate) async fn head(&self, portfolio: &PortfolioId) -> anyhow::Result<Option<Head>> {
        let mut backoff = Backoff::usual();
        loop {
            match mesh::rulings::head(&self.nats, self.number, portfolio).await {
                Ok(head) => return Ok(head),
                Err(damaged) if damaged.is::<Damage>() => return Err(damaged),
                Err(failed) => warn!(slot = %self.number, "RULINGS cannot be read: {failed:#}"),
            }
            backoff.wait().await;
        }
    }

    /// A ruling on another EVENTS than this one, which nobody has accepted for it: its sequences mean nothing here.
    fn foreign<'h>(&self, heads: &'h BTreeMap<PortfolioId, Head>) -> Option<&'h Ruling> {
        let mut rulings = heads.values().map(|head| &head.ruling);
        rulings.find(|ruling| !self.config.stands_for(Stream::Events, &ruling.position.stream))
    }

    /// Whether this is a place in the EVENTS that is there now.
    pub(crate) fn is_here(&self, position: &Position) -> bool {
        position.stream == self.config.identity(Stream::Events)
    }

    /// Does nothing until a person has looked at it: not ready, and says why and what to do. The mesh in which the slot goes
    /// on, once EVENTS was accepted for the one of this identity; none when the slot goes to another or shutdown is requested.
    async fn stand_still(&self, why: &str, identity: &str) -> anyhow::Result<Option<MeshConfig>> {
        let told = format!(
            "{why}. A person has to look, and lets it go on with federation-provision --accept-new EVENTS={identity} --by NAME"
        );
        error!(slot = %self.number, "the slot stands still: {told}");
        self.condition.open(told);
        loop {
            let checked = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(None),
                checked = async { sleep(LOOK).await; mesh::streams::check(&self.nats).await } => checked?,
            };
            let Some(gone) = checked.predecessor(Stream::Events, identity) else { continue };
            let slots = (self.config.slots, checked.slots);
            ensure!(slots.0 == slots.1, "EVENTS has {} slots now, and had {}", slots.1, slots.0);
            warn!(slot = %self.number, identity, by = gone.by, at = %gone.accepted_at, "EVENTS was accepted: going on");
            return Ok(Some(checked));
        }
    }

    fn watermark(&self) -> MutexGuard<'_, Watermark> {
        self.watermark.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clerks {
    fn open(&mut self, portfolio: PortfolioId, head: Option<Head>) -> Arc<Docket> {
        let docket = Arc::new(Docket::default());
        let clerk = Clerk::new(Arc::clone(&self.slot), portfolio.clone(), head);
        self.working.spawn(clerk.work(Arc::clone(&docket)));
        self.dockets.insert(portfolio, Arc::clone(&docket));
        docket
    }

    /// A portfolio that cannot be taken up: its events stay open, and the others go on.
    fn halt(&mut self, portfolio: PortfolioId, failed: &anyhow::Error) {
        error!(%portfolio, "this portfolio halts: {failed:#}");
        self.slot.halted(&portfolio, failed);
        self.dockets.insert(portfolio, Arc::new(Docket::halted()));
    }

    /// A place for one more event. Where none comes free in time, the portfolio with the most that waits is parked: it may
    /// be one that cannot go on, and the others must.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let place = Arc::clone(&self.slot.in_flight).acquire_owned();
            if let Ok(place) = tokio::time::timeout(PLACE_PATIENCE, place).await {
                // The semaphore is never closed.
                return place.ok();
            }
            let Some((portfolio, docket)) = self.dockets.iter().max_by_key(|(_, docket)| docket.len()) else {
                continue;
            };
            let dropped = docket.park(|sequence| self.slot.done(sequence));
            if dropped > 0 {
                info!(%portfolio, dropped, "parked: too much is in hand");
            }
        }
    }

    fn hand_over(&mut self, docketed: Docketed) {
        let (portfolio, sequence) = (docketed.event.portfolio.clone(), docketed.sequence);
        let docket = self.dockets.get(&portfolio).cloned();
        let docket = docket.unwrap_or_else(|| self.open(portfolio.clone(), None));
        match docket.hand_over(docketed, self.slot.queue_max, |sequence| self.slot.take(sequence)) {
            Handed::Waits | Handed::Dropped => {}
            Handed::Parks => info!(%portfolio, %sequence, "parked: it is behind and catches up by itself"),
        }
    }

    /// A clerk ends before the slot does when its portfolio halts; one that died ends the process.
    fn look_at(&self, ended: Result<(), JoinError>) {
        if let Err(failed) = ended {
            self.slot.shutdown.fail(anyhow::Error::from(failed).context("a clerk died"));
        }
    }

    /// Lets every clerk finish the event that it has in hand.
    async fn finish(mut self) {
        self.dockets.values().for_each(|docket| docket.close());
        while let Some(ended) = self.working.join_next().await {
            self.look_at(ended);
        }
    }
}

impl Drop for Clerks {
    /// What was shown of the slot is another arbiter's to show.
    fn drop(&mut self) {
        self.slot.metrics.left(self.slot.number.0, self.dockets.keys());
    }
}
