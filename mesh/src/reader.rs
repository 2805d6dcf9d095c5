//! Reading a stream in order, for ever: lost heartbeats, lost consumers and moved leaders are overcome here.

use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use prometheus_client::metrics::counter::Counter;
use proto::id::Sequence;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::broker::Record;
use crate::nats::{LOOK_TIMEOUT, Nats};
use crate::planted::{self, Bug};
use crate::streams;

/// How often a quiet reader looks whether the connection is another one.
const GLANCE: Duration = Duration::from_secs(1);
/// After this many quiet glances the leader is asked whether there is a message: a consumer can die silently, as one does
/// that another server of the cluster kept and took with it.
const GLANCES: u32 = 3;
/// How long making a consumer may take before it is tried anew.
const OPENING: Duration = Duration::from_secs(10);

/// A reader of one stream, in order, without gaps but for messages that the stream's limits removed.
pub struct Reader {
    source: Source,
    next: Sequence,
    phase: Phase,
    /// How often the client had connected when the consumer was made.
    connects: u64,
    /// When is looked next whether anything can still come. It stands here because whoever reads may give up waiting
    /// again and again, sooner than that.
    glance_at: Instant,
    quiet: u32,
    backoff: Backoff,
    restarts: Counter,
}

/// Where reading is. What is under way goes on where it was when nobody waits for it for a while.
enum Phase {
    Closed,
    Opening(BoxFuture<'static, anyhow::Result<Opened>>),
    Open(Records),
}

/// The messages as they come.
type Records = BoxStream<'static, anyhow::Result<Record>>;

/// A consumer, and the identity of the stream that it was made on.
struct Opened {
    identity: String,
    records: Records,
}

/// What is read.
#[derive(Debug, Clone)]
struct Source {
    nats: Nats,
    stream: String,
    filter: String,
    identity: String,
}

/// The stream is not the one that was read before: its sequences begin anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} was made anew: it was created at {now}, and what was read before at {before}")]
pub struct Replaced {
    stream: String,
    before: String,
    now: String,
}

impl Reader {
    /// Reads the messages of `filter` from the sequence `from` on. `identity` is the stream's, as
    /// [`streams::check`] found it.
    pub fn new(
        nats: &Nats,
        stream: impl Into<String>,
        identity: &str,
        filter: impl Into<String>,
        from: Sequence,
    ) -> Self {
        let (stream, filter, identity) = (stream.into(), filter.into(), identity.to_owned());
        Self {
            source: Source { nats: nats.clone(), stream, filter, identity },
            next: Sequence(from.0.max(1)),
            phase: Phase::Closed,
            connects: 0,
            glance_at: Instant::now() + GLANCE,
            quiet: 0,
            backoff: Backoff::usual(),
            restarts: Counter::default(),
        }
    }

    /// The first sequence that was not read yet.
    pub const fn position(&self) -> Sequence {
        self.next
    }

    /// Counts there how often reading has to begin anew.
    #[must_use]
    pub fn count_restarts(mut self, restarts: &Counter) -> Self {
        self.restarts = restarts.clone();
        self
    }

    /// The next message; waits for it. Can be dropped and called again without losing any.
    ///
    /// # Errors
    /// Only when the stream was made anew; everything else is retried for ever.
    pub async fn next(&mut self) -> Result<Record, Replaced> {
        loop {
            match &mut self.phase {
                Phase::Closed => self.open(Duration::ZERO),
                Phase::Opening(opening) => {
                    let opened = opening.await;
                    self.opened(opened)?;
                }
                Phase::Open(records) => match timeout_at(self.glance_at, records.next()).await {
                    Ok(Some(Ok(record))) => {
                        if self.take(&record) {
                            return Ok(record);
                        }
                    }
                    Ok(Some(Err(failed))) => self.restart(&failed.to_string()),
                    Ok(None) => self.restart("the consumer ended"),
                    Err(_) => self.glance().await,
                },
            }
        }
    }

