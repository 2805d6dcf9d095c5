//! Receipts: whether the backend does what it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::Context;
use mesh::Node;
use mesh::backoff::Backoff;
use mesh::reader::Reader;
use mesh::streams::MeshConfig;
use proto::decision::DecisionType;
use proto::event::{Body, Event, EventKind};
use proto::id::{DecisionId, PortfolioId, Sequence};
use proto::receipt::{Receipt, ReceiptStatus};
use proto::subject::Stream;
use proto::wire::Message as _;
use tracing::{error, warn};

use super::View;

/// How many receipts are remembered.
const MAX_RECEIPTS: usize = 10_000;

/// The latest receipts, oldest first.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    latest: VecDeque<(PortfolioId, Receipt)>,
}

impl Receipts {
    pub(super) fn note(&mut self, portfolio: PortfolioId, receipt: Receipt) {
        self.latest.push_back((portfolio, receipt));
        if self.latest.len() > MAX_RECEIPTS {
            self.latest.pop_front();
        }
    }

    /// The latest of a decision.
    pub(super) fn of(&self, decision: DecisionId) -> Option<Receipt> {
        let mut latest = self.latest.iter().rev().map(|(_, receipt)| receipt);
        latest.find(|receipt| receipt.decision_id == decision).cloned()
    }

    /// Of each portfolio and type of decision the latest receipt, where it does not say that it is applied.
    pub(super) fn disobeyed(
        &self,
        type_of: impl Fn(DecisionId) -> Option<DecisionType>,
    ) -> BTreeMap<PortfolioId, String> {
        let mut latest = BTreeMap::new();
        for (portfolio, receipt) in &self.latest {
            latest.insert((portfolio, type_of(receipt.decision_id)), receipt);
        }
        let mut told: BTreeMap<PortfolioId, String> = BTreeMap::new();
        for ((portfolio, decision_type), receipt) in latest {
            if receipt.status == ReceiptStatus::Applied {
                continue;
            }
            let all = told.entry(portfolio.clone()).or_default();
            let separator = if all.is_empty() { "" } else { ", " };
            let named = decision_type.map(|named| format!("{named} ")).unwrap_or_default();
            let Receipt { decision_id, status, .. } = receipt;
            all.push_str(&format!("{separator}{named}{decision_id} {}", status.as_str()));
        }
        told
    }
}

/// Tells a view of every receipt that EVENTS holds and that comes, until shutdown is requested.
///
/// # Errors
/// The streams of the mesh do not fit this build any more.
pub async fn watch(node: Node, mut config: MeshConfig, view: Arc<View>) -> anyhow::Result<()> {
    let mut backoff = Backoff::usual();
    loop {
        let (nats, subjects) = (&node.nats, &node.nats.subjects);
        let (stream, filter) = (subjects.stream(Stream::Events), subjects.events_of_kind(EventKind::Receipt));
        let mut reader = Reader::new(nats, stream, config.identity(Stream::Events), filter, Sequence(1));
        loop {
            let record = tokio::select! {
                biased;
                () = node.shutdown.requested() => return Ok(()),
                record = reader.next() => record,
            };
            match record {
                Ok(record) => take(&view, &record.payload),
                Err(replaced) => {
                    warn!("receipts are read anew: {replaced}");
                    break;
                }
            }
        }
        backoff.wait().await;
        config = mesh::streams::check(nats).await.context("EVENTS was made anew")?;
    }
}

fn take(view: &View, bytes: &[u8]) {
    match Event::from_bytes(bytes) {
        Ok(Event { portfolio, body: Body::Receipt(receipt), .. }) => view.note_receipt(portfolio, receipt),
        Ok(Event { id, .. }) => error!(%id, "an event under a receipt's subject is none"),
        Err(failed) => error!("a message in EVENTS is no event: {failed}"),
    }
}

#[cfg(test)]
mod tests {
    use proto::testing::receipt;

    use super::*;

    #[test]
    fn of_each_type_of_decision_the_latest_receipt_counts() {
        let ids = ["freeze", "mode", "again", "forgotten"].map(|name| DecisionId::derive(&[name]));
        let [freeze, mode, again, forgotten] = ids;
        let type_of = |id| match id {
            id if id == freeze => Some(DecisionType::Freeze),
            id if id == mode || id == again => Some(DecisionType::ModeChange),
            _ => None,
        };
        let (alpha, beta): (PortfolioId, PortfolioId) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
        let mut receipts = Receipts::default();
        let mut note = |portfolio: &PortfolioId, id, status| {
            receipts.note(portfolio.clone(), receipt(id, status));
            receipts.disobeyed(type_of)
        };
        note(&alpha, freeze, ReceiptStatus::Rejected);
        let told = note(&alpha, mode, ReceiptStatus::Failed);
        let both = format!("FREEZE {freeze} REJECTED, MODE_CHANGE {mode} FAILED");
        assert_eq!(told, BTreeMap::from([(alpha.clone(), both)]));
        let told = note(&alpha, again, ReceiptStatus::Applied);
        let left = format!("FREEZE {freeze} REJECTED");
        assert_eq!(told[&alpha], left, "another of its type is applied since");
        let told = note(&beta, forgotten, ReceiptStatus::Failed);
        assert_eq!(told[&beta], format!("{forgotten} FAILED"));
        assert_eq!(note(&alpha, freeze, ReceiptStatus::Applied).keys().collect::<Vec<_>>(), [&beta]);
        assert_eq!(receipts.of(freeze).unwrap().status, ReceiptStatus::Applied, "the latest");
    }
}
