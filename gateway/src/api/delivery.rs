//! Whether the backend was told of a decision.

use std::time::Duration;

use anyhow::Context as _;
use proto::decision::Decision;
use serde::Serialize;
use tokio::time::timeout;
use tracing::warn;

use crate::backend::Backend;

/// How long the backend's side is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far a decision is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    /// It stands in the stream of decisions, or stood there.
    Told,
    /// It is not there yet.
    Waits,
    /// Redis does not say.
    Unknown,
}

/// Asks how far a decision is: what its portfolio's ruling of that number decided is told at once.
pub(super) async fn of(backend: &dyn Backend, decision: &Decision) -> Delivery {
    let asked = async {
        let position = backend.downstream().await?.position().await?;
        let told = position.chains.get(&decision.portfolio).map(|chain| chain.version);
        anyhow::Ok(if told >= Some(decision.ruling) { Delivery::Told } else { Delivery::Waits })
    };
    let asked = timeout(PATIENCE, asked).await.context("it does not answer").flatten();
    asked.unwrap_or_else(|failed| {
        warn!(decision_id = %decision.decision_id, "Redis does not say whether it was told: {failed:#}");
        Delivery::Unknown
    })
}
