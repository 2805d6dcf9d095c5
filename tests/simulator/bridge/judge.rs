//! What must hold between Redis and the mesh once all is at rest.

use std::collections::{BTreeMap, BTreeSet};

use gateway::feed::FeedKind;
use gateway::keys::{DECISION_MADE, Keys};
use gateway::metrics::{Gap, GapKind, Metrics};
use proto::chain::Chain;
use proto::decision::Decision;
use proto::event::{Event, Source};
use proto::id::{EntryId, PortfolioId, RulingHash};
use proto::letter::Letter;
use proto::ruling::Ruling;
use proto::subject::{Stream, Subjects};
use proto::wire::Message as _;
use serde_json::Value;

use super::backend::STREAMS;
use crate::broker::Bus;
use crate::broker::stream::Stream as Held;
use crate::judge::Wrong;
use crate::redis::{FakeRedis, Fields, Store};

type Entry = (String, EntryId);

/// What is read of the streams and of Redis when all is at rest.
///
/// Every entry that is still in Redis is an event or a letter: EVENTS and DEAD keep what was read, whatever Redis lost. One
/// that was removed unread, and that a Redis which went back has again, is passed over.
///
/// A history of Redis is what it held when it died, or what it holds at the end. In every history each decision was told at
/// most once and in order, with none left out before it; in the last one all are told. Every letter stands at most once in
/// each history, and in one of them at least: what Redis lost with its letters is not told again, for DEAD has it.
///
/// Where RULINGS lost what Redis had been told (`log_lost`), a person has all that is retained told again: each decision
/// stands there then at least once.
pub(super) fn entries_and_decisions(bus: &Bus, redis: &FakeRedis, log_lost: bool) -> Result<(), Wrong> {
    let (last, past) = (redis.store(), redis.past());
    let (events, letters) = ended(bus);
    let removed = redis.removed();
    for stream in STREAMS {
        let entries = last.streams.get(stream).map(|held| &held.entries);
        for id in entries.into_iter().flatten().map(|(id, _)| *id) {
            let entry = (stream.to_owned(), id);
            if ![&events, &letters, &removed].iter().any(|ended| ended.contains(&entry)) {
                return Err(Wrong(format!("entry {id} of {stream} ended nowhere")));
            }
        }
    }
    letters_are_told(&letters, past.iter().chain([&last]))?;
    let made = made(bus);
    if log_lost {
        return every_decision_is_told(&made, &last);
    }
    past.iter().try_for_each(|history| decisions_are_told(&made, history, false))?;
    decisions_are_told(&made, &last, true)
}

/// An entry that was trimmed unread, from a stream of which one before it was read, is counted as a gap.
pub(super) fn trimmed_entries_are_noticed(
    bus: &Bus,
    redis: &FakeRedis,
    metrics: &Metrics,
) -> Result<(), Wrong> {
    let (events, letters) = ended(bus);
    let read: BTreeSet<&Entry> = events.union(&letters).collect();
    if !redis.has_only_trimmed() {
        return Ok(());
    }
    let trimmed = redis.removed();
    for kind in FeedKind::ALL {
        let (event_type, stream) = (kind.event_type(), Keys::default().stream(kind.event_type()));
        let first = read.iter().find(|(of, _)| *of == stream);
        let unread = trimmed.iter().find(|entry| {
            entry.0 == stream && !read.contains(entry) && first.is_some_and(|first| *first < entry)
        });
        let gap = Gap { event_type, kind: GapKind::Trimmed.as_str() };
        if let Some((_, id)) = unread.filter(|_| metrics.upstream_gaps.get_or_create(&gap).get() == 0) {
            return Err(Wrong(format!("entry {id} of {stream} was trimmed unread, and nobody noticed")));
        }
    }
    Ok(())
}

/// The entries that are events, and those that are letters.
fn ended(bus: &Bus) -> (BTreeSet<Entry>, BTreeSet<Entry>) {
    let events = stream(bus, Stream::Events);
    let events = events.all().filter_map(|record| Event::from_bytes(&record.payload).ok());
    let events = events.filter_map(|event| match event.source {
        Source::Redis { stream, entry, .. } => Some((stream.into_owned(), entry)),
        Source::Operator | Source::Clock => None,
    });
    let letters = stream(bus, Stream::Dead);
    let letters = letters.all().map(|record| Letter::from_bytes(&record.payload).unwrap());
    (events.collect(), letters.map(|letter| (letter.stream, letter.entry)).collect())
}

