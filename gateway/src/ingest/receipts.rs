//! Whose a receipt is: the portfolio of the decision that it is about.

use std::time::Duration;

use proto::event::Body;
use proto::id::{DecisionId, PortfolioId};
use tokio::time::{Instant, timeout_at};

use super::decode::{Decoded, Defect, Entry};
use crate::fields::{Fault, Reason};
use crate::view::View;

/// How long a batch waits for decisions that are not known: the backend may have read one sooner than this process.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of the entries of a batch.
type Read = [(Entry, Result<Decoded, Defect>)];

/// Gives every receipt of a batch to the portfolio whose decision it is about. One about a decision that nobody knows, or
/// that names another portfolio, cannot be used.
pub(super) async fn attribute(view: &View, read: &mut Read) {
    let deadline = Instant::now() + PATIENCE;
    let mut changes = view.changes();
    while asked(read).any(|(decision, portfolio)| portfolio.is_none() && view.whose(decision).is_none()) {
        if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            break;
        }
    }
    for (_, one) in read {
        let Ok(decoded) = one else { continue };
        let Body::Receipt(receipt) = &decoded.body else { continue };
        match whose(view, receipt.decision_id, decoded.portfolio.take()) {
            Ok(portfolio) => decoded.portfolio = Some(portfolio),
            Err(fault) => *one = Err(fault.into()),
        }
    }
}

/// The decisions that receipts are about, and whose they say that they are.
fn asked(read: &Read) -> impl Iterator<Item = (DecisionId, Option<&PortfolioId>)> {
    read.iter().filter_map(|(_, one)| match one {
        Ok(Decoded { body: Body::Receipt(receipt), portfolio, .. }) => {
            Some((receipt.decision_id, portfolio.as_ref()))
        }
        Ok(_) | Err(_) => None,
    })
}

fn whose(view: &View, decision: DecisionId, named: Option<PortfolioId>) -> Result<PortfolioId, Fault> {
    match (view.whose(decision), named) {
        (Some(whose), Some(named)) if whose != named => {
            let expected = format!("{whose}, whose decision it is");
            Err(Fault::new(Reason::BadPortfolio, "portfolio_id", named, expected))
        }
        (Some(whose), _) => Ok(whose),
        (None, Some(named)) => Ok(named),
        (None, None) => {
            let expected = "a decision that is still remembered, or its portfolio_id beside it";
            Err(Fault::new(Reason::UnknownDecision, "decision_id", decision, expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::decision::Decision;
    use proto::id::{EntryId, Role, Version};
    use proto::receipt::ReceiptStatus;
    use proto::testing::receipt;
    use proto::value::Mode;

    use super::*;
    use crate::testing;

    fn decision(of: &str) -> Decision {
        let event = testing::snapshot_event(&of.parse().unwrap(), 1);
        testing::decision(&event, Version(1), Mode::Paused, Role::CRO.into())
    }

    fn about(decision: DecisionId, portfolio: Option<&str>) -> (Entry, Result<Decoded, Defect>) {
        let decoded = Decoded {
            portfolio: portfolio.map(|id| id.parse().unwrap()),
            trace_id: None,
            correlation_id: None,
            stale: false,
            body: Body::Receipt(receipt(decision, ReceiptStatus::Applied)),
        };
        (Entry { id: EntryId::default(), fields: Vec::new() }, Ok(decoded))
    }

    async fn shown(view: &View, mut read: Vec<(Entry, Result<Decoded, Defect>)>) -> Vec<String> {
        attribute(view, &mut read).await;
        let show = |(_, one): (_, Result<Decoded, Defect>)| match one {
            Ok(decoded) => decoded.portfolio.unwrap().to_string(),
            Err(defect) => defect.faults[0].mistake.to_string(),
        };
        read.into_iter().map(show).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_receipt_is_its_decisions_portfolios_and_no_others() {
        let view = View::default();
        let alphas = decision("alpha");
        let (known, unknown) = (alphas.decision_id, DecisionId::derive(&["nobody's"]));
        view.begin(1, vec![alphas]);
        let read = vec![
            about(known, None),
            about(known, Some("alpha")),
            about(known, Some("beta")),
            about(unknown, Some("beta")),
            about(unknown, None),
        ];
        let shown = shown(&view, read).await;
        assert_eq!(shown[..2], ["alpha", "alpha"]);
        assert_eq!(shown[2], "portfolio_id: seen beta, expected alpha, whose decision it is");
        assert_eq!(shown[3], "beta");
        assert!(
            shown[4].starts_with(&format!("decision_id: seen {unknown}, expected a decision")),
            "{shown:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_decision_that_is_not_known_yet_is_waited_for() {
        let view = View::default();
        let late = decision("alpha");
        let read = vec![about(late.decision_id, None)];
        let told = async {
            tokio::time::sleep(PATIENCE / 2).await;
            view.begin(1, vec![late]);
        };
        let (shown, ()) = tokio::join!(shown(&view, read), told);
        assert_eq!(shown, ["alpha"]);
    }
}
