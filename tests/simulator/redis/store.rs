//! What a Redis holds, and what each command of the gateway does to it. Pure: the time is an argument.

use std::collections::BTreeMap;

use gateway::emit::batch::{Batch, Outgoing, chain_text};
use gateway::emit::downstream::{Document, Written};
use gateway::emit::encode::OutEntry;
use gateway::ingest::upstream::Extent;
use gateway::keys::{DECISION_MADE, FEDERATION_HEALTH, Keys};
use proto::id::{EntryId, PortfolioId, Sequence};
use proto::letter::{Letter, RawValue};
use proto::time::{Period, Time};

/// An entry's names and values, in order.
pub(crate) type Fields = Vec<(String, String)>;

/// How long each stream becomes that the gateway writes.
const MAX_ENTRIES: usize = 10_000;

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) keys: Keys,
    /// By key.
    pub(crate) streams: BTreeMap<String, Stream>,
    /// The hash that says how far decisions were written.
    pub(crate) position: BTreeMap<String, String>,
    /// The hash of where each stream was first read from.
    pub(crate) first_starts: BTreeMap<String, EntryId>,
    /// The hash of the last letter of each stream.
    pub(crate) last_letters: BTreeMap<String, String>,
    /// What is in effect, and until when it is shown.
    pub(crate) documents: BTreeMap<PortfolioId, (String, Time)>,
}

/// A stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) entries: BTreeMap<EntryId, Fields>,
    last_generated: Option<EntryId>,
    /// How many entries were ever added.
    added: u64,
}

impl Store {
    /// `XADD key * …`: the id is the time, unless that is not after the last one.
    pub(crate) fn add(&mut self, stream: &str, fields: Fields, now: Time) -> EntryId {
        let stream = self.streams.entry(stream.to_owned()).or_default();
        let id = stream.next_id(now);
        stream.insert(id, fields);
        id
    }

    /// `XADD key id …`; the id has to be after the last one.
    pub(crate) fn add_at(&mut self, stream: &str, id: EntryId, fields: Fields) {
        self.streams.entry(stream.to_owned()).or_default().insert(id, fields);
    }

    /// What it trims.
    pub(crate) fn trim(&mut self, stream: &str, keep: usize) -> Vec<EntryId> {
        self.streams.get_mut(stream).map(|stream| stream.trim(keep)).unwrap_or_default()
    }

    pub(crate) fn delete(&mut self, stream: &str) {
        self.streams.remove(stream);
    }

    pub(crate) fn extent(&self, stream: &str) -> Option<Extent> {
        let stream = self.streams.get(stream)?;
        let first = stream.entries.keys().next().copied();
        let (length, added) = (stream.entries.len() as u64, Some(stream.added));
        Some(Extent { first, last_generated: stream.last_generated?, length, added })
    }

    /// Where a stream was first read from for this EVENTS: from here, where nobody has said so before.
    pub(crate) fn began(&mut self, stream: &str, events: &str, here: EntryId) -> EntryId {
        *self.first_starts.entry(format!("{stream}@{events}")).or_insert(here)
    }

    pub(crate) fn after(&self, stream: &str, after: EntryId, most: usize) -> Vec<(EntryId, Fields)> {
        let Some(stream) = self.streams.get(stream) else { return Vec::new() };
        let later = stream.entries.iter().filter(|(id, _)| **id > after).take(most);
        later.map(|(id, fields)| (*id, fields.clone())).collect()
    }

    /// Writes a batch of rulings: decisions and documents of what is new, and the position, all at once.
    pub(crate) fn write(&mut self, identity: &str, batch: &Batch, ttl: Period, now: Time) -> Written {
        if self.position.get("stream").is_some_and(|stream| stream != identity) {
            return Written::OtherStream;
        }
        let through = self.through();
        if through < batch.base {
            return Written::Behind;
        }
        for ruling in batch.rulings.iter().filter(|ruling| ruling.sequence > through) {
            self.write_ruling(ruling, ttl, now);
        }
        if batch.through > through {
            self.position.insert("stream".to_owned(), identity.to_owned());
            self.position.insert("sequence".to_owned(), batch.through.to_string());
        }
        Written::Done
    }

