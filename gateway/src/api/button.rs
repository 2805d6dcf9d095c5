//! The stop button where nobody rules: the gateway tells the backend to freeze by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use proto::effective::Effective;
use proto::event::Event;
use proto::id::{EventId, PortfolioId};
use proto::ledger::Ledger;
use tracing::{error, warn};

use super::answer::{Answer, Result as Outcome, used_before};
use super::auth::Caller;
use super::command::{AT_ONCE, command, event, ids, main_first};
use super::order::Asked;
use super::problem::{Kind, Problem};
use crate::stop::{Brake, Kept, Stops, supposed};

/// How long a freeze waits for its ruling, or for the mesh itself, before the backend is told without one.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Freezes without a ruling.
#[derive(Debug, Clone)]
pub struct Button {
    /// Gives the time, and names that nobody else has; it need not be connected.
    pub nats: Nats,
    /// What a freeze comes to.
    pub stops: Stops,
    /// Where it is told.
    pub brake: Arc<dyn Brake>,
}

/// What is known without the mesh.
struct Known {
    documents: BTreeMap<PortfolioId, Option<Effective>>,
    kept: BTreeMap<EventId, Kept>,
}

impl Button {
    /// Freezes what is named, or every portfolio that the backend was ever told of, where nothing is known of the mesh. A
    /// portfolio that is named is frozen whether it is known or not: it may be too new to be.
    ///
    /// # Errors
    /// A problem: Redis cannot be told either, or the key was used for another order.
    pub(super) async fn press(
        &self,
        asked: Asked,
        caller: Caller,
        key: Option<&str>,
    ) -> Result<Vec<Answer>, Problem> {
        let known = self.known().await.map_err(|failed| deaf(&failed))?;
        let concerned = match &asked.portfolio {
            Some(portfolio) => vec![portfolio.clone()],
            None if known.documents.is_empty() => vec![PortfolioId::main()],
            None => main_first(known.documents.keys().cloned().collect()),
        };
        let (id, command, now) = (ids(&self.nats, key), command(asked, caller), self.nats.clock.now());
        let pressed = concerned.into_iter().map(|portfolio| {
            let order = event(id(&portfolio), portfolio, command.clone(), now);
            self.press_one(order, &known)
        });
        let pressed: Vec<_> = pressed.collect();
        stream::iter(pressed).buffered(AT_ONCE).try_collect().await
    }

    async fn known(&self) -> anyhow::Result<Known> {
        let documents = self.brake.documents().await?;
        let kept = self.brake.kept().await?.into_iter().map(|kept| (kept.order.id, kept)).collect();
        Ok(Known { documents, kept })
    }

    async fn press_one(&self, order: Event, known: &Known) -> Result<Answer, Problem> {
        let result = match known.kept.get(&order.id) {
            Some(kept) if kept.order.body != order.body => return Err(used_before()),
            Some(kept) => Outcome::Stopped { decision_id: self.told(kept) },
            None => {
                let document = known.documents.get(&order.portfolio);
                if document.is_none() {
                    warn!(portfolio = %order.portfolio, "it is frozen although the backend was never told of it");
                }
                let seen = document.and_then(Option::as_ref).map(supposed);
                self.stop(&order, seen.as_ref()).await?
            }
        };
        Ok(Answer { portfolio: order.portfolio, event_id: order.id, result })
    }

    /// The decision that was told of an order: its id does not depend on the ledger.
    fn told(&self, kept: &Kept) -> Option<proto::id::DecisionId> {
        let stop = self.stops.on(&kept.order, None).ok().filter(|_| kept.told);
        stop.and_then(|stop| stop.freeze).map(|freeze| freeze.decision_id)
    }

    /// Tells the backend to freeze without a ruling: nobody is there who gives one.
    pub(super) async fn stop(&self, order: &Event, seen: Option<&Ledger>) -> Result<Outcome, Problem> {
        let told = async {
            let stop = self.stops.on(order, seen)?;
            crash::at(Step::StopMade);
            self.brake.stop(&stop).await?;
            crash::at(Step::StopTold);
            anyhow::Ok(stop)
        };
        match told.await {
            Ok(stop) => {
                warn!(portfolio = %order.portfolio, event_id = %order.id, "frozen without a ruling");
                Ok(Outcome::Stopped { decision_id: stop.freeze.map(|freeze| freeze.decision_id) })
            }
            Err(failed) => Err(deaf(&failed)),
        }
    }
}

fn deaf(failed: &anyhow::Error) -> Problem {
    error!("nobody rules, and Redis cannot be told either: {failed:#}");
    let detail = format!("nobody rules on it, and Redis cannot be told either: {failed:#}; send it again");
    Problem::new(Kind::Unreachable, detail)
}
