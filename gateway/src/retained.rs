//! What RULINGS retains: what to do with a ruling whose number lies ahead of the chain that was read so far, and finding one.

use anyhow::Context as _;
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::rulings::head;
use mesh::streams::MeshConfig;
use proto::chain::{Chain, Link};
use proto::id::{PortfolioId, RulingHash, Sequence, SlotCount};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::Message as _;

use crate::emit::fold::Fold;

/// Whether a ruling that lies ahead counts after all: the log keeps only so many rulings of a portfolio, and those in
/// between may be gone. The fold is then taken up at this ruling.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn take_up(
    nats: &Nats,
    slots: SlotCount,
    fold: &mut Fold,
    ruling: &Ruling,
    sequence: Sequence,
    hash: RulingHash,
) -> anyhow::Result<bool> {
    let slot = ruling.portfolio.slot(slots);
    let Some(head) = head(nats, slot, &ruling.portfolio).await? else { return Ok(false) };
    if head.chain.version < ruling.version {
        // The log's own chain is not that far: the ruling is void.
        return Ok(false);
    }
    let this = Chain { version: ruling.version, hash };
    if head.sequence == sequence
        || oldest(nats, &nats.subjects.ruling(slot, &ruling.portfolio)).await? == sequence
    {
        fold.restart_at(&ruling.portfolio, this);
        return Ok(true);
    }
    // It is neither the oldest nor the latest: whatever lies between cannot be told apart, so the chain goes on from the
    // latest, which the effective document shows.
    fold.restart_at(&ruling.portfolio, head.chain);
    Ok(false)
}

/// The first retained ruling of a portfolio that is wanted: `wanted` reads one from its bytes, or passes it over.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn find(
    nats: &Nats,
    config: &MeshConfig,
    portfolio: &PortfolioId,
    wanted: impl Fn(&[u8]) -> Option<Ruling>,
) -> anyhow::Result<Option<Ruling>> {
    let subject = nats.subjects.ruling(portfolio.slot(config.slots), portfolio);
    let Some(last) = nats.last_message(Stream::Rulings, &subject).await? else { return Ok(None) };
    let stream = nats.subjects.stream(Stream::Rulings);
    let mut reader = Reader::new(nats, stream, config.identity(Stream::Rulings), subject, Sequence(1));
    loop {
        let record = reader.next().await?;
        if let Some(ruling) = wanted(&record.payload) {
            return Ok(Some(ruling));
        }
        if record.sequence >= last.sequence {
            return Ok(None);
        }
    }
}

/// Whether the log still holds the ruling that a chain ends with, or outlived it by its limits.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn holds(
    nats: &Nats,
    config: &MeshConfig,
    portfolio: &PortfolioId,
    chain: Chain,
) -> anyhow::Result<bool> {
    let subject = nats.subjects.ruling(portfolio.slot(config.slots), portfolio);
    let Some(oldest) = nats.first_message(Stream::Rulings, &subject).await? else { return Ok(false) };
    let outlived = |link: Link| link.version > chain.version;
    if serde_json::from_slice(&oldest.payload).is_ok_and(outlived) {
        return Ok(true);
    }
    let is_it = |bytes: &[u8]| RulingHash::of(bytes) == chain.hash;
    let wanted = |bytes: &[u8]| is_it(bytes).then(|| Ruling::from_bytes(bytes).ok()).flatten();
    Ok(find(nats, config, portfolio, wanted).await?.is_some())
}

async fn oldest(nats: &Nats, subject: &str) -> anyhow::Result<Sequence> {
    let first = nats.first_message(Stream::Rulings, subject).await?;
    Ok(first.context("its rulings are gone")?.sequence)
}
