//! Where a feed stands in the mesh, and whether the mesh still holds what it was given.
//!
//! EVENTS and DEAD can lose their latest messages, each on its own, and can be made anew. What RULINGS say was ruled, and what
//! this process itself saw stored, tells. Lost events and letters are read again from the backend; a stream made anew is for
//! a person to look at.

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use mesh::nats::Nats;
use mesh::streams::{Description, MeshConfig, describe};
use proto::event::Event;
use proto::id::{EntryId, Sequence};
use proto::letter::Letter;
use proto::ruling::Position;
use proto::subject::Stream;
use proto::wire::Message as _;

use super::plan::Through;
use crate::feed::Feed;

/// The first entry that a stream can have.
const BEFORE_ALL: EntryId = EntryId { millis: 0, number: 0 };

/// The header of an event that names the EVENTS it was given to. One that was under way when that was made anew may stand in the
/// next one, where what it says of a position means nothing.
pub(super) const GIVEN_TO: &str = "Fed-Given-To";

/// A message that this process saw stored: where, and by which message id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) sequence: Sequence,
    pub(super) id: String,
}

/// The latest messages that were seen stored. They decide nothing but whether the streams are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Anchors {
    pub(super) event: Option<Anchor>,
    pub(super) letter: Option<Anchor>,
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Everything up to here is stored.
    pub(super) position: Option<EntryId>,
    /// Everything up to here was read before; what is gone below it is no gap.
    pub(super) seen: Option<EntryId>,
    /// The last letter that is in DEAD.
    pub(super) last_letter: Option<EntryId>,
    /// What the mesh lost.
    pub(super) lost: Option<Lost>,
}

/// What the mesh lost, and is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Events that were stored.
    Events,
    /// Letters that were stored.
    Letters,
}

/// A stream is not the one that was written before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{stream} was made anew: it was created at {now}, and what was written before at {before}. A person has to look, and lets \
     it go on with federation-provision --accept-new {stream}={before} --by NAME"
)]
pub(super) struct MadeAnew {
    stream: &'static str,
    before: String,
    now: String,
}

/// What the mesh tells about a feed.
#[derive(Debug, Default)]
struct Told {
    event: Option<Event>,
    letter: Option<Letter>,
    /// Whether EVENTS holds what was ruled and what was seen stored.
    events_hold: bool,
    /// Whether DEAD holds what was seen stored.
    letters_hold: bool,
    /// Whether EVENTS stands for one that is gone.
    made_anew: bool,
}

/// Asks the mesh where a feed stands, and in which EVENTS. `ruled` is up to where EVENTS was ruled, as far as is known.
///
/// # Errors
/// NATS did not answer, or a stream was [`MadeAnew`].
pub(super) async fn standing(
    nats: &Nats,
    config: &MeshConfig,
    feed: &Feed,
    ruled: Option<Position>,
    anchors: &Anchors,
) -> Result<(Standing, String)> {
    let events = same(nats, config, Stream::Events, "EVENTS").await?;
    let dead = same(nats, config, Stream::Dead, "DEAD").await?;
    let ruled_to = ruled.map(|ruled| ruled_here(ruled, &events)).transpose()?.unwrap_or_default();
    let subject = nats.subjects.events_of_kind(feed.kind.event_kind());
    let event = nats.last_message(Stream::Events, &subject).await?;
    let event = event.filter(|message| was_given_to(&events, &message.headers));
    let event = event.map(|message| Event::from_bytes(&message.payload)).transpose();
    let subject = nats.subjects.dead(feed.kind.event_type());
    let letter = nats.last_message(Stream::Dead, &subject).await?;
    let letter = letter.map(|message| Letter::from_bytes(&message.payload)).transpose();
    let all_ruled = ruled_to.0 <= events.state.last_sequence;
    let told = Told {
        event: event.context("the last event of this type cannot be read")?,
        letter: letter.context("the last letter of this type cannot be read")?,
        events_hold: all_ruled && holds(nats, Stream::Events, &events, anchors.event.as_ref()).await?,
        letters_hold: holds(nats, Stream::Dead, &dead, anchors.letter.as_ref()).await?,
        made_anew: !events.predecessors().is_empty(),
    };
    Ok((told.standing(&feed.stream), events.created))
}

