//! The real broker: the one place that speaks to the NATS client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, Request};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use proto::id::Sequence;
use tracing::warn;

use super::REQUEST_TIMEOUT;
use crate::broker::{Broker, NoReply, Reading, Record, Reply};
use crate::crash::{self, Step};
use crate::publish::{NotStored, Stored};
use crate::streams::Description;

/// A connection to NATS, with JetStream on it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The connection.
    pub client: Client,
    /// JetStream on it.
    pub jetstream: jetstream::Context,
}

impl Connection {
    /// Over a client that is connected.
    pub fn new(client: Client) -> Self {
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Self { client, jetstream }
    }

    /// The server's version, as `(major, minor, patch)`.
    pub fn server_version(&self) -> (u64, u64, u64) {
        parse_version(&self.client.server_info().version)
    }

    /// Returns once the server has taken everything that was sent before: flushing alone empties only our own buffer.
    ///
    /// # Errors
    /// The connection broke, or the answer took too long.
    pub async fn round_trip(&self) -> anyhow::Result<()> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.context("cannot subscribe to the inbox")?;
        self.client.publish(inbox, Bytes::new()).await.context("cannot publish to the inbox")?;
        let came = tokio::time::timeout(REQUEST_TIMEOUT, echo.next()).await;
        came.ok().flatten().map(drop).context("no round trip to the server")
    }

    pub(super) async fn finish(&self) {
        if !self.is_connected() {
            return;
        }
        if tokio::time::timeout(REQUEST_TIMEOUT, self.client.flush()).await.is_err() {
            warn!("the last messages may not have reached NATS");
        }
    }

    async fn stream(&self, name: &str) -> anyhow::Result<Stream<()>> {
        self.jetstream.get_stream_no_info(name).await.context("no stream handle")
    }

    async fn open(&self, stream: &str, filter: &str, from: Sequence) -> anyhow::Result<Reading> {
        // With a name the subject of the request names the filter, which permissions go by.
        let config = OrderedConfig {
            name: Some(self.unique()),
            filter_subject: filter.to_owned(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.0.max(1) },
            ..OrderedConfig::default()
        };
        let made = self.jetstream.create_consumer_on_stream(config, stream).await;
        let consumer = made.with_context(|| format!("cannot make a consumer on {stream}"))?;
        let (pending, name) = (consumer.cached_info().num_pending, consumer.cached_info().name.clone());
        let messages = consumer.messages().await.with_context(|| format!("cannot read {stream}"))?;
        Ok(Reading { pending, records: messages.map(move |message| delivered(message?, &name)).boxed() })
    }
}

impl Broker for Connection {
    fn append(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> BoxFuture<'_, Result<Stored, NotStored>> {
        async move {
            let sent = self.jetstream.publish_with_headers(subject, headers, payload).await;
            crash::at(Step::MessageSent);
            let acked = match sent {
                Ok(sent) => sent.await,
                Err(failed) => Err(failed),
            };
            let acked = acked.map_err(|failed| understood(&failed))?;
            let sequence = Sequence(acked.sequence);
            Ok(if acked.duplicate { Stored::Duplicate(sequence) } else { Stored::New(sequence) })
        }
        .boxed()
    }

    fn request(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Reply, NoReply>> {
        async move {
            let request = Request::new().payload(payload).headers(headers).timeout(Some(patience));
            match self.client.send_request(subject, request).await {
                Ok(reply) => Ok(Reply { headers: reply.headers.unwrap_or_default(), payload: reply.payload }),
                Err(failed) => Err(match failed.kind() {
                    RequestErrorKind::NoResponders => NoReply::NoResponders,
                    RequestErrorKind::TimedOut => NoReply::TimedOut,
                    RequestErrorKind::InvalidSubject
                    | RequestErrorKind::MaxPayloadExceeded
                    | RequestErrorKind::Other => NoReply::Failed(failed.to_string()),
                }),
            }
        }
        .boxed()
    }

    fn ask_everybody<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<BoxStream<'static, Bytes>>> {
        async move {
            let inbox = self.client.new_inbox();
            let answers = self.client.subscribe(inbox.clone()).await.context("cannot subscribe")?;
            let asked = self.client.publish_with_reply(subject.to_owned(), inbox, Bytes::new()).await;
            asked.context("cannot ask")?;
            Ok(answers.map(|answer| answer.payload).boxed())
        }
        .boxed()
    }

