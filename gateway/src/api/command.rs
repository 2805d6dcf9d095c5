//! Operators' commands: they are events, ruled in order like any other; the call answers when the ruling is there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use mesh::publish::{Stored, publish_until_stored, with_id};
use mesh::streams::MeshConfig;
use mesh::trace;
use proto::command::{Command, Order};
use proto::event::{Body, Event, EventKind, Source};
use proto::id::{EventId, PortfolioId, Sequence, TraceId};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::time::Time;
use proto::wire::{Message as _, Schema};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, error, info, info_span, warn};

use super::answer::{Answer, Result as Outcome, of_ruling, used_before};
use super::auth::Caller;
use super::button::{Button, STOP_PATIENCE};
use super::order::Asked;
use super::problem::{Kind, Problem};
use crate::retained;
use crate::view::View;

/// How long the call waits for the ruling.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long storing the command may take.
const STORING: Duration = Duration::from_secs(5);
/// How many portfolios are commanded at once.
pub(super) const AT_ONCE: usize = 64;

/// Gives commands.
#[derive(Debug, Clone)]
pub struct Commander {
    /// The connection.
    pub nats: Nats,
    /// What the mesh is.
    pub config: MeshConfig,
    /// Where rulings are seen.
    pub view: Arc<View>,
    /// Who tells of a freeze that nobody rules on.
    pub button: Button,
}

impl Commander {
    /// Gives an order to whom it concerns. The same key gives the same events: an order is not carried out twice.
    ///
    /// # Errors
    /// A problem: nobody is concerned, the mesh cannot be reached, or the key was used for another order.
    pub(super) async fn give(
        &self,
        asked: Asked,
        caller: Caller,
        key: Option<&str>,
    ) -> Result<Vec<Answer>, Problem> {
        let id = ids(&self.nats, key);
        let concerned = self.concerned(&asked, &id)?;
        let command = command(asked, caller);
        let given =
            concerned.into_iter().map(|portfolio| self.give_one(id(&portfolio), portfolio, command.clone()));
        let given: Vec<_> = given.collect();
        stream::iter(given).buffered(AT_ONCE).try_collect().await
    }

    /// The portfolio that is named; the one whose hold is to be released, or was by this very order; or every one that is
    /// known.
    fn concerned(
        &self,
        asked: &Asked,
        id: impl Fn(&PortfolioId) -> EventId,
    ) -> Result<Vec<PortfolioId>, Problem> {
        let mut known = self.view.known();
        if known.is_empty() {
            known.insert(PortfolioId::main());
        }
        if let Order::Release { hold } = &asked.order {
            let ruled = || known.iter().find(|portfolio| self.view.has_ruled(portfolio, id(portfolio)));
            let holder = self.view.holder(*hold).or_else(|| ruled().cloned());
            return holder.map(|portfolio| vec![portfolio]).ok_or_else(|| {
                Problem::new(Kind::NotFound, format!("no hold {hold} stands on any portfolio"))
            });
        }
        match &asked.portfolio {
            Some(portfolio) if known.contains(portfolio) => Ok(vec![portfolio.clone()]),
            Some(portfolio) => {
                let known: Vec<&str> = known.iter().take(20).map(PortfolioId::as_str).collect();
                let detail = format!("nobody knows portfolio {portfolio}; known are {}", known.join(", "));
                Err(Problem::new(Kind::NotFound, detail))
            }
            None => Ok(main_first(known)),
        }
    }

    async fn give_one(
        &self,
        id: EventId,
        portfolio: PortfolioId,
        command: Command,
    ) -> Result<Answer, Problem> {
        let event = event(id, portfolio.clone(), command.clone(), self.nats.clock.now());
        let freezes = matches!(command.order, Order::Freeze { .. });
        let (storing, patience) = if freezes { (STOP_PATIENCE, STOP_PATIENCE) } else { (STORING, PATIENCE) };
        let span = info_span!(
            parent: None, "command", otel.kind = "producer", trace_id = %event.trace_id, portfolio = %portfolio,
            messaging.system = "nats", messaging.operation.name = "command", messaging.message.id = %id,
        );
        trace::adopt_trace(&span, event.trace_id);
        let mut headers = with_id(&id.to_string());
        trace::inject(&span, &mut headers);
        let ruling = async {
            if self.view.has_ruled(&event.portfolio, id) {
                return Ok(self.recall(&event.portfolio, id).await);
            }
            self.store(&event, &headers, storing).await?;
            Ok(self.ruling(id, patience).await)
        };
        let result = match ruling.instrument(span).await {
            Ok(Some(ruling)) => of_ruling(&command, &ruling)?,
            Ok(None) | Err(Problem { kind: Kind::Unreachable, .. }) if freezes => {
                self.button.stop(&event, self.view.ledger(&event.portfolio).as_deref()).await?
            }
            Ok(None) => Outcome::Pending,
            Err(problem) => return Err(problem),
        };
        Ok(Answer { portfolio, event_id: id, result })
    }

