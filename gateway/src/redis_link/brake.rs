//! Redis as the place where freezes stand that no ruling told of.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use proto::effective::Effective;
use proto::event::Event;
use proto::id::{PortfolioId, Version};
use proto::wire::Message as _;
use redis::Script;
use redis::aio::MultiplexedConnection;
use tracing::warn;

use super::downstream::MAX_ENTRIES;
use super::{RESPONSE_TIMEOUT, Redis, open};
use crate::emit::encode::OutEntry;
use crate::keys::{DECISION_MADE, SOURCE};
use crate::stop::{Brake, Kept, Stop};

/// What a field ends with when its freeze was told: the court's own FREEZE is then known.
const TOLD: &str = "told";
/// What it ends with when there was nothing to tell.
const KEPT: &str = "kept";

impl Brake for Redis {
    fn stop<'a>(&'a self, stop: &'a Stop) -> BoxFuture<'a, Result<()>> {
        self.write_stop(stop).boxed()
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Kept>>> {
        self.read_stops().boxed()
    }

    fn forget<'a>(&'a self, order: &'a Event, ruled: Version) -> BoxFuture<'a, Result<()>> {
        self.forget_stop(order, ruled).boxed()
    }

    fn documents(&self) -> BoxFuture<'_, Result<BTreeMap<PortfolioId, Option<Effective>>>> {
        self.read_documents().boxed()
    }
}

impl Redis {
    /// A connection that asks nothing of Redis: one that may evict is told to freeze all the same.
    async fn connect_regardless(&self) -> Result<MultiplexedConnection> {
        open(&self.client, Some(RESPONSE_TIMEOUT)).await
    }

    async fn write_stop(&self, stop: &Stop) -> Result<()> {
        let script = Script::new(include_str!("stop.lua"));
        let order = String::from_utf8(stop.order.to_bytes()?).context("an order that is no text")?;
        let entry = stop.freeze.as_ref().map(OutEntry::of_decision).transpose()?;
        let mut call = script.prepare_invoke();
        call.key(self.keys.stops()).key(self.keys.stream(DECISION_MADE));
        call.key(self.keys.effective(&stop.order.portfolio)).key(self.keys.documents());
        call.arg(field(&stop.order, if entry.is_some() { TOLD } else { KEPT })).arg(order);
        call.arg(&stop.document.json).arg(self.document_ttl.as_secs()).arg(MAX_ENTRIES);
        call.arg(format!("\"event_id\":\"{}\"", stop.order.id)).arg(DECISION_MADE);
        match &entry {
            Some(entry) => {
                call.arg(&entry.payload).arg(&entry.trace_id).arg(&entry.correlation_id).arg(&entry.timestamp)
            }
            None => call.arg("").arg("").arg("").arg(""),
        };
        call.arg(SOURCE).arg(stop.order.portfolio.as_str());
        let written: Result<u8, _> = call.invoke_async(&mut self.connect_regardless().await?).await;
        written.context("cannot write a freeze to Redis").map(drop)
    }

    async fn read_stops(&self) -> Result<Vec<Kept>> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.stops());
        let kept: Result<BTreeMap<String, String>, _> =
            command.query_async(&mut self.connect_regardless().await?).await;
        let read = |(field, order): (String, String)| {
            let order = Event::from_bytes(order.as_bytes());
            let order = order.with_context(|| format!("the order kept as {field:?}"))?;
            Ok(Kept { order, told: field.ends_with(TOLD) })
        };
        kept.context("cannot read kept orders")?.into_iter().map(read).collect()
    }

    async fn forget_stop(&self, order: &Event, ruled: Version) -> Result<()> {
        let script = Script::new(include_str!("forget.lua"));
        let mut call = script.prepare_invoke();
        call.key(self.keys.stops()).key(self.keys.position());
        call.arg(field(order, TOLD)).arg(field(order, KEPT)).arg(order.portfolio.as_str()).arg(ruled.0);
        let forgotten: Result<u8, _> = call.invoke_async(&mut self.connect_regardless().await?).await;
        forgotten.context("cannot forget a kept order").map(drop)
    }

    async fn read_documents(&self) -> Result<BTreeMap<PortfolioId, Option<Effective>>> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.documents());
        let kept: Result<BTreeMap<String, String>, _> =
            command.query_async(&mut self.connect_regardless().await?).await;
        let kept = kept.context("cannot read the last documents")?;
        Ok(kept.into_iter().filter_map(|(portfolio, json)| document(&portfolio, &json)).collect())
    }
}

/// A document that cannot be read says at least that its portfolio is there.
fn document(portfolio: &str, json: &str) -> Option<(PortfolioId, Option<Effective>)> {
    let id = portfolio.parse().ok()?;
    match serde_json::from_str(json) {
        Ok(document) => Some((id, Some(document))),
        Err(failed) => {
            warn!(portfolio, "its last document cannot be read: {failed}");
            Some((id, None))
        }
    }
}

/// The field that an order is kept under.
fn field(order: &Event, what: &str) -> String {
    format!("{} {} {what}", order.portfolio, order.id)
}
