//! Redis entries: of every feed, in every shape, in every unit.
//!
//! An input is text: a line `<feed> <unit> <entry id>`, then one field a line, `name=value`; a `payload` takes all the
//! rest. So a corpus file reads like what a producer sent.

use std::collections::BTreeSet;

use gateway::feed::{DrawdownUnit, Feed, FeedKind};
use gateway::ingest::decode::{Age, Decoded, Defect, Entry, Field, MAX_PAYLOAD_BYTES, decode};
use gateway::ingest::letter::letter;
use gateway::ingest::plan::plan;
use proto::event::{Body, EssState, Event, Health, ModelPerformance, Snapshot, SystemStatus};
use proto::id::{EntryId, PortfolioId};
use proto::number::{Ratio, Usd};
use proto::receipt::Receipt;
use proto::time::Period;

use crate::Taken;
use crate::judge::{MESSAGE_MOST_BYTES, NOW, same_again, share, tell_the_mesh, told};

const MAX_SKEW: Period = Period::from_secs(60);
const MAX_EVENT_AGE: Period = Period::from_secs(60);

pub(crate) fn run(input: &[u8]) -> Taken {
    let (feed, entry) = parse(input);
    let age = Age { now: NOW, max_event_age: MAX_EVENT_AGE, max_skew: MAX_SKEW };
    let read = decode(&feed, &entry, &age);
    assert_eq!(read, decode(&feed, &entry, &age), "the same entry is read as the same");
    let later = decode(&feed, &entry, &Age { now: NOW.after(Period::from_hours(1)), ..age });
    match &read {
        Ok(decoded) => {
            let later = later.expect("what is read now is read later");
            assert!(later.stale >= decoded.stale, "what is stale stays so");
            taken(&feed, &entry, decoded);
            Taken::Yes
        }
        Err(defect) => refused(&feed, &entry, defect),
    }
}

fn parse(input: &[u8]) -> (Feed, Entry) {
    let mut rest = input;
    let head = String::from_utf8_lossy(line(&mut rest)).into_owned();
    let mut words = head.split_whitespace();
    let kind = match words.next() {
        Some("health") => FeedKind::Health,
        Some("model") => FeedKind::Model,
        Some("receipt") => FeedKind::Receipt,
        Some(_) | None => FeedKind::Snapshot,
    };
    let drawdown = match words.next() {
        Some("percent") => DrawdownUnit::Percent,
        Some("negative") => DrawdownUnit::Negative,
        Some(_) | None => DrawdownUnit::Fraction,
    };
    let just_now = EntryId { millis: NOW.as_millis().unsigned_abs() - 1000, number: 0 };
    let id = words.next().and_then(|word| word.parse().ok()).unwrap_or(just_now);
    let feed = Feed { kind, stream: format!("quantum:stream:{kind}"), drawdown };
    (feed, Entry { id, fields: fields(rest) })
}

fn fields(mut rest: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        if let Some(payload) = rest.strip_prefix(b"payload=") {
            fields.push(Field { name: b"payload".to_vec(), value: payload.to_vec() });
            break;
        }
        let line = line(&mut rest);
        let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = value.strip_prefix(b"=").unwrap_or(value);
        fields.push(Field { name: name.to_vec(), value: value.to_vec() });
    }
    fields
}

/// The next line, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.strip_prefix(b"\n").unwrap_or(after);
    line
}

fn refused(feed: &Feed, entry: &Entry, defect: &Defect) -> Taken {
    let letter = letter(feed, entry, defect, entry.id);
    assert_eq!(letter.reason, defect.reason().as_str());
    let bytes = same_again(&letter);
    assert!(bytes.len() <= MESSAGE_MOST_BYTES, "a letter of {} bytes cannot be stored", bytes.len());
    told(&letter.mistakes)
}

fn taken(feed: &Feed, entry: &Entry, decoded: &Decoded) {
    let bytes: usize = entry.fields.iter().map(|field| field.name.len() + field.value.len()).sum();
    assert!(bytes <= MAX_PAYLOAD_BYTES);
    assert!(entry.id.time() <= NOW.after(MAX_SKEW), "an entry from the future");
    in_range(&decoded.body);
    let events = events(feed, entry.clone(), decoded);
    for event in &events {
        let bytes = same_again(event);
        assert!(bytes.len() <= MESSAGE_MOST_BYTES, "an event of {} bytes cannot be stored", bytes.len());
        assert_eq!(event.kind(), feed.kind.event_kind());
    }
    let Some(first) = events.into_iter().next() else { panic!("an entry that concerns nobody") };
    let again = EntryId { millis: entry.id.millis.saturating_add(5000), ..entry.id };
    let second = events_at(feed, entry, again, decoded, &first.portfolio);
    tell_the_mesh(&first.portfolio.clone(), [first].into_iter().chain(second));
}

fn events(feed: &Feed, entry: Entry, decoded: &Decoded) -> Vec<Event> {
    let known: BTreeSet<PortfolioId> = ["alpha", "main"].iter().filter_map(|id| id.parse().ok()).collect();
    let plan = plan(feed, EntryId::default(), &known, &[(entry, Ok(decoded.clone()))]);
    assert!(plan.letters.is_empty(), "a letter for what can be used");
    plan.chains.into_iter().flatten().collect()
}

/// The same said once more a little later, to the same portfolio.
fn events_at(feed: &Feed, entry: &Entry, id: EntryId, decoded: &Decoded, whose: &PortfolioId) -> Vec<Event> {
    let mut all = events(feed, Entry { id, fields: entry.fields.clone() }, decoded);
    all.retain(|event| event.portfolio == *whose);
    all
}

fn in_range(body: &Body) {
    match body {
        Body::Snapshot(snapshot) => snapshot_in_range(snapshot),
        Body::Health(health) => health_in_range(health),
        Body::Model(model) => model_in_range(model),
        Body::Receipt(receipt) => receipt_in_range(receipt),
        Body::ClockDue(_) | Body::Command(_) => panic!("no feed tells of {body:?}"),
    }
}

fn snapshot_in_range(snapshot: &Snapshot) {
    share(snapshot.drawdown_pct);
    snapshot.max_drawdown_pct.into_iter().chain(snapshot.win_rate_today).for_each(share);
    assert!(snapshot.total_exposure_usd >= Usd::ZERO, "{snapshot:?}");
    assert!(snapshot.reported_at.is_none_or(|at| at <= NOW.after(MAX_SKEW)), "{snapshot:?}");
}

fn health_in_range(health: &Health) {
    let unknown = !health.unknown_words.is_empty();
    let warned = health.system_status >= SystemStatus::Degraded && health.ess_state >= EssState::Warning;
    assert!(!unknown || warned, "a word that nobody knows was read as well: {health:?}");
}

fn receipt_in_range(receipt: &Receipt) {
    let detail = receipt.detail.as_deref().unwrap_or("-").chars().count();
    assert!((1..=Receipt::MAX_DETAIL_CHARS).contains(&detail), "{receipt:?}");
    let effective = receipt.effective.clone().map(|object| serde_json::Value::Object(object).to_string());
    assert!(effective.is_none_or(|text| text.len() <= Receipt::MAX_EFFECTIVE_BYTES), "{receipt:?}");
}

fn model_in_range(model: &ModelPerformance) {
    assert!((1..=64).contains(&model.model_name.chars().count()), "{model:?}");
    model.win_rate.into_iter().for_each(share);
    let not_negative = [model.profit_factor, model.days_since_training];
    assert!(not_negative.into_iter().flatten().all(|value| value >= Ratio::ZERO), "{model:?}");
}