    async fn store(
        &self,
        event: &Event,
        headers: &async_nats::HeaderMap,
        patience: Duration,
    ) -> Result<(), Problem> {
        // The client would keep the command and send it whenever it is connected again, long after we said that it failed.
        if !self.nats.is_connected() {
            return Err(Problem::new(
                Kind::Unreachable,
                "not connected to NATS: the command was not handed over",
            ));
        }
        let slot = event.portfolio.slot(self.config.slots);
        let subject = self.nats.subjects.event(slot, &event.portfolio, EventKind::Command);
        let payload = event.to_bytes().map_err(|failed| Problem::new(Kind::Internal, failed.to_string()))?;
        let stored =
            publish_until_stored(&self.nats, &subject, headers, &Bytes::from(payload), patience).await;
        match stored {
            Ok(stored) => {
                crash::at(Step::OrderStored);
                if let Stored::Duplicate(sequence) = stored {
                    self.expect_same(event, sequence).await?;
                }
                info!(portfolio = %event.portfolio, event_id = %event.id, "command received");
                self.view.expect_command(event, stored.sequence(), self.nats.clock.now());
                Ok(())
            }
            Err(failed) => {
                error!(portfolio = %event.portfolio, "a command could not be stored: {failed}");
                let detail = format!("the command could not be handed over: {failed}; send it again");
                Err(Problem::new(Kind::Unreachable, detail))
            }
        }
    }

    /// What was stored under this id before has to be the same order.
    async fn expect_same(&self, event: &Event, sequence: Sequence) -> Result<(), Problem> {
        let read = async {
            let stored = self.nats.message(Stream::Events, sequence).await?;
            let stored = stored.context("it is not kept any more")?;
            anyhow::Ok(Event::from_bytes(&stored.payload)?)
        };
        match read.await {
            Ok(before) if before.id == event.id && before.body != event.body => Err(used_before()),
            Ok(_) => Ok(()),
            Err(failed) => {
                warn!(%sequence, "cannot read what was ordered before: {failed:#}");
                Ok(())
            }
        }
    }

    /// A ruling that was given before, out of memory or out of the log.
    async fn recall(&self, portfolio: &PortfolioId, id: EventId) -> Option<Arc<Ruling>> {
        if let Some(ruling) = self.view.ruled(id) {
            return Some(ruling);
        }
        let wanted = |bytes: &[u8]| Ruling::from_bytes(bytes).ok().filter(|ruling| ruling.event.id == id);
        match timeout(PATIENCE, retained::find(&self.nats, &self.config, portfolio, wanted)).await {
            Ok(Ok(found)) => found.map(Arc::new),
            Ok(Err(failed)) => {
                warn!(%portfolio, "its rulings cannot be read: {failed:#}");
                None
            }
            Err(_) => None,
        }
    }

    async fn ruling(&self, id: EventId, patience: Duration) -> Option<Arc<Ruling>> {
        let deadline = Instant::now() + patience;
        let mut changes = self.view.changes();
        loop {
            if let Some(ruling) = self.view.ruled(id) {
                return Some(ruling);
            }
            timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }
}

/// The ids of the events that an order is: the same key gives the same ones.
pub(super) fn ids<'a>(nats: &Nats, key: Option<&'a str>) -> impl Fn(&PortfolioId) -> EventId + use<'a> {
    let unique = nats.broker.unique();
    move |portfolio| {
        let (kind, unique) = key.map_or(("once", unique.as_str()), |key| ("key", key));
        EventId::derive(&[kind, unique, portfolio.as_str()])
    }
}

/// The command that somebody gives.
pub(super) fn command(asked: Asked, caller: Caller) -> Command {
    let Caller { by, approved_by } = caller;
    Command { by, approved_by, reason: asked.reason, order: asked.order }
}

/// The portfolio of the old callers goes first: its answer stands at the top.
pub(super) fn main_first(known: std::collections::BTreeSet<PortfolioId>) -> Vec<PortfolioId> {
    let mut all: Vec<PortfolioId> = known.into_iter().collect();
    all.sort_by_key(|portfolio| *portfolio != PortfolioId::main());
    all
}

/// The event that a command is for one portfolio.
pub(super) fn event(id: EventId, portfolio: PortfolioId, command: Command, at: Time) -> Event {
    Event {
        schema: Schema::Event,
        id,
        portfolio,
        at,
        source: Source::Operator,
        trace_id: TraceId::from(id),
        correlation_id: id.to_string(),
        stale: false,
        body: Body::Command(command),
    }
}
