//! What to do with a ruling whose number lies ahead of the chain that was read so far.

use mesh::nats::Nats;
use mesh::rulings::head;
use proto::chain::Chain;
use proto::id::{RulingHash, Sequence, SlotCount};
use proto::ruling::Ruling;
use proto::subject::Stream;

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

async fn oldest(nats: &Nats, subject: &str) -> anyhow::Result<Sequence> {
    let stream = nats.jetstream.get_stream_no_info(nats.subjects.stream(Stream::Rulings)).await?;
    let message = stream.get_first_raw_message_by_subject(subject, 1).await?;
    Ok(Sequence(message.sequence))
}
