//! What the mesh needs of NATS, and nothing else of it: services say it to this trait, and [`crate::nats`] has the real one.

use std::fmt;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use proto::id::Sequence;

use crate::nats::Connection;
use crate::publish::{NotStored, Stored};
use crate::streams::Description;

/// A message as a stream holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands in the stream.
    pub sequence: Sequence,
    /// Its subject.
    pub subject: String,
    /// Its headers; none are an empty map.
    pub headers: HeaderMap,
    /// Its bytes.
    pub payload: Bytes,
    /// How many of what is read follow it; 0 for a message that was read by itself.
    pub pending: u64,
}

/// Messages of a stream, from some sequence on and without an end.
pub struct Reading {
    /// How many there were when reading began.
    pub pending: u64,
    /// The messages, in order.
    pub records: BoxStream<'static, anyhow::Result<Record>>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its headers; none are an empty map.
    pub headers: HeaderMap,
    /// Its bytes.
    pub payload: Bytes,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// Nobody listens there.
    #[error("nobody answers there")]
    NoResponders,
    /// No answer came in time.
    #[error("no answer in time")]
    TimedOut,
    /// It could not be sent.
    #[error("the request could not be sent: {0}")]
    Failed(String),
}

/// A broker with streams. Every call is one attempt: who calls bounds the wait and tries again.
pub trait Broker: fmt::Debug + Send + Sync {
    /// Appends a message to the stream that its subject belongs to, and waits for the acknowledgement for ever.
    fn append(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> BoxFuture<'_, Result<Stored, NotStored>>;

    /// Asks whoever listens on a subject, and waits for the answer so long.
    fn request(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, NoReply>>;

    /// Asks everybody who listens on a subject; the answers come until nobody waits for them any more.
    fn ask_everybody<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<BoxStream<'static, Bytes>>>;

    /// What the stream's leader tells about it; none when there is no such stream.
    fn describe<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, anyhow::Result<Option<Description>>>;

    /// The first message of a subject (which may hold wildcards) from the sequence `from` on, read from the stream's
    /// leader.
    fn first<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>>;

    /// The last message of a subject (which may hold wildcards), read from the stream's leader.
    fn last<'a>(&'a self, stream: &'a str, subject: &'a str)
    -> BoxFuture<'a, anyhow::Result<Option<Record>>>;

    /// The message at this sequence, read from the stream's leader; none when it is not kept any more.
    fn get<'a>(
        &'a self,
        stream: &'a str,
        sequence: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>>;

    /// Reads the messages of a subject (which may hold wildcards) in order, from the sequence `from` on.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Reading>>;

    /// How often it was connected to: another number says that what was opened before may be gone.
    fn connects(&self) -> u64;

    /// Whether there is a connection now.
    fn is_connected(&self) -> bool;

    /// A word that nobody else is given.
    fn unique(&self) -> String;

    /// The connection itself, for what only a real one can do: serving a role, making streams.
    fn connection(&self) -> Option<&Connection>;
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("pending", &self.pending).finish_non_exhaustive()
    }
}
