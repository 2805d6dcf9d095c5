//! One stream as nats-server keeps it. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID};
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use mesh::broker::Record;
use mesh::publish::{NotStored, Stored};
use proto::id::Sequence;
use proto::testing::MONDAY;
use serde_json::json;
use tokio::time::Instant;

/// A stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) config: Config,
    /// As it was made.
    made_with: Config,
    /// The how-many-eth of its name it is.
    nth: u64,
    messages: BTreeMap<u64, Message>,
    /// What the limits removed: nobody in the mesh sees it.
    removed: BTreeMap<u64, Message>,
    last: u64,
    /// By message id: where it went and when.
    known: BTreeMap<String, (u64, Instant)>,
}

#[derive(Debug, Clone)]
struct Message {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
    at: Instant,
}

/// What the server does about the two ways of keeping a message out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// A known message id is told before anything else.
    IdFirst,
    /// A wrong last sequence is told before anything else.
    SequenceFirst,
    /// Expected sequences are not looked at: two writers can both be let in.
    IdOnly,
}

impl Stream {
    pub(crate) fn new(config: Config) -> Self {
        let (messages, removed, known) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { made_with: config.clone(), config, nth: 1, messages, removed, last: 0, known }
    }

    /// When it was created, as a server writes it.
    pub(crate) fn created(&self) -> String {
        format!("2026-01-{:02}T00:00:00.000000000Z", self.nth)
    }

    /// It is deleted, and made again as it was made before.
    pub(crate) fn make_anew(&mut self) {
        *self = Self { nth: self.nth + 1, ..Self::new(self.made_with.clone()) };
    }

    /// Notes in the description that it stands for a stream that is gone.
    pub(crate) fn accept(&mut self, gone: &str) {
        let note = self.config.description.as_deref().unwrap_or("{}");
        if note.contains(gone) {
            return;
        }
        let mut note: serde_json::Value = serde_json::from_str(note).unwrap();
        let accepted = json!({"identity": gone, "by": "ada", "accepted_at": MONDAY});
        match note["stands_for"].as_array_mut() {
            Some(all) => all.push(accepted),
            None => note["stands_for"] = json!([accepted]),
        }
        self.config.description = Some(note.to_string());
    }

    /// Whether messages of this subject go here.
    pub(crate) fn takes(&self, subject: &str) -> bool {
        self.config.subjects.iter().any(|filter| matches(filter, subject))
    }

    pub(crate) fn append(
        &mut self,
        now: Instant,
        checks: Checks,
        subject: &str,
        headers: &HeaderMap,
        payload: &Bytes,
    ) -> Result<Stored, NotStored> {
        self.expire(now);
        let header = |name: &'static str| headers.get(name).map(|value| value.as_str().to_owned());
        let id = header(NATS_MESSAGE_ID.as_ref());
        let expected = header(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE.as_ref());
        let duplicate = id.as_ref().and_then(|id| self.known.get(id)).map(|(sequence, _)| *sequence);
        let duplicate = duplicate.map(|sequence| Ok(Stored::Duplicate(Sequence(sequence))));
        let expected = expected.and_then(|expected| expected.parse::<u64>().ok());
        let last = || self.last(subject).map_or(0, |record| record.sequence.0);
        let wrong =
            expected.filter(|expected| *expected != last()).map(|_| Err(NotStored::WrongLastSequence));
        let refused = match checks {
            Checks::IdFirst => duplicate.or(wrong),
            Checks::SequenceFirst => wrong.or(duplicate),
            Checks::IdOnly => duplicate,
        };
        if let Some(refused) = refused {
            return refused;
        }
        self.last += 1;
        if let Some(id) = id {
            self.known.insert(id, (self.last, now));
        }
        let message = Message {
            subject: subject.to_owned(),
            headers: headers.clone(),
            payload: payload.clone(),
            at: now,
        };
        self.messages.insert(self.last, message);
        self.trim(subject);
        Ok(Stored::New(Sequence(self.last)))
    }