/// Checks that EVENTS is still the one that a feed stands in: what one says that was made anew meanwhile would be no position.
///
/// # Errors
/// It is another, or NATS did not answer.
pub(super) async fn still(nats: &Nats, identity: &str) -> Result<()> {
    let now = describe(nats, &nats.subjects.stream(Stream::Events)).await?.created;
    ensure!(now == identity, "EVENTS is another one, created at {now}");
    Ok(())
}

async fn same(nats: &Nats, config: &MeshConfig, stream: Stream, name: &'static str) -> Result<Description> {
    let description = describe(nats, &nats.subjects.stream(stream)).await?;
    let (before, now) = (config.identity(stream).to_owned(), description.created.clone());
    if description.stands_for(&before) {
        Ok(description)
    } else {
        Err(MadeAnew { stream: name, before, now }.into())
    }
}

/// Whether an event was given to this very EVENTS. One without the header is older than the header.
fn was_given_to(events: &Description, headers: &HeaderMap) -> bool {
    headers.get(GIVEN_TO).is_none_or(|identity| identity.as_str() == events.created)
}

/// Up to where this EVENTS was ruled.
fn ruled_here(ruled: Position, events: &Description) -> Result<Sequence, MadeAnew> {
    if ruled.stream == events.created {
        return Ok(ruled.sequence);
    }
    if events.stands_for(&ruled.stream) {
        return Ok(Sequence(0));
    }
    Err(MadeAnew { stream: "EVENTS", before: ruled.stream, now: events.created.clone() })
}

/// Whether a stream still has a message that was seen in it, or outlived it by its limits.
async fn holds(
    nats: &Nats,
    stream: Stream,
    description: &Description,
    anchor: Option<&Anchor>,
) -> Result<bool> {
    let Some(Anchor { sequence, id }) = anchor else { return Ok(true) };
    let state = &description.state;
    if state.last_sequence < sequence.0 {
        return Ok(false);
    }
    let Some(record) = nats.message(stream, *sequence).await? else {
        return Ok(state.first_sequence > sequence.0);
    };
    Ok(record.headers.get(NATS_MESSAGE_ID).is_some_and(|held| held.as_str() == id))
}

impl Told {
    fn standing(self, stream: &str) -> Standing {
        let through = Through::of(stream, self.event.as_ref(), self.letter.as_ref());
        let letter = self.letter.filter(|letter| letter.stream == stream);
        let lost = match (self.events_hold, self.letters_hold) {
            (true, true) => None,
            (false, _) => Some(Lost::Events),
            (true, false) => Some(Lost::Letters),
        };
        // The first of a feed in an EVENTS that stands for one that is gone: what that one held is read again, and known
        // where it was ruled.
        let again = lost.is_some() || (self.made_anew && self.event.is_none());
        let position = if again { Some(BEFORE_ALL) } else { through.position() };
        Standing { position, seen: through.seen(), last_letter: letter.map(|letter| letter.entry), lost }
    }
}

#[cfg(test)]
mod tests {
    use proto::testing::{MONDAY, event, snapshot};

    use super::*;

    const STREAM: &str = "quantum:stream:portfolio.snapshot_updated";

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn stored(through: &str) -> Event {
        let through = id(through);
        let source = proto::event::Source::Redis { stream: STREAM.into(), entry: through, through };
        Event { source, ..event(MONDAY, proto::event::Body::Snapshot(snapshot())) }
    }

    fn told(events_hold: bool, letters_hold: bool) -> Told {
        Told { event: Some(stored("5-0")), letter: None, events_hold, letters_hold, made_anew: false }
    }

    #[test]
    fn what_holds_is_gone_on_from() {
        let standing = told(true, true).standing(STREAM);
        let five = Some(id("5-0"));
        assert_eq!(standing, Standing { position: five, seen: five, last_letter: None, lost: None });
    }

    #[test]
    fn an_events_that_stands_for_one_that_is_gone_is_given_all_again_until_it_has_the_feed() {
        let anew = |event| Told { event, made_anew: true, ..told(true, true) }.standing(STREAM).position;
        assert_eq!(anew(None), Some(BEFORE_ALL));
        assert_eq!(anew(Some(stored("5-0"))), Some(id("5-0")));
    }

    #[test]
    fn what_was_lost_is_read_again_from_all_that_the_backend_has() {
        for (hold, lost) in [((false, true), Lost::Events), ((true, false), Lost::Letters)] {
            let standing = told(hold.0, hold.1).standing(STREAM);
            assert_eq!((standing.position, standing.seen), (Some(BEFORE_ALL), Some(id("5-0"))));
            assert_eq!(standing.lost, Some(lost));
        }
    }
}
