//! Every entry that Redis took ends once: what is usable is ruled, said again it is the same, and the rest is a dead letter.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::Source;
use proto::id::{EntryId, PortfolioId};

use super::Matter;
use crate::sent::{Item, Meaning, number_of};

/// The entries of one item.
struct Entries<'a> {
    item: &'a Item,
    /// Those that Redis has, or answered for and did not lose by a roll-back: they have to end.
    due: BTreeSet<EntryId>,
}

pub(super) fn check(matter: &Matter<'_>) -> Vec<String> {
    let mut due: BTreeMap<u64, BTreeSet<EntryId>> = BTreeMap::new();
    for (number, entries) in &matter.tape.redis.entries {
        due.entry(*number).or_default().extend(entries);
    }
    for taken in &matter.sent.taken {
        let there = due.entry(taken.number).or_default();
        if !there.contains(&taken.entry) && !matter.sent.is_rolled_back(taken.at) {
            there.insert(taken.entry);
        }
    }
    let ruled = ruled(matter);
    let letters = Letters::of(matter);
    let mut wrong = Vec::new();
    for item in &matter.sent.items {
        let entries = Entries { item, due: due.get(&item.number).cloned().unwrap_or_default() };
        match &item.meaning {
            Meaning::About(portfolio) => wrong.extend(entries.ruled_once(&ruled, portfolio)),
            Meaning::Everybody => {
                wrong.extend(
                    matter.portfolios.iter().flat_map(|portfolio| entries.ruled_once(&ruled, portfolio)),
                );
            }
            Meaning::Unusable => wrong.extend(entries.buried_once(&letters)),
        }
    }
    wrong.extend(letters.strangers(matter));
    wrong
}

/// The entries that were ruled, by item and portfolio.
type Ruled<'a> = BTreeMap<(u64, &'a PortfolioId), Vec<EntryId>>;

fn ruled<'a>(matter: &'a Matter<'_>) -> Ruled<'a> {
    let mut ruled = Ruled::new();
    for ruling in &matter.read.rulings {
        let number = number_of(&ruling.event.correlation_id);
        if let (Some(number), Source::Redis { entry, .. }) = (number, &ruling.event.source) {
            ruled.entry((number, &ruling.portfolio)).or_default().push(*entry);
        }
    }
    ruled
}

impl Entries<'_> {
    fn ruled_once(&self, ruled: &Ruled<'_>, portfolio: &PortfolioId) -> Vec<String> {
        let Item { number, event_type, timed, .. } = self.item;
        let none = Vec::new();
        let found = ruled.get(&(*number, portfolio)).unwrap_or(&none);
        let about = format!("item {number} ({event_type}) for {portfolio}");
        if *timed {
            return match (found.as_slice(), self.due.first()) {
                ([], Some(entry)) => vec![format!("{about}: entry {entry} has no ruling")],
                ([_, _, ..], _) => {
                    vec![format!("{about}: ruled {} times, as entries {found:?}", found.len())]
                }
                ([] | [_], _) => Vec::new(),
            };
        }
        let count = |entry: &EntryId| found.iter().filter(|ruled| *ruled == entry).count();
        let entries: BTreeSet<&EntryId> = self.due.iter().chain(found).collect();
        let not_once = entries.into_iter().filter(|entry| count(entry) != 1);
        not_once.map(|entry| format!("{about}: entry {entry} has {} rulings", count(entry))).collect()
    }

    fn buried_once(&self, letters: &Letters) -> Vec<String> {
        let stream = format!("quantum:stream:{}", self.item.event_type);
        let mut wrong = Vec::new();
        for entry in &self.due {
            let key = (stream.clone(), *entry);
            let (dead, told) = (letters.in_dead(&key), letters.in_redis(&key));
            if dead != 1 {
                wrong.push(format!(
                    "item {}: unusable entry {entry} of {stream} has {dead} letters in DEAD",
                    self.item.number
                ));
            }
            if told > 1 || (told == 0 && letters.is_due_in_redis(*entry)) {
                wrong.push(format!(
                    "item {}: unusable entry {entry} of {stream} has {told} letters in Redis",
                    self.item.number
                ));
            }
        }
        wrong
    }
}

/// The dead letters, counted by stream and entry.
struct Letters {
    dead: BTreeMap<(String, EntryId), u64>,
    redis: BTreeMap<(String, EntryId), u64>,
    /// A roll-back takes letters along that stand in DEAD: in Redis every letter of an entry from then on has to be there.
    since: i64,
}

impl Letters {
    fn of(matter: &Matter<'_>) -> Self {
        let count = |keys: &mut dyn Iterator<Item = (String, EntryId)>| {
            let mut counts = BTreeMap::new();
            keys.for_each(|key| *counts.entry(key).or_default() += 1);
            counts
        };
        let since = matter.sent.rolled_back.iter().map(|window| window.back.as_millis()).max();
        Self {
            dead: count(&mut matter.read.letters.iter().map(|letter| (letter.stream.clone(), letter.entry))),
            redis: count(&mut matter.tape.redis.letters.iter().cloned()),
            since: since.unwrap_or(0),
        }
    }

    fn in_dead(&self, key: &(String, EntryId)) -> u64 {
        self.dead.get(key).copied().unwrap_or(0)
    }

    fn in_redis(&self, key: &(String, EntryId)) -> u64 {
        self.redis.get(key).copied().unwrap_or(0)
    }

    fn is_due_in_redis(&self, entry: EntryId) -> bool {
        entry.time().as_millis() >= self.since
    }

    /// Letters of entries that are usable, or that nobody published; and letters that stand twice.
    fn strangers(&self, matter: &Matter<'_>) -> Vec<String> {
        let unusable: BTreeMap<u64, &Item> = matter
            .sent
            .items
            .iter()
            .filter(|item| item.meaning == Meaning::Unusable)
            .map(|item| (item.number, item))
            .collect();
        let mark = |letter: &proto::letter::Letter| {
            letter.fields.iter().find(|field| field.name == "correlation_id").and_then(|field| {
                match &field.value {
                    proto::letter::RawValue::Text(text) => number_of(text),
                    proto::letter::RawValue::Base64(_) => None,
                }
            })
        };
        let mut wrong = Vec::new();
        for letter in &matter.read.letters {
            if !mark(letter).is_some_and(|number| unusable.contains_key(&number)) {
                wrong.push(format!(
                    "DEAD: entry {} of {} is usable: {}",
                    letter.entry, letter.stream, letter.reason
                ));
            }
        }
        for ((stream, entry), count) in self.dead.iter().chain(&self.redis).filter(|(_, count)| **count > 1) {
            wrong.push(format!("entry {entry} of {stream} has {count} letters in one place"));
        }
        wrong
    }
}
