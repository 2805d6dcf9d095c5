//! The bailiff: appends rulings and republishes decisions. The log decides who won; an unclear answer is looked up.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use bytes::Bytes;
use mesh::backoff::Backoff;
use mesh::broker::Record;
use mesh::crash::{self, Step};
use mesh::nats::{LOOK_TIMEOUT, Nats};
use mesh::planted::{self, Bug};
use mesh::publish::{
    ACK_TIMEOUT, NotStored, OUTLAST_ELECTION, Stored, publish_acked, publish_until_stored, with_id,
};
use mesh::rulings::HASH;
use proto::decision::Decision;
use proto::id::{RulingHash, Sequence, Slot};
use proto::ruling::Ruling;
use proto::subject::Stream;
use proto::wire::Message as _;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::metrics::Metrics;

/// The longest pause between attempts to append.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What became of a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It stands in the log.
    Won {
        /// Where.
        sequence: Sequence,
        /// Its hash.
        hash: RulingHash,
    },
    /// Another arbiter's ruling stands in its place.
    Lost,
}

/// Appends rulings and republishes decisions.
#[derive(Clone)]
pub(crate) struct Bailiff {
    pub(crate) nats: Nats,
    pub(crate) metrics: Metrics,
    /// On several servers compare-and-set only saves work: two writers can both be told that theirs went in. On one it
    /// is exact.
    pub(crate) is_replicated: bool,
}

impl Bailiff {
    /// Appends a ruling after the subject's message at `last`; tries until it is clear who won.
    ///
    /// # Errors
    /// The server refuses the message for good: this portfolio cannot go on.
    pub(crate) async fn append(
        &self,
        slot: Slot,
        ruling: &Ruling,
        last: Sequence,
    ) -> anyhow::Result<Appended> {
        let bytes = Bytes::from(ruling.to_bytes().context("a ruling has no JSON form")?);
        let subject = self.nats.subjects.ruling(slot, &ruling.portfolio);
        let headers = headers(ruling, &bytes, last);
        let mut backoff = Backoff::new(Duration::from_millis(50), LONGEST_PAUSE);
        if planted::is(Bug::AnnouncedBeforeRuled) {
            self.announce(&ruling.decisions).await;
        }
        loop {
            let attempt =
                publish_acked(&self.nats, subject.clone(), headers.clone(), bytes.clone(), ACK_TIMEOUT);
            match attempt.await {
                Ok(Stored::New(sequence)) if !self.is_replicated => {
                    return Ok(Appended::Won { sequence, hash: RulingHash::of(&bytes) });
                }
                Ok(Stored::New(_)) => {}
                Ok(Stored::Duplicate(_)) | Err(NotStored::WrongLastSequence) => self.metrics.unclear(),
                Err(NotStored::Unclear(_)) if planted::is(Bug::UnclearIsWon) => {
                    return Ok(Appended::Won { sequence: last, hash: RulingHash::of(&bytes) });
                }
                Err(NotStored::Unclear(_)) if planted::is(Bug::NothingExpectedAndUnclearIsLost) => {
                    return Ok(Appended::Lost);
                }
                Err(NotStored::Unclear(why)) => {
                    self.metrics.unclear();
                    warn!(%subject, "unclear whether a ruling was appended: {why}");
                }
                Err(failed @ (NotStored::TooLarge(_) | NotStored::Refused(_))) => {
                    return Err(failed).with_context(|| format!("cannot append ruling {}", ruling.version));
                }
            }
            match self.look_up(&subject, &bytes, last).await {
                Ok(Some(appended)) => return Ok(appended),
                Ok(None) => {}
                Err(failed) => warn!(%subject, "the leader does not answer: {failed:#}"),
            }
            backoff.wait().await;
        }
    }

    /// Reads the leader: did ours go in, did another's, or (none) neither? What stands first after what was folded decides:
    /// ours counts only there.
    async fn look_up(&self, subject: &str, ours: &Bytes, last: Sequence) -> anyhow::Result<Option<Appended>> {
        let next =
            timeout(LOOK_TIMEOUT, self.nats.next_message(Stream::Rulings, subject, Sequence(last.0 + 1)));
        let next = next.await.with_context(|| format!("not within {LOOK_TIMEOUT:?}"))??;
        let Some(Record { sequence, payload, .. }) = next else { return Ok(None) };
        if payload == *ours {
            return Ok(Some(Appended::Won { sequence, hash: RulingHash::of(ours) }));
        }
        self.metrics.lost();
        info!(subject, %sequence, "another arbiter ruled first");
        Ok(Some(Appended::Lost))
    }

    /// Republishes a ruling's decisions, each on its own subject, in order; tries until they are there.
    pub(crate) async fn announce(&self, decisions: &[Decision]) {
        for decision in decisions {
            let subject = self.nats.subjects.decision(&decision.portfolio, decision.decision_type());
            let mut headers = with_id(&decision.decision_id.to_string());
            mesh::trace::inject(&tracing::Span::current(), &mut headers);
            let bytes = match decision.to_bytes() {
                Ok(bytes) => Bytes::from(bytes),
                Err(failed) => {
                    error!(%subject, "a decision has no JSON form: {failed}");
                    continue;
                }
            };
            while let Err(failed) =
                publish_until_stored(&self.nats, &subject, &headers, &bytes, OUTLAST_ELECTION).await
            {
                error!(%subject, id = %decision.decision_id, "a decision could not be republished: {failed}");
                if matches!(failed, NotStored::TooLarge(_) | NotStored::Refused(_)) {
                    break;
                }
            }
            crash::at(Step::DecisionAnnounced);
        }
    }

    /// Republishes what a stop between a ruling and its decisions left out.
    ///
    /// # Errors
    /// The leader did not answer.
    pub(crate) async fn announce_missing(&self, head: &Ruling) -> anyhow::Result<()> {
        if planted::is(Bug::NothingLeftOutIsAnnounced) {
            return Ok(());
        }
        let subject = self.nats.subjects.decisions_of(&head.portfolio);
        let last = self.nats.last_message(Stream::Decisions, &subject).await?;
        let last = last.map(|message| Decision::from_bytes(&message.payload)).transpose()?;
        self.announce(missing(head, last.as_ref())).await;
        Ok(())
    }
}

/// The decisions of the latest ruling that are not out yet, when the last one out is this. Decisions go out in order,
/// and all of a ruling before the next is given.
fn missing<'a>(head: &'a Ruling, last: Option<&Decision>) -> &'a [Decision] {
    let Some(last) = last else { return &head.decisions };
    let out = head.decisions.iter().position(|decision| decision.decision_id == last.decision_id);
    match out {
        Some(index) => &head.decisions[index + 1..],
        None if last.ruling >= head.version => &[],
        None => &head.decisions,
    }
}

fn headers(ruling: &Ruling, bytes: &[u8], last: Sequence) -> HeaderMap {
    // Rivals for one place in the chain share the id; a void ruling of that version follows another one and does not.
    let Ruling { portfolio, version, previous, .. } = ruling;
    let mut headers = with_id(&format!("{portfolio}.{version}.{previous}"));
    headers.insert(HASH, RulingHash::of(bytes).to_string().as_str());
    if !planted::is(Bug::NothingExpectedAndUnclearIsLost) {
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, last.to_string().as_str());
    }
    mesh::trace::inject(&tracing::Span::current(), &mut headers);
    headers
}
