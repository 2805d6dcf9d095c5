//! The Redis side of emit: decisions, documents and the position, written at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use proto::chain::Chain;
use proto::effective::Effective;
use proto::id::{PortfolioId, Sequence};
use proto::ledger::Ledger;
use redis::Script;
use redis::aio::MultiplexedConnection;

use super::batch::{Batch, Outgoing, chain_text, parse_chain};
use super::encode::OutEntry;
use crate::keys::{DECISION_MADE, FEDERATION_HEALTH, Keys, SOURCE};

/// About how many entries each stream keeps.
const MAX_ENTRIES: usize = 10_000;
/// How many documents are renewed at once.
const DOCUMENTS_AT_ONCE: usize = 100;

/// How far Redis is, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Which RULINGS it was written from; none before the first batch.
    pub stream: Option<String>,
    /// Up to where.
    pub sequence: Sequence,
    /// Where each portfolio's chain ends.
    pub chains: BTreeMap<PortfolioId, Chain>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// Another RULINGS was read before: a person has to look.
    OtherStream,
    /// Redis is behind: it lost what was written before.
    Behind,
}

/// Writes to Redis.
pub struct Sink {
    keys: Keys,
    identity: String,
    document_ttl: Duration,
    write: Script,
    refresh: Script,
    connection: MultiplexedConnection,
}

impl Sink {
    /// Over a connection; `identity` is that of RULINGS.
    pub fn new(
        keys: Keys,
        identity: impl Into<String>,
        document_ttl: Duration,
        connection: MultiplexedConnection,
    ) -> Self {
        Self {
            keys,
            identity: identity.into(),
            document_ttl,
            write: Script::new(include_str!("write.lua")),
            refresh: Script::new(include_str!("refresh.lua")),
            connection,
        }
    }

    /// How far Redis is.
    ///
    /// # Errors
    /// Redis did not answer, or what stands there is no position.
    pub async fn position(&mut self) -> anyhow::Result<Position> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.position());
        let fields: BTreeMap<String, String> =
            command.query_async(&mut self.connection).await.context("cannot read the position")?;
        let mut position = Position { stream: fields.get("stream").cloned(), ..Position::default() };
        if let Some(sequence) = fields.get("sequence") {
            position.sequence = Sequence(sequence.parse().context("the position's sequence is no number")?);
        }
        for (name, value) in &fields {
            if let Some(portfolio) = name.strip_prefix("portfolio:") {
                let chain =
                    parse_chain(value).with_context(|| format!("the position's {name} is {value:?}"))?;
                position.chains.insert(portfolio.parse()?, chain);
            }
        }
        Ok(position)
    }

    /// Writes a batch, all of it or nothing.
    ///
    /// # Errors
    /// Redis did not take it, or nobody knows whether it did.
    pub async fn write(&mut self, batch: &Batch) -> anyhow::Result<Written> {
        let mut call = self.write.prepare_invoke();
        call.key(self.keys.position()).key(self.keys.stream(DECISION_MADE));
        call.arg(&self.identity).arg(batch.base.0).arg(batch.through.0).arg(MAX_ENTRIES);
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

    /// Renews the documents of what is in effect.
    ///
    /// # Errors
    /// Redis did not take them.
    pub async fn renew(&mut self, ledgers: &[Arc<Ledger>]) -> anyhow::Result<()> {
        for some in ledgers.chunks(DOCUMENTS_AT_ONCE) {
            let mut call = self.refresh.prepare_invoke();
            call.key(self.keys.position()).arg(self.document_ttl.as_secs());
            for ledger in some {
                let document = serde_json::to_string(&Effective::from(ledger.as_ref()))?;
                call.key(self.keys.effective(&ledger.portfolio));
                call.arg(ledger.portfolio.as_str()).arg(ledger.version.0).arg(document);
            }
            let _written: u64 =
                call.invoke_async(&mut self.connection).await.context("cannot renew the documents")?;
        }
        Ok(())
    }

    /// Adds an entry to the stream that tells how the federation is.
    ///
    /// # Errors
    /// Redis did not take it.
    pub async fn tell(&mut self, entry: &OutEntry) -> anyhow::Result<()> {
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

fn add(call: &mut redis::ScriptInvocation<'_>, ruling: &Outgoing) {
    call.arg(ruling.sequence.0).arg(ruling.portfolio.as_str());
    call.arg(chain_text(ruling.version, ruling.hash)).arg(ruling.version.0);
    call.arg(ruling.document.as_deref().unwrap_or_default()).arg(ruling.entries.len());
    for entry in &ruling.entries {
        call.arg(&entry.payload).arg(&entry.trace_id).arg(&entry.correlation_id).arg(&entry.timestamp);
    }
}
