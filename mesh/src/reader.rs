//! Reading a stream in order, for ever: lost heartbeats, lost consumers and moved leaders are overcome here.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use prometheus_client::metrics::counter::Counter;
use proto::id::Sequence;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::broker::Record;
use crate::nats::Nats;
use crate::streams;

/// How often a quiet reader looks whether the connection is another one.
const GLANCE: Duration = Duration::from_secs(1);
/// After this many quiet glances the leader is asked whether there is a message: a consumer can die silently.
const GLANCES: u32 = 10;
/// How long making a consumer may take before it is tried anew.
const OPENING: Duration = Duration::from_secs(10);

/// A reader of one stream, in order, without gaps but for messages that the stream's limits removed.
pub struct Reader {
    source: Source,
    next: Sequence,
    records: Option<BoxStream<'static, anyhow::Result<Record>>>,
    /// How often the client had connected when the consumer was made.
    connects: u64,
    quiet: u32,
    backoff: Backoff,
    restarts: Counter,
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
            records: None,
            connects: 0,
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
            let Some(records) = &mut self.records else {
                self.reopen().await?;
                continue;
            };
            match timeout(GLANCE, records.next()).await {
                Ok(Some(Ok(record))) => {
                    if self.take(&record) {
                        return Ok(record);
                    }
                }
                Ok(Some(Err(failed))) => self.restart(&failed.to_string()),
                Ok(None) => self.restart("the consumer ended"),
                Err(_) => self.glance().await,
            }
        }
    }

    /// A consumer that was made anew before it had delivered anything begins at the stream's first message: what is
    /// below our position was read before.
    fn take(&mut self, record: &Record) -> bool {
        self.backoff.reset();
        self.quiet = 0;
        let is_next = record.sequence >= self.next;
        if is_next {
            self.next = Sequence(record.sequence.0 + 1);
        }
        is_next
    }

    fn restart(&mut self, why: &str) {
        warn!(stream = self.source.stream, filter = self.source.filter, next = %self.next, "reading anew: {why}");
        self.restarts.inc();
        self.records = None;
    }

    /// Nothing came for a while: is there nothing, or does the consumer not deliver?
    async fn glance(&mut self) {
        self.quiet += 1;
        if self.source.connects() != self.connects {
            // A server that was restarted has forgotten the consumer, and says so only after missed heartbeats.
            self.restart("the connection is another one");
            return;
        }
        if self.quiet < GLANCES {
            return;
        }
        self.quiet = 0;
        match self.source.clone().last().await {
            Ok(Some(last)) if last >= self.next => self.restart("there are messages that do not come"),
            Ok(_) => {}
            Err(failed) => debug!(stream = self.source.stream, "cannot ask for the last message: {failed:#}"),
        }
    }

    async fn reopen(&mut self) -> Result<(), Replaced> {
        let source = self.source.clone();
        self.connects = source.connects();
        match timeout(OPENING, source.open(self.next)).await {
            Ok(Ok((now, _))) if now != source.identity => {
                return Err(Replaced { stream: source.stream, before: source.identity, now });
            }
            Ok(Ok((_, records))) => {
                self.records = Some(records);
                return Ok(());
            }
            Ok(Err(failed)) => warn!(stream = source.stream, "cannot read yet: {failed:#}"),
            Err(_) => warn!(stream = source.stream, "cannot read yet: no answer within {OPENING:?}"),
        }
        self.backoff.wait().await;
        Ok(())
    }
}

impl Source {
    fn connects(&self) -> u64 {
        self.nats.broker.connects()
    }

    async fn last(&self) -> anyhow::Result<Option<Sequence>> {
        let last = self.nats.broker.last(&self.stream, &self.filter).await?;
        Ok(last.map(|record| record.sequence))
    }

    async fn open(
        &self,
        from: Sequence,
    ) -> anyhow::Result<(String, BoxStream<'static, anyhow::Result<Record>>)> {
        let identity = streams::describe(&self.nats, &self.stream).await?.created;
        let reading = self.nats.broker.read(&self.stream, &self.filter, from).await?;
        Ok((identity, reading.records))
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
