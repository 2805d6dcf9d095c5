//! Redis as the place where freezes stand that no ruling told of.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use proto::event::Event;
use proto::id::Version;
use proto::wire::Message as _;
use redis::Script;

use super::Redis;
use super::downstream::MAX_ENTRIES;
use crate::emit::encode::OutEntry;
use crate::keys::{DECISION_MADE, SOURCE};
use crate::stop::{Brake, Stop};

/// What a field ends with when its freeze was told: the court's own FREEZE is then known.
const TOLD: &str = "told";
/// What it ends with when there was nothing to tell.
const KEPT: &str = "kept";

impl Brake for Redis {
    fn stop<'a>(&'a self, stop: &'a Stop) -> BoxFuture<'a, Result<()>> {
        self.write_stop(stop).boxed()
    }

    fn kept(&self) -> BoxFuture<'_, Result<Vec<Event>>> {
        self.read_stops().boxed()
    }

    fn forget<'a>(&'a self, order: &'a Event, ruled: Version) -> BoxFuture<'a, Result<()>> {
        self.forget_stop(order, ruled).boxed()
    }
}

impl Redis {
    async fn write_stop(&self, stop: &Stop) -> Result<()> {
        let script = Script::new(include_str!("stop.lua"));
        let order = String::from_utf8(stop.order.to_bytes()?).context("an order that is no text")?;
        let entry = stop.freeze.as_ref().map(OutEntry::of_decision).transpose()?;
        let mut call = script.prepare_invoke();
        call.key(self.keys.stops()).key(self.keys.stream(DECISION_MADE));
        call.key(self.keys.effective(&stop.order.portfolio));
        call.arg(field(&stop.order, if entry.is_some() { TOLD } else { KEPT })).arg(order);
        call.arg(&stop.document.json).arg(self.document_ttl.as_secs()).arg(MAX_ENTRIES);
        call.arg(format!("\"event_id\":\"{}\"", stop.order.id)).arg(DECISION_MADE);
        match &entry {
            Some(entry) => {
                call.arg(&entry.payload).arg(&entry.trace_id).arg(&entry.correlation_id).arg(&entry.timestamp)
            }
            None => call.arg("").arg("").arg("").arg(""),
        };
        call.arg(SOURCE);
        let _written: u8 =
            call.invoke_async(&mut self.connect().await?).await.context("cannot write a freeze to Redis")?;
        Ok(())
    }

    async fn read_stops(&self) -> Result<Vec<Event>> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys.stops());
        let kept: BTreeMap<String, String> =
            command.query_async(&mut self.connect().await?).await.context("cannot read kept orders")?;
        let read = |(field, order): (String, String)| {
            Event::from_bytes(order.as_bytes()).with_context(|| format!("the order kept as {field:?}"))
        };
        kept.into_iter().map(read).collect()
    }

    async fn forget_stop(&self, order: &Event, ruled: Version) -> Result<()> {
        let script = Script::new(include_str!("forget.lua"));
        let mut call = script.prepare_invoke();
        call.key(self.keys.stops()).key(self.keys.position());
        call.arg(field(order, TOLD)).arg(field(order, KEPT)).arg(order.portfolio.as_str()).arg(ruled.0);
        let _forgotten: u8 =
            call.invoke_async(&mut self.connect().await?).await.context("cannot forget a kept order")?;
        Ok(())
    }
}

/// The field that an order is kept under.
fn field(order: &Event, what: &str) -> String {
    format!("{} {} {what}", order.portfolio, order.id)
}
