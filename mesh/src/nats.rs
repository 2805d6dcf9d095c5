//! The connection to NATS: one for each process, named after it, reconnecting for ever.

mod connect;
mod connection;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::Client;
use proto::id::Sequence;
use proto::subject::{Stream, Subjects};

use crate::admin::Admin;
use crate::args::MeshArgs;
use crate::broker::{Broker, Record};
use crate::clock::Clock;
use crate::shutdown::Shutdown;

pub use connection::Connection;

/// How long one request to JetStream may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a stream's leader may take to say what is there, where it is asked again and again. While none is elected nobody
/// answers: whoever waits for long then finds out late that there is one.
pub const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// How often who waits for a connection looks.
const GLANCE: Duration = Duration::from_millis(50);

/// The broker, and what is said over it.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// All names.
    pub subjects: Subjects,
    /// What time it is for whoever speaks.
    pub clock: Clock,
}

impl Nats {
    /// Connects; waits for the server, saying so, until shutdown is requested.
    ///
    /// # Errors
    /// A file or address is not usable, or shutdown was requested meanwhile.
    pub async fn connect(
        service: &str,
        args: &MeshArgs,
        admin: &Admin,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let client = connect::connect(service, args, admin, shutdown).await?;
        Ok(Self::over(client, args.prefix.clone()))
    }

    /// The same without waiting: what is returned has no connection yet, and gets one when the server is there.
    ///
    /// # Errors
    /// A file or address is not usable.
    pub async fn connect_later(
        service: &str,
        args: &MeshArgs,
        admin: &Admin,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let client = connect::connect_later(service, args, admin, shutdown).await?;
        Ok(Self::over(client, args.prefix.clone()))
    }

    /// Over a connection that exists.
    pub fn over(client: Client, subjects: Subjects) -> Self {
        Self { broker: Arc::new(Connection::new(client)), subjects, clock: Clock::System }
    }

    /// The connection itself, for what only a real one can do.
    ///
    /// # Errors
    /// The broker is not over a connection.
    pub fn connection(&self) -> anyhow::Result<&Connection> {
        self.broker.connection().context("this broker is no connection to NATS")
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.broker.is_connected()
    }

    /// Returns when there is a connection.
    pub async fn connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The last message of a subject (which may hold wildcards), read from the stream's leader.
    ///
    /// # Errors
    /// The leader did not answer.
    pub async fn last_message(&self, stream: Stream, subject: &str) -> anyhow::Result<Option<Record>> {
        self.broker.last(&self.subjects.stream(stream), subject).await
    }

    /// The first message of a subject (which may hold wildcards), read from the stream's leader.
    ///
    /// # Errors
    /// The leader did not answer.
    pub async fn first_message(&self, stream: Stream, subject: &str) -> anyhow::Result<Option<Record>> {
        self.next_message(stream, subject, Sequence(1)).await
    }

    /// The first message of a subject (which may hold wildcards) from the sequence `from` on, read from the stream's
    /// leader.
    ///
    /// # Errors
    /// The leader did not answer.
    pub async fn next_message(
        &self,
        stream: Stream,
        subject: &str,
        from: Sequence,
    ) -> anyhow::Result<Option<Record>> {
        self.broker.first(&self.subjects.stream(stream), subject, from).await
    }

    /// The message at this sequence, read from the stream's leader; none when it is not kept any more.
    ///
    /// # Errors
    /// The leader did not answer.
    pub async fn message(&self, stream: Stream, sequence: Sequence) -> anyhow::Result<Option<Record>> {
        self.broker.get(&self.subjects.stream(stream), sequence).await
    }

    /// Sends what is still in our buffer, and waits for that a bounded time.
    pub async fn finish(&self) {
        if let Some(connection) = self.broker.connection() {
            connection.finish().await;
        }
    }
}
