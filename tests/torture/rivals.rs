//! Rival rulings: what a broker that admits two writers lets into the log. Each is a ruling that another arbiter could have
//! given, which heard nobody; it comes too late, and nobody may go by it.

use anyhow::{Context as _, Result};
use court::Matter;
use proto::id::PortfolioId;
use proto::ruling::{Absence, Heard, HeardReview, Ruling};
use proto::wire::Message as _;

use crate::door::Door;

/// Puts a rival of the latest ruling of each of these portfolios into the log.
pub(crate) async fn rival(door: &Door, portfolios: &[PortfolioId]) -> Result<()> {
    let jetstream = async_nats::jetstream::new(door.open().await?);
    let stream = jetstream.get_stream_no_info("RULINGS").await?;
    for portfolio in portfolios {
        let subject = format!("fed.ruling.*.{portfolio}");
        let latest = stream.get_last_raw_message_by_subject(&subject).await.context("no latest ruling")?;
        let rival = rival_of(&Ruling::from_bytes(&latest.payload)?)?;
        jetstream.publish(latest.subject.to_string(), rival.into()).await?.await?;
    }
    Ok(())
}

fn rival_of(ruling: &Ruling) -> Result<Vec<u8>> {
    let mut matter = Matter::from(ruling);
    for heard in matter.hearing.roles.values_mut() {
        *heard = Heard::Absent { why: Absence::Timeout };
    }
    if let Some(HeardReview::Opinion { role, .. } | HeardReview::Absent { role, .. }) =
        matter.hearing.review.take()
    {
        matter.hearing.review = Some(HeardReview::Absent { role, why: Absence::Timeout });
    }
    Ok(court::rule(&ruling.terms, matter).to_bytes()?)
}
