//! Bringing orders that the backend was told of without a ruling before the court.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mesh::Node;
use mesh::crash::{self, Step};
use mesh::publish::{OUTLAST_ELECTION, publish_until_stored, with_id};
use mesh::streams::MeshConfig;
use proto::event::Event;
use proto::wire::Message as _;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::{Brake, Kept};
use crate::view::View;

/// How often it is looked for such orders.
const EVERY: Duration = Duration::from_secs(1);

/// Hands kept orders to EVENTS, again and again until they are ruled: the same order is the same event.
pub struct TakeOver {
    /// Where they are kept.
    pub brake: Arc<dyn Brake>,
    /// The connection and the wish to stop.
    pub node: Node,
    /// What the mesh is.
    pub config: MeshConfig,
    /// Where rulings are seen.
    pub view: Arc<View>,
}

impl TakeOver {
    /// Works until shutdown is requested.
    ///
    /// # Errors
    /// None: it goes on for ever.
    pub async fn run(self) -> Result<()> {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.node.shutdown.requested() => return Ok(()),
                _ = tick.tick() => {}
            }
            if !self.node.nats.is_connected() {
                continue;
            }
            if let Err(failed) = self.look().await {
                warn!("orders that were carried out without a ruling cannot be handed over yet: {failed:#}");
            }
        }
    }

    async fn look(&self) -> Result<()> {
        for Kept { order, .. } in self.brake.kept().await? {
            let portfolio = &order.portfolio;
            match self.view.ledger(portfolio) {
                Some(ledger) if self.view.has_ruled(portfolio, order.id) => {
                    self.brake.forget(&order, ledger.version).await?;
                    crash::at(Step::StopForgotten);
                    info!(%portfolio, event_id = %order.id, "the court has taken a freeze over");
                }
                Some(_) | None => self.hand_over(&order).await?,
            }
        }
        Ok(())
    }

    async fn hand_over(&self, order: &Event) -> Result<()> {
        let nats = &self.node.nats;
        let slot = order.portfolio.slot(self.config.slots);
        let subject = nats.subjects.event(slot, &order.portfolio, order.kind());
        let payload = order.to_bytes().context("an order has no JSON form")?.into();
        let headers = with_id(&order.id.to_string());
        let stored = publish_until_stored(nats, &subject, &headers, &payload, OUTLAST_ELECTION).await;
        stored.with_context(|| format!("order {}", order.id))?;
        crash::at(Step::StopHandedOver);
        self.view.expect(order, nats.clock.now());
        Ok(())
    }
}