    /// The message at this sequence, or the first after it that matches.
    pub(crate) fn next(&self, filter: &str, from: u64) -> Option<Record> {
        let mut later = self.messages.range(from..).filter(|(_, message)| matches(filter, &message.subject));
        let (sequence, message) = later.next()?;
        Some(record(*sequence, message, later.count() as u64))
    }

    pub(crate) fn pending(&self, filter: &str, from: u64) -> u64 {
        self.messages.range(from..).filter(|(_, message)| matches(filter, &message.subject)).count() as u64
    }

    pub(crate) fn last(&self, filter: &str) -> Option<Record> {
        self.last_until(filter, self.last)
    }

    /// The last message as whoever knows nothing after `until` sees it.
    pub(crate) fn last_until(&self, filter: &str, until: u64) -> Option<Record> {
        let mut backwards = self.messages.range(..=until).rev();
        let (sequence, message) = backwards.find(|(_, message)| matches(filter, &message.subject))?;
        Some(record(*sequence, message, 0))
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<Record> {
        self.messages.get(&sequence).map(|message| record(sequence, message, 0))
    }

    /// Everything that is kept, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Record> {
        self.messages.iter().map(|(sequence, message)| record(*sequence, message, 0))
    }

    /// Everything that was kept at some time and not lost, in order: what whoever had read along would know.
    pub(crate) fn history(&self) -> impl Iterator<Item = Record> {
        let all: BTreeMap<u64, &Message> =
            self.removed.iter().chain(&self.messages).map(|(at, message)| (*at, message)).collect();
        all.into_iter().map(|(sequence, message)| record(sequence, message, 0))
    }

    pub(crate) const fn last_sequence(&self) -> u64 {
        self.last
    }

    /// Of a stream that never held anything it is 0.
    pub(crate) fn first_sequence(&self) -> u64 {
        let none = if self.last == 0 { 0 } else { self.last + 1 };
        self.messages.keys().next().copied().unwrap_or(none)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Message ids are kept in memory: a new leader may not know them.
    pub(crate) fn forget_ids(&mut self) {
        self.known.clear();
    }

    /// Loses its newest messages, as after a power failure: what comes next stands where they stood.
    pub(crate) fn lose(&mut self, newest: usize) {
        for _ in 0..newest {
            self.messages.pop_last();
        }
        self.last = self.messages.keys().next_back().copied().unwrap_or(0);
        self.forget_ids();
    }

    /// Removes what is too old.
    pub(crate) fn expire(&mut self, now: Instant) {
        let young = |at: Instant, age: Duration| age.is_zero() || now.duration_since(at) < age;
        let (age, window) = (self.config.max_age, self.config.duplicate_window);
        self.messages.retain(|_, message| young(message.at, age));
        self.known.retain(|_, (_, at)| young(*at, window));
    }

    fn trim(&mut self, subject: &str) {
        let Ok(most @ 1..) = usize::try_from(self.config.max_messages_per_subject) else { return };
        let of_subject = self.messages.iter().filter(|(_, message)| message.subject == subject);
        let sequences: Vec<u64> = of_subject.map(|(sequence, _)| *sequence).collect();
        for sequence in sequences.iter().take(sequences.len().saturating_sub(most)) {
            self.removed.extend(self.messages.remove_entry(sequence));
        }
    }
}

fn record(sequence: u64, message: &Message, pending: u64) -> Record {
    Record {
        sequence: Sequence(sequence),
        subject: message.subject.clone(),
        headers: message.headers.clone(),
        payload: message.payload.clone(),
        pending,
    }
}

/// Whether a subject matches a filter with `*` and `>`.
pub(crate) fn matches(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(wanted), Some(token)) if wanted == "*" || wanted == token => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn filters_match_as_nats_has_it() {
        for (filter, subject, expected) in [
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("a.*.c", "a.b.c", true),
            ("a.*", "a.b.c", false),
            ("a.b", "a.b", true),
        ] {
            assert_eq!(matches(filter, subject), expected, "{filter} {subject}");
        }
    }
}
