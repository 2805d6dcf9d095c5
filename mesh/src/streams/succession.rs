//! A stream that was made anew, and that a person lets stand for the one that is gone.
//!
//! Who accepted it, when, and for which stream, stands in the new stream's own description: wherever that stream is, there
//! it is known, and one that is made anew again has to be accepted again.

use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use futures::TryStreamExt as _;
use proto::id::SlotCount;
use proto::subject::Stream;
use proto::time::Time;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Description, describe};
use crate::nats::Nats;
use crate::node::BadConfiguration;

/// The most streams that one stands for: a description is bounded.
const MOST: usize = 16;
/// The longest name of who accepts.
const MAX_NAME_CHARS: usize = 64;

/// What stands in a stream's description, so that every service sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// Of EVENTS: fixed when the mesh is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slots: Option<SlotCount>,
    /// The streams that this one stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) stands_for: Vec<Predecessor>,
}

/// A stream that is gone, and that another stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// When it was created, as the server told it.
    pub identity: String,
    /// Who said so.
    pub by: String,
    /// When that was.
    pub accepted_at: Time,
}

/// What a person accepts: `EVENTS=2026-01-31T09:30:00.123Z`, the stream and when the one that is gone was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    stream: Stream,
    identity: String,
}

impl FromStr for Acceptance {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected EVENTS=CREATED or DEAD=CREATED, as /readyz tells it";
        let (name, identity) = text.split_once('=').ok_or(expected)?;
        let stream = match name {
            "EVENTS" => Stream::Events,
            "DEAD" => Stream::Dead,
            _ => return Err(expected.to_owned()),
        };
        identity.parse::<Time>().map_err(|failed| format!("{identity:?}: {failed}; {expected}"))?;
        Ok(Self { stream, identity: identity.to_owned() })
    }
}

impl Note {
    /// Reads a description; a stream that has none stands for none.
    pub(super) fn read(description: Option<&str>) -> Option<Self> {
        description.map_or_else(|| Some(Self::default()), |text| serde_json::from_str(text).ok())
    }

    /// The description; none where there is nothing to say.
    pub(super) fn description(&self) -> Option<String> {
        (*self != Self::default()).then(|| serde_json::to_string(self).unwrap_or_default())
    }
}

impl Description {
    /// The streams that this one stands for.
    pub fn predecessors(&self) -> Vec<Predecessor> {
        Note::read(self.config.description.as_deref()).unwrap_or_default().stands_for
    }

    /// Whether this is the stream of that identity, or stands for it.
    pub fn stands_for(&self, identity: &str) -> bool {
        self.created == identity || self.predecessors().iter().any(|gone| gone.identity == identity)
    }
}

/// Lets streams that were made anew stand for those that are gone.
///
/// # Errors
/// It cannot be accepted, or the server did not answer.
pub async fn accept(nats: &Nats, accepted: &[Acceptance], by: &str) -> anyhow::Result<()> {
    let named = (1..=MAX_NAME_CHARS).contains(&by.chars().count());
    ensure!(
        named,
        BadConfiguration::new(format!("--by {by:?}: expected a name of 1 to {MAX_NAME_CHARS} characters"))
    );
    for Acceptance { stream, identity } in accepted {
        accept_one(nats, *stream, identity, by).await?;
    }
    Ok(())
}

async fn accept_one(nats: &Nats, stream: Stream, identity: &str, by: &str) -> anyhow::Result<()> {
    let name = nats.subjects.stream(stream);
    let description = describe(nats, &name).await?;
    if description.stands_for(identity) {
        warn!(stream = name, identity, "it stands for that one already");
        return Ok(());
    }
    let text = description.config.description.as_deref();
    let mut note = Note::read(text).with_context(|| format!("the description of {name} is {text:?}"))?;
    if let Some(slots) = note.slots {
        same_slots(nats, slots).await?;
    }
    ensure!(note.stands_for.len() < MOST, "{name} stands for {MOST} others already");
    let (by, accepted_at) = (by.to_owned(), nats.clock.now());
    note.stands_for.push(Predecessor { identity: identity.to_owned(), by: by.clone(), accepted_at });
    let config =
        async_nats::jetstream::stream::Config { description: note.description(), ..description.config };
    let updated = nats.connection()?.jetstream.update_stream(&config).await;
    updated.with_context(|| format!("cannot change the description of {name}"))?;
    warn!(stream = name, created = description.created, stands_for = identity, by, "accepted");
    Ok(())
}

/// A portfolio's rulings stand under its slot: on another number of slots nobody would find them.
async fn same_slots(nats: &Nats, slots: SlotCount) -> anyhow::Result<()> {
    let rulings = nats.subjects.stream(Stream::Rulings);
    let stream = nats.connection()?.jetstream.get_stream(rulings).await.context("no RULINGS")?;
    let all = nats.subjects.of_stream(Stream::Rulings);
    let mut subjects = stream.info_with_subjects(all).await.context("cannot list the rulings")?;
    while let Some((subject, _)) = subjects.try_next().await.context("cannot list the rulings")? {
        match nats.subjects.parse_ruling(&subject) {
            Some((slot, portfolio)) if portfolio.slot(slots) != slot => {
                bail!(BadConfiguration::new(format!(
                    "EVENTS was made with {slots} slots, and {portfolio} was ruled in slot {slot}: make it with as many as before"
                )))
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_read_as_it_is_told() {
        let read = |text: &str| text.parse::<Acceptance>();
        let events = read("EVENTS=2026-11-28T01:02:03.123456789Z").unwrap();
        assert_eq!(
            (events.stream, events.identity.as_str()),
            (Stream::Events, "2026-11-28T01:02:03.123456789Z")
        );
        assert_eq!(read("DEAD=2026-11-28T01:02:03Z").unwrap().stream, Stream::Dead);
        for wrong in ["EVENTS", "RULINGS=2026-11-28T01:02:03Z", "EVENTS=yesterday", ""] {
            assert!(read(wrong).unwrap_err().contains("expected EVENTS=CREATED"), "{wrong}");
        }
    }

    #[test]
    fn a_note_reads_back_and_says_nothing_where_there_is_nothing() {
        let gone =
            Predecessor { identity: "x".to_owned(), by: "ada".to_owned(), accepted_at: Time::default() };
        let note = Note { slots: Some(SlotCount::default()), stands_for: vec![gone] };
        assert_eq!(Note::read(note.description().as_deref()), Some(note));
        assert_eq!(Note::read(None).unwrap().description(), None);
        assert_eq!(Note::read(Some("made by hand")), None);
    }
}
