//! Why something was decided: the ruling that holds the decision, as long as the log keeps it.

use std::time::Duration;

use anyhow::Context;
use mesh::nats::Nats;
use mesh::streams::MeshConfig;
use proto::chain::Link;
use proto::decision::Decision;
use proto::id::Sequence;
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::Message as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::retained;
use crate::view::Said;

/// How long looking for a ruling may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ruling that holds a decision; none when the log does not keep it any more.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn ruling_of(nats: &Nats, config: &MeshConfig, said: &Said) -> anyhow::Result<Option<Ruling>> {
    let found = match said.sequence {
        Some(sequence) => at(nats, sequence).await?,
        None => {
            timeout(PATIENCE, look_for(nats, config, &said.decision)).await.context("it took too long")??
        }
    };
    Ok(found.filter(|ruling| holds(ruling, &said.decision)))
}

/// What a person wants to know of a ruling.
pub fn why(ruling: &Ruling) -> Value {
    json!({
        "ruling": ruling.version,
        "position": ruling.position,
        "event": ruling.event,
        "hearing": ruling.hearing,
        "proposals": ruling.outcomes,
        "holds_before": ruling.before.holds.values().collect::<Vec<_>>(),
        "holds_after": ruling.after.holds.values().collect::<Vec<_>>(),
        "effective_before": ruling.before.effective,
        "effective_after": ruling.after.effective,
        "policy": ruling.terms.policy,
    })
}

fn holds(ruling: &Ruling, decision: &Decision) -> bool {
    ruling.decisions.iter().any(|held| held.decision_id == decision.decision_id)
}

async fn at(nats: &Nats, sequence: Sequence) -> anyhow::Result<Option<Ruling>> {
    let kept = nats.message(Stream::Rulings, sequence).await?;
    Ok(kept.map(|record| Ruling::from_bytes(&record.payload)).transpose()?)
}

/// Looks through the portfolio's retained rulings for the one with the decision's number that holds it.
async fn look_for(nats: &Nats, config: &MeshConfig, decision: &Decision) -> anyhow::Result<Option<Ruling>> {
    let wanted = |bytes: &[u8]| {
        let link = serde_json::from_slice::<Link>(bytes).ok()?;
        let ruling = (link.version == decision.ruling).then(|| Ruling::from_bytes(bytes).ok())?;
        ruling.filter(|ruling| holds(ruling, decision))
    };
    retained::find(nats, config, &decision.portfolio, wanted).await
}
