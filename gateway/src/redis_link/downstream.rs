//! Redis as the side that decisions go to: decisions, documents and the position, written at once.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{Script, ScriptInvocation};

use crate::emit::batch::{Batch, Outgoing, chain_text};
use crate::emit::downstream::{Document, Downstream, Position, Written};
use crate::emit::encode::OutEntry;
use crate::keys::{DECISION_MADE, FEDERATION_HEALTH, Keys, SOURCE};

/// About how many entries each stream keeps.
pub(super) const MAX_ENTRIES: usize = 10_000;
/// How many documents are renewed at once.
const DOCUMENTS_AT_ONCE: usize = 100;

/// Writes to Redis, over a connection of its own.
pub(super) struct RedisDownstream {
    pub(super) keys: Keys,
    pub(super) document_ttl: Duration,
    pub(super) write: Script,
    pub(super) refresh: Script,
    pub(super) connection: MultiplexedConnection,
}

impl Downstream for RedisDownstream {
    fn position(&mut self) -> BoxFuture<'_, Result<Position>> {
        self.read_position().boxed()
    }

    fn write<'a>(&'a mut self, identity: &'a str, batch: &'a Batch) -> BoxFuture<'a, Result<Written>> {
        self.write_batch(identity, batch).boxed()
    }

    fn renew<'a>(&'a mut self, documents: &'a [Document]) -> BoxFuture<'a, Result<()>> {
        self.renew_documents(documents).boxed()
    }

    fn tell<'a>(&'a mut self, entry: &'a OutEntry) -> BoxFuture<'a, Result<()>> {
        self.add_health(entry).boxed()
    }
}

impl RedisDownstream {
    async fn read_position(&mut self) -> Result<Position> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.position());
        let fields: BTreeMap<String, String> =
            command.query_async(&mut self.connection).await.context("cannot read the position")?;
        Position::from_fields(&fields)
    }

    async fn write_batch(&mut self, identity: &str, batch: &Batch) -> Result<Written> {
        let mut call = self.write.prepare_invoke();
        call.key(self.keys.position()).key(self.keys.stream(DECISION_MADE)).key(self.keys.stops());
        call.key(self.keys.documents());
        call.arg(identity).arg(batch.base.0).arg(batch.through.0).arg(MAX_ENTRIES);
        call.arg(self.document_ttl.as_secs()).arg(DECISION_MADE).arg(SOURCE).arg(batch.rulings.len());
        for ruling in &batch.rulings {
            call.key(self.keys.effective(&ruling.portfolio));
            add(&mut call, ruling);
        }
        let (state, _): (u8, String) =
            call.invoke_async(&mut self.connection).await.context("cannot write decisions")?;
        match state {
            0 => Ok(Written::Done),
            1 => Ok(Written::OtherStream),
            2 => Ok(Written::Behind),
            other => bail!("the script answered {other}"),
        }
    }

    async fn renew_documents(&mut self, documents: &[Document]) -> Result<()> {
        for some in documents.chunks(DOCUMENTS_AT_ONCE) {
            let mut call = self.refresh.prepare_invoke();
            call.key(self.keys.position()).key(self.keys.stops()).arg(self.document_ttl.as_secs());
            for document in some {
                call.key(self.keys.effective(&document.portfolio));
                call.arg(document.portfolio.as_str()).arg(document.version.0).arg(&document.json);
            }
            let _written: u64 =
                call.invoke_async(&mut self.connection).await.context("cannot renew the documents")?;
        }
        Ok(())
    }

    async fn add_health(&mut self, entry: &OutEntry) -> Result<()> {
        let mut command = redis::cmd("XADD");
        command.arg(self.keys.stream(FEDERATION_HEALTH)).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*");
        for (name, value) in entry.fields() {
            command.arg(name).arg(value);
        }
        let _id: String =
            command.query_async(&mut self.connection).await.context("cannot tell the health")?;
        Ok(())
    }
}

fn add(call: &mut ScriptInvocation<'_>, ruling: &Outgoing) {
    call.arg(ruling.sequence.0).arg(ruling.portfolio.as_str());
    call.arg(chain_text(ruling.version, ruling.hash)).arg(ruling.version.0);
    call.arg(ruling.document.as_deref().unwrap_or_default()).arg(ruling.entries.len());
    for entry in &ruling.entries {
        call.arg(&entry.payload).arg(&entry.trace_id).arg(&entry.correlation_id).arg(&entry.timestamp);
    }
}
