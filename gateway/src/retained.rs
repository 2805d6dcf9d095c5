//! What RULINGS retains: what to do with a ruling whose number lies ahead of the chain that was read so far, and finding one.

use anyhow::Context as _;
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::rulings::counts;
use mesh::rulings::fold::Candidate;
use mesh::streams::MeshConfig;
use proto::chain::{Chain, Link};
use proto::id::{PortfolioId, RulingHash, Sequence, SlotCount};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::Message as _;

use crate::emit::fold::Fold;

/// Whether a ruling that lies ahead counts after all: the log keeps only so many rulings of a portfolio, and those in
/// between may be gone. The fold is then taken up at this ruling. What the log's own fold does not count is void, however
/// far ahead it says that it is: what counts may follow it.
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
    let Ruling { portfolio, version, previous, .. } = ruling;
    let read = Candidate { sequence, version: *version, previous: *previous, hash };
    let counts = counts(nats, portfolio.slot(slots), portfolio, read).await?;
    if counts {
        fold.restart_at(portfolio, Chain { version: *version, hash });
    }
    Ok(counts)
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
    find_up_to(nats, config, subject, last.sequence, wanted).await
}

async fn find_up_to(
    nats: &Nats,
    config: &MeshConfig,
    subject: String,
    last: Sequence,
    wanted: impl Fn(&[u8]) -> Option<Ruling>,
) -> anyhow::Result<Option<Ruling>> {
    let stream = nats.subjects.stream(Stream::Rulings);
    let mut reader = Reader::new(nats, stream, config.identity(Stream::Rulings), subject, Sequence(1));
    loop {
        let record = reader.next().await?;
        if let Some(ruling) = wanted(&record.payload) {
            return Ok(Some(ruling));
        }
        if record.sequence >= last {
            return Ok(None);
        }
    }
}

/// Whether the log still holds the ruling that a chain ends with, or outlived it by its limits. `seen` is a later ruling of the
/// portfolio that was read already: no answer that may be older is asked how far to look.
///
/// # Errors
/// RULINGS cannot be read now.
pub async fn holds(
    nats: &Nats,
    config: &MeshConfig,
    portfolio: &PortfolioId,
    chain: Chain,
    seen: Sequence,
) -> anyhow::Result<bool> {
    let subject = nats.subjects.ruling(portfolio.slot(config.slots), portfolio);
    let oldest = nats.first_message(Stream::Rulings, &subject).await?;
    let oldest =
        oldest.with_context(|| format!("NATS answers with an older RULINGS than was read up to {seen}"))?;
    let outlived = |link: Link| link.version > chain.version;
    if serde_json::from_slice(&oldest.payload).is_ok_and(outlived) {
        return Ok(true);
    }
    let is_it = |bytes: &[u8]| RulingHash::of(bytes) == chain.hash;
    let wanted = |bytes: &[u8]| is_it(bytes).then(|| Ruling::from_bytes(bytes).ok()).flatten();
    Ok(find_up_to(nats, config, subject, seen, wanted).await?.is_some())
}
