//! Publishing to a stream, with an answer that says what to do next.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use proto::id::Sequence;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::backoff::Backoff;
use crate::nats::Nats;

/// How long one attempt waits for its acknowledgement.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long retries go on when they have to outlast the election of a new leader (4 to 13 s), with room.
pub const OUTLAST_ELECTION: Duration = Duration::from_secs(30);

/// The stream has the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It took it now.
    New(Sequence),
    /// It had one with this message id.
    Duplicate(Sequence),
}

impl Stored {
    /// Where it stands in the stream.
    pub const fn sequence(self) -> Sequence {
        match self {
            Self::New(sequence) | Self::Duplicate(sequence) => sequence,
        }
    }
}

/// The message is not known to be in the stream.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// The subject's last message is another than expected. After a retry it may be our own.
    #[error("the subject's last message is another than expected")]
    WrongLastSequence,
    /// Nobody knows: it may be in the stream or not. Retry with the same message id, or read the leader.
    #[error("it is not known whether the message was stored: {0}")]
    Unclear(String),
    /// Larger than the server takes.
    #[error("the message is larger than the server takes: {0}")]
    TooLarge(String),
    /// The server refuses it, and will again.
    #[error("the server refuses the message: {0}")]
    Refused(String),
}

/// Publishes once and waits at most `patience` for the acknowledgement.
///
/// # Errors
/// See [`NotStored`].
pub async fn publish_acked(
    nats: &Nats,
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
    patience: Duration,
) -> Result<Stored, NotStored> {
    let acked = timeout(patience, nats.broker.append(subject, headers, payload)).await;
    acked.unwrap_or_else(|_| Err(NotStored::Unclear(format!("no acknowledgement within {patience:?}"))))
}

/// Publishes until the stream has the message, for at most `patience`. The headers must hold a message id: an attempt
/// whose answer was lost is then not stored twice.
///
/// # Errors
/// See [`NotStored`]; `Unclear` when the time is over.
pub async fn publish_until_stored(
    nats: &Nats,
    subject: &str,
    headers: &HeaderMap,
    payload: &Bytes,
    patience: Duration,
) -> Result<Stored, NotStored> {
    let deadline = Instant::now() + patience;
    let mut backoff = Backoff::usual();
    loop {
        let attempt = publish_acked(nats, subject.to_owned(), headers.clone(), payload.clone(), ACK_TIMEOUT);
        match attempt.await {
            Err(NotStored::Unclear(why)) if Instant::now() < deadline => {
                warn!(subject, "publishing again: {why}");
                backoff.wait().await;
            }
            ended => return ended,
        }
    }
}

/// Headers with a message id, by which the stream knows a message that it has.
pub fn with_id(id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, id);
    headers
}