    /// A consumer that was made anew before it had delivered anything begins at the stream's first message: what is
    /// below our position was read before.
    fn take(&mut self, record: &Record) -> bool {
        self.backoff.reset();
        self.quiet = 0;
        self.glance_at = Instant::now() + GLANCE;
        let is_next = record.sequence >= self.next;
        if is_next {
            self.next = Sequence(record.sequence.0 + 1);
        }
        is_next
    }

    fn restart(&mut self, why: &str) {
        warn!(stream = self.source.stream, filter = self.source.filter, next = %self.next, "reading anew: {why}");
        self.restarts.inc();
        self.phase = Phase::Closed;
    }

    /// Nothing came for a while: is there nothing, or does the consumer not deliver?
    async fn glance(&mut self) {
        self.glance_at = Instant::now() + GLANCE;
        self.quiet += 1;
        if self.source.connects() != self.connects {
            // A server that was restarted has forgotten the consumer, and says so only after missed heartbeats.
            self.restart("the connection is another one");
            return;
        }
        if self.quiet < GLANCES {
            return;
        }
        match self.source.clone().look().await {
            // The client makes a consumer that was lost anew by itself, on whatever stream has the name then.
            Ok((identity, _)) if identity != self.source.identity => {
                self.restart("the stream is another one");
            }
            Ok((_, Some(last))) if last >= self.next => self.restart("there are messages that do not come"),
            Ok(_) => self.quiet = 0,
            Err(failed) => debug!(stream = self.source.stream, "cannot ask for the last message: {failed:#}"),
        }
    }

    /// Makes a consumer after a pause.
    fn open(&mut self, pause: Duration) {
        self.connects = self.source.connects();
        self.phase = Phase::Opening(self.source.clone().open(self.next, pause).boxed());
    }

    fn opened(&mut self, opened: anyhow::Result<Opened>) -> Result<(), Replaced> {
        match opened {
            Ok(Opened { identity: now, .. }) if now != self.source.identity => {
                self.phase = Phase::Closed;
                let Source { stream, identity: before, .. } = self.source.clone();
                Err(Replaced { stream, before, now })
            }
            Ok(Opened { records, .. }) => {
                self.glance_at = Instant::now() + GLANCE;
                self.quiet = 0;
                self.phase = Phase::Open(records);
                Ok(())
            }
            Err(failed) => {
                warn!(stream = self.source.stream, "cannot read yet: {failed:#}");
                let pause = self.backoff.step();
                self.open(pause);
                Ok(())
            }
        }
    }
}

impl Source {
    fn connects(&self) -> u64 {
        self.nats.broker.connects()
    }

    /// The stream's identity, and its last message that is wanted.
    async fn look(&self) -> anyhow::Result<(String, Option<Sequence>)> {
        let looked = timeout(LOOK_TIMEOUT, async {
            let identity = streams::describe(&self.nats, &self.stream).await?.created;
            let last = self.nats.broker.last(&self.stream, &self.filter).await?;
            anyhow::Ok((identity, last.map(|record| record.sequence)))
        });
        looked.await.with_context(|| format!("no answer within {LOOK_TIMEOUT:?}"))?
    }

    async fn open(self, from: Sequence, pause: Duration) -> anyhow::Result<Opened> {
        sleep(pause).await;
        let opened = timeout(OPENING, async {
            let described = streams::describe(&self.nats, &self.stream).await?;
            let identity = described.created;
            let of_the_broker = planted::is(Bug::PositionOfTheBroker);
            let from = if of_the_broker { Sequence(described.state.last_sequence + 1) } else { from };
            let reading = self.nats.broker.read(&self.stream, &self.filter, from).await?;
            anyhow::Ok(Opened { identity, records: reading.records })
        });
        opened.await.with_context(|| format!("no answer within {OPENING:?}"))?
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("source", &self.source)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