/// Every letter of DEAD stands where backend developers look, or did, and never twice.
fn letters_are_told<'a>(
    letters: &BTreeSet<Entry>,
    histories: impl Iterator<Item = &'a Store>,
) -> Result<(), Wrong> {
    let mut ever = BTreeSet::new();
    for history in histories {
        let mut told = BTreeSet::new();
        for stream in STREAMS {
            let kind = stream.trim_start_matches("quantum:stream:");
            for fields in history.entries(&history.keys.dead_letters(kind)) {
                let entry = (value(&fields, "dlq_stream"), value(&fields, "dlq_entry").parse().unwrap());
                if !told.insert(entry.clone()) {
                    return Err(Wrong(format!("the letter of {} of {} was told twice", entry.1, entry.0)));
                }
            }
        }
        ever.append(&mut told);
    }
    match letters.iter().find(|letter| !ever.contains(*letter)) {
        Some((stream, id)) => {
            Err(Wrong(format!("the letter of {id} of {stream} is in DEAD and was not told")))
        }
        None => Ok(()),
    }
}

/// What a history tells of each portfolio is what was decided, from the first decision on; all of it where `complete`.
fn decisions_are_told(
    made: &BTreeMap<PortfolioId, Vec<Decision>>,
    history: &Store,
    complete: bool,
) -> Result<(), Wrong> {
    let told = told(history);
    for (portfolio, told) in &told {
        if !made.get(portfolio).is_some_and(|made| made.starts_with(told)) {
            return Err(Wrong(format!("what was told of {portfolio} is not what was decided")));
        }
    }
    let left_out =
        made.iter().find(|(portfolio, made)| told.get(*portfolio).map_or(0, Vec::len) < made.len());
    match left_out {
        Some((portfolio, made)) if complete => {
            let told = told.get(portfolio).map_or(0, Vec::len);
            Err(Wrong(format!("{portfolio}: {} decisions were made, {told} told", made.len())))
        }
        Some(_) | None => Ok(()),
    }
}

fn every_decision_is_told(made: &BTreeMap<PortfolioId, Vec<Decision>>, last: &Store) -> Result<(), Wrong> {
    let told = told(last);
    let is_told = |portfolio: &PortfolioId, made: &Decision| {
        told.get(portfolio).is_some_and(|told| told.contains(made))
    };
    for (portfolio, made) in made {
        if let Some(decision) = made.iter().find(|decision| !is_told(portfolio, decision)) {
            return Err(Wrong(format!("decision {} of {portfolio} is not told", decision.decision_id)));
        }
    }
    Ok(())
}

/// What Redis was told of each portfolio.
fn told(history: &Store) -> BTreeMap<PortfolioId, Vec<Decision>> {
    let mut told: BTreeMap<PortfolioId, Vec<Decision>> = BTreeMap::new();
    for fields in history.entries(&history.keys.stream(DECISION_MADE)) {
        let payload: Value = serde_json::from_str(&value(&fields, "payload")).unwrap();
        let decision: Decision = serde_json::from_value(payload["data"].clone()).unwrap();
        told.entry(decision.portfolio.clone()).or_default().push(decision);
    }
    told
}

/// The decisions of the rulings that count.
fn made(bus: &Bus) -> BTreeMap<PortfolioId, Vec<Decision>> {
    let mut chains: BTreeMap<PortfolioId, Chain> = BTreeMap::new();
    let mut made: BTreeMap<PortfolioId, Vec<Decision>> = BTreeMap::new();
    for record in stream(bus, Stream::Rulings).all() {
        let ruling = Ruling::from_bytes(&record.payload).unwrap();
        let chain = chains.entry(ruling.portfolio.clone()).or_default();
        let counts = chain.fold(ruling.version, ruling.previous, RulingHash::of(&record.payload));
        if counts && !ruling.decisions.is_empty() {
            made.entry(ruling.portfolio).or_default().extend(ruling.decisions);
        }
    }
    made
}

fn stream(bus: &Bus, which: Stream) -> Held {
    bus.state().streams[&Subjects::default().stream(which)].clone()
}

fn value(fields: &Fields, name: &str) -> String {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}