    fn describe<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, anyhow::Result<Option<Description>>> {
        async move {
            match self.jetstream.request(format!("STREAM.INFO.{stream}"), &()).await? {
                Response::Ok(description) => Ok(Some(description)),
                Response::Err { error } if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
                Response::Err { error } => {
                    Err(anyhow::Error::from(error).context(format!("stream {stream}")))
                }
            }
        }
        .boxed()
    }

    fn first<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        async move {
            match self.stream(stream).await?.get_first_raw_message_by_subject(subject, from.0.max(1)).await {
                Ok(message) => Ok(Some(kept(message))),
                Err(failed) if failed.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                Err(failed) => {
                    Err(failed).with_context(|| format!("cannot read the first message of {subject}"))
                }
            }
        }
        .boxed()
    }

    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        async move {
            match self.stream(stream).await?.get_last_raw_message_by_subject(subject).await {
                Ok(message) => Ok(Some(kept(message))),
                Err(failed) if matches!(failed.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
                Err(failed) => {
                    Err(failed).with_context(|| format!("cannot read the last message of {subject}"))
                }
            }
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        stream: &'a str,
        sequence: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        async move {
            match self.stream(stream).await?.get_raw_message(sequence.0).await {
                Ok(message) => Ok(Some(kept(message))),
                Err(failed) if failed.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                Err(failed) => {
                    Err(failed).with_context(|| format!("cannot read message {sequence} of {stream}"))
                }
            }
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Reading>> {
        self.open(stream, filter, from).boxed()
    }

    fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    fn unique(&self) -> String {
        let inbox = self.client.new_inbox();
        inbox.rsplit('.').next().unwrap_or_default().to_owned()
    }

    fn connection(&self) -> Option<&Connection> {
        Some(self)
    }
}

/// A message as it came by this consumer. The client makes one that was lost anew by itself, whether the stream is the same
/// or not: whoever reads has to look at that first.
fn delivered(message: jetstream::Message, consumer: &str) -> anyhow::Result<Record> {
    let info = message.info().map_err(|failed| anyhow!(failed)).context("a message without its place")?;
    ensure!(info.consumer == consumer, "the consumer was made anew");
    let (sequence, pending) = (Sequence(info.stream_sequence), info.pending);
    let jetstream::Message { message, .. } = message;
    let headers = message.headers.unwrap_or_default();
    Ok(Record { sequence, subject: message.subject.to_string(), headers, payload: message.payload, pending })
}

fn kept(message: StreamMessage) -> Record {
    let StreamMessage { subject, sequence, headers, payload, .. } = message;
    Record { sequence: Sequence(sequence), subject: subject.to_string(), headers, payload, pending: 0 }
}

fn understood(failed: &PublishError) -> NotStored {
    match failed.kind() {
        PublishErrorKind::WrongLastSequence => NotStored::WrongLastSequence,
        PublishErrorKind::MaxPayloadExceeded => NotStored::TooLarge(failed.to_string()),
        PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        // No responders: a stream without a leader looks like no stream at all.
        | PublishErrorKind::StreamNotFound => NotStored::Unclear(failed.to_string()),
        PublishErrorKind::WrongLastMessageId => NotStored::Refused(failed.to_string()),
        PublishErrorKind::Other => other(failed),
    }
}

fn other(failed: &PublishError) -> NotStored {
    /// Another publish with this expected sequence is on its way.
    const IN_FLIGHT: ErrorCode = ErrorCode(10164);
    /// Another publish with this message id is on its way.
    const ID_IN_PROCESS: ErrorCode = ErrorCode(10158);
    const UNAVAILABLE: usize = 503;
    let source =
        std::error::Error::source(failed).and_then(|source| source.downcast_ref::<jetstream::Error>());
    match source {
        Some(answer) if answer.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
            NotStored::TooLarge(answer.to_string())
        }
        Some(answer)
            if answer.code() == UNAVAILABLE || [IN_FLIGHT, ID_IN_PROCESS].contains(&answer.error_code()) =>
        {
            NotStored::Unclear(answer.to_string())
        }
        Some(answer) => NotStored::Refused(answer.to_string()),
        None => NotStored::Unclear(failed.to_string()),
    }
}

fn parse_version(text: &str) -> (u64, u64, u64) {
    let mut numbers = text.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse_version("2.9.10"), (2, 9, 10));
        assert_eq!(parse_version("2.12.0-RC.1"), (2, 12, 0));
        assert_eq!(parse_version(""), (0, 0, 0));
    }
}