    fn write_ruling(&mut self, ruling: &Outgoing, ttl: Period, now: Time) {
        let stream = self.keys.stream(DECISION_MADE);
        for entry in &ruling.entries {
            self.add_bounded(&stream, of_entry(entry), now);
        }
        let Outgoing { portfolio, version, .. } = ruling;
        self.position.insert(format!("portfolio:{portfolio}"), chain_text(*version, ruling.hash));
        if let Some(json) = &ruling.document {
            let document = Document { portfolio: portfolio.clone(), version: *version, json: json.clone() };
            self.show(&document, ttl, now);
        }
    }

    /// Renews documents, but none with an older one than stands there.
    pub(crate) fn renew(&mut self, documents: &[Document], ttl: Period, now: Time) {
        for document in documents {
            self.show(document, ttl, now);
        }
    }

    fn show(&mut self, document: &Document, ttl: Period, now: Time) {
        let shown = format!("effective:{}", document.portfolio);
        let latest = self.position.get(&shown).and_then(|version| version.parse().ok()).unwrap_or(0);
        if document.version.0 >= latest {
            self.position.insert(shown, document.version.to_string());
            self.documents.insert(document.portfolio.clone(), (document.json.clone(), now.after(ttl)));
        }
    }

    pub(crate) fn tell(&mut self, entry: &OutEntry, now: Time) {
        self.add_bounded(&self.keys.stream(FEDERATION_HEALTH), of_entry(entry), now);
    }

    /// Writes a letter, unless one of this entry or a later one of its stream stands there already.
    pub(crate) fn write_letter(&mut self, letter: &Letter, now: Time) {
        let known = self.last_letters.get(&letter.stream).and_then(|known| known.parse::<EntryId>().ok());
        if known.is_some_and(|known| letter.entry <= known) {
            return;
        }
        self.add_bounded(&self.keys.dead_letters(&letter.event_type), of_letter(letter), now);
        self.last_letters.insert(letter.stream.clone(), letter.entry.to_string());
    }

    /// The RULINGS sequence up to which everything was written.
    pub(crate) fn through(&self) -> Sequence {
        Sequence(self.position.get("sequence").and_then(|sequence| sequence.parse().ok()).unwrap_or(0))
    }

    /// The entries of a stream, in order.
    pub(crate) fn entries(&self, stream: &str) -> Vec<Fields> {
        self.streams.get(stream).map(|stream| stream.entries.values().cloned().collect()).unwrap_or_default()
    }

    fn add_bounded(&mut self, stream: &str, fields: Fields, now: Time) {
        self.add(stream, fields, now);
        self.trim(stream, MAX_ENTRIES);
    }
}

impl Stream {
    fn next_id(&self, now: Time) -> EntryId {
        let now = EntryId { millis: now.as_millis().unsigned_abs(), number: 0 };
        match self.last_generated {
            Some(last) if last >= now => EntryId { number: last.number + 1, ..last },
            Some(_) | None => now,
        }
    }

    fn insert(&mut self, id: EntryId, fields: Fields) {
        self.last_generated = Some(id);
        self.added += 1;
        self.entries.insert(id, fields);
    }

    fn trim(&mut self, keep: usize) -> Vec<EntryId> {
        let surplus = self.entries.len().saturating_sub(keep);
        let trimmed: Vec<EntryId> = self.entries.keys().take(surplus).copied().collect();
        for id in &trimmed {
            self.entries.remove(id);
        }
        trimmed
    }
}

fn of_entry(entry: &OutEntry) -> Fields {
    entry.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn of_letter(letter: &Letter) -> Fields {
    let mistakes = serde_json::to_string(&letter.mistakes).unwrap();
    let entry = letter.entry.to_string();
    let ours = [
        ("dlq_reason", letter.reason.as_str()),
        ("dlq_mistakes", &mistakes),
        ("dlq_stream", &letter.stream),
        ("dlq_entry", &entry),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let as_they_came = letter.fields.iter().map(|field| match &field.value {
        RawValue::Text(text) => (field.name.clone(), text.clone()),
        RawValue::Base64(base64) => (format!("{}_base64", field.name), base64.clone()),
    });
    ours.into_iter().chain(as_they_came).collect()
}
