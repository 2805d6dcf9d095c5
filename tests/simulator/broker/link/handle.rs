//! What a process may ask of the broker over its connection.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::HeaderMap;
use async_nats::jetstream::stream::State as StreamState;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, unfold};
use futures::{FutureExt as _, StreamExt as _};
use mesh::broker::{Broker, NoReply, Reading, Record, Reply};
use mesh::nats::Connection;
use mesh::streams::Description;
use proto::id::Sequence;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::cursor::Cursor;
use super::{Acked, FEW, Link, Message, Wire};
use crate::broker::stream::Stream;

/// A process's handle on its connection.
#[derive(Clone)]
pub(crate) struct Handle(pub(crate) Arc<Link>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0.name).finish()
    }
}

impl Broker for Handle {
    fn append(&self, subject: String, headers: HeaderMap, payload: Bytes) -> BoxFuture<'_, Acked> {
        async move {
            let (acknowledge, acknowledged) = oneshot::channel();
            let journey = self.0.journey();
            Arc::clone(&self.0).send(journey, Message { subject, headers, payload }, acknowledge);
            match acknowledged.await {
                Ok(stored) => stored,
                Err(_) => pending().await,
            }
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
            let reply = timeout(patience, self.0.reply(&subject, &headers, &payload)).await;
            reply.unwrap_or(Err(NoReply::TimedOut))
        }
        .boxed()
    }

    fn ask_everybody<'a>(
        &'a self,
        _subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<BoxStream<'static, Bytes>>> {
        async move {
            let answers = self.0.bus.state().staff.introductions();
            Ok(futures::stream::iter(answers).chain(futures::stream::pending()).boxed())
        }
        .boxed()
    }

    fn describe<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, anyhow::Result<Option<Description>>> {
        async move { self.0.ask(stream, description).await }.boxed()
    }

    fn first<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let first = move |stream: &Stream, until| {
            let first = stream.next(subject, from.0).filter(|record| record.sequence.0 <= until)?;
            Some(Record { pending: 0, ..first })
        };
        async move { Ok(self.0.ask(stream, first).await?.flatten()) }.boxed()
    }

    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let last = |stream: &Stream, until| stream.last_until(subject, until);
        async move { Ok(self.0.ask(stream, last).await?.flatten()) }.boxed()
    }

    fn get<'a>(
        &'a self,
        stream: &'a str,
        sequence: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Option<Record>>> {
        let get = move |stream: &Stream, until| stream.get(sequence.0).filter(|_| sequence.0 <= until);
        async move {
            anyhow::ensure!(sequence.0 > 0, "bad request: there is no message 0");
            Ok(self.0.ask(stream, get).await?.flatten())
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
        from: Sequence,
    ) -> BoxFuture<'a, anyhow::Result<Reading>> {
        async move {
            let opened = |stream: &Stream, _| (stream.created(), stream.pending(filter, from.0));
            let opened = self.0.ask(stream, opened).await?;
            let (created, pending) = opened.context("no such stream")?;
            let connects = self.0.connects();
            let mut state = self.0.bus.state();
            let pending = state.told_left(pending);
            let back = if state.happens("repeated delivery", |faults| faults.repeats) { FEW } else { 0 };
            let cursor = Cursor {
                link: Arc::clone(&self.0),
                stream: stream.to_owned(),
                created,
                filter: filter.to_owned(),
                next: from.0.saturating_sub(back).max(1),
                silent: false,
                connects,
            };
            let records = unfold(cursor, |mut cursor| async move { Some((cursor.record().await?, cursor)) });
            Ok(Reading { pending, records: records.boxed() })
        }
        .boxed()
    }

    fn connects(&self) -> u64 {
        self.0.connects()
    }

    fn is_connected(&self) -> bool {
        self.0.line().wire == Wire::Up
    }

    fn unique(&self) -> String {
        let mut state = self.0.bus.state();
        state.uniques += 1;
        format!("unique-{}", state.uniques)
    }

    fn connection(&self) -> Option<&Connection> {
        None
    }
}

fn description(stream: &Stream, until: u64) -> Description {
    let (messages, bytes) = (stream.len() as u64, 0);
    let never = "1970-01-01T00:00:00Z";
    let state = serde_json::json!({
        "messages": messages, "bytes": bytes, "first_seq": stream.first_sequence(), "first_ts": never,
        "last_seq": until, "last_ts": never, "consumer_count": 0,
    });
    let state: StreamState = serde_json::from_value(state).unwrap();
    Description { created: stream.created(), config: stream.config.clone(), state }
}
