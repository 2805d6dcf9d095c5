//! EVENTS holds what the backend said, what is due, and what was ordered by hand, under derived ids; each is ruled once, and every
//! ruling is of an event that stands where the ruling says, in order.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::{Body, Event, Source};
use proto::id::{EventId, PortfolioId, Sequence};

use super::Matter;
use crate::sent::{Item, Meaning, number_of};

pub(super) fn check(matter: &Matter<'_>) -> Vec<String> {
    let mut wrong = strangers(matter);
    wrong.extend(ruled_once(matter));
    wrong.extend(in_order(matter));
    wrong
}

/// Nothing is in EVENTS that nobody said. An entry may stand there twice, when it was read again after the broker had forgotten
/// its message id: what counts is that it is ruled once.
fn strangers(matter: &Matter<'_>) -> Vec<String> {
    let items: BTreeMap<u64, &Item> = matter.sent.items.iter().map(|item| (item.number, item)).collect();
    let mut wrong = Vec::new();
    for (sequence, event) in &matter.read.events {
        let Event { portfolio, body, .. } = event;
        let known = match &event.source {
            Source::Redis { stream, entry, .. } => {
                let item = number_of(&event.correlation_id).and_then(|number| items.get(&number));
                event.id == Event::id_of_entry(stream, *entry, portfolio, body)
                    && item.is_some_and(|item| concerns(item, stream, portfolio, matter.portfolios))
            }
            Source::Clock => match body {
                Body::ClockDue(due) => *event == Event::clock_due(portfolio, due.due),
                Body::Snapshot(_)
                | Body::Health(_)
                | Body::Model(_)
                | Body::Receipt(_)
                | Body::Command(_) => false,
            },
            Source::Operator => match body {
                Body::Command(command) => command.reason == "torture",
                Body::Snapshot(_)
                | Body::Health(_)
                | Body::Model(_)
                | Body::Receipt(_)
                | Body::ClockDue(_) => false,
            },
        };
        if !known {
            wrong.push(format!("EVENTS {sequence}: {} for {portfolio} is not what anybody said", event.id));
        }
    }
    wrong
}

fn concerns(item: &Item, stream: &str, portfolio: &PortfolioId, all: &BTreeSet<PortfolioId>) -> bool {
    let there = stream == format!("quantum:stream:{}", item.event_type);
    there
        && match &item.meaning {
            Meaning::About(only) => only == portfolio,
            Meaning::Everybody => all.contains(portfolio),
            Meaning::Unusable => false,
        }
}

/// Every event has one ruling that counts, and every ruling an event.
fn ruled_once(matter: &Matter<'_>) -> Vec<String> {
    let mut rulings: BTreeMap<EventId, u64> = BTreeMap::new();
    for ruling in &matter.read.rulings {
        *rulings.entry(ruling.event.id).or_default() += 1;
    }
    let mut wrong: Vec<String> = rulings
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(event, count)| format!("event {event} has {count} rulings"))
        .collect();
    let mut told = BTreeSet::new();
    for (sequence, event) in &matter.read.events {
        if told.insert(event.id) && !rulings.contains_key(&event.id) && !was_overtaken(matter, event) {
            let Event { id, portfolio, .. } = event;
            wrong.push(format!("EVENTS {sequence}: {} {id} of {portfolio} has no ruling", event.kind()));
        }
    }
    wrong
}

/// Whether an entry that Redis lost by a roll-back was still in a gateway's hands, and came when later ones of its stream were
/// ruled already: it is passed over, as older than what was ruled. Redis never had it, as far as anybody can tell.
fn was_overtaken(matter: &Matter<'_>, event: &Event) -> bool {
    let Source::Redis { stream, entry, .. } = &event.source else { return false };
    let still_there = matter.tape.redis.entries.values().any(|entries| entries.contains(entry));
    let lost = |taken: &crate::sent::Taken| taken.entry == *entry && matter.sent.is_rolled_back(taken.at);
    let later = |ruling: &proto::ruling::Ruling| match &ruling.event.source {
        Source::Redis { stream: other, entry: ruled, .. } => {
            ruling.portfolio == event.portfolio && other == stream && ruled > entry
        }
        Source::Operator | Source::Clock => false,
    };
    !still_there && matter.sent.taken.iter().any(lost) && matter.read.rulings.iter().any(later)
}

/// Each ruling is of the event at its position, and a portfolio's positions go up.
fn in_order(matter: &Matter<'_>) -> Vec<String> {
    let mut latest: BTreeMap<&PortfolioId, Sequence> = BTreeMap::new();
    let mut wrong = Vec::new();
    for ruling in &matter.read.rulings {
        let (portfolio, version, sequence) = (&ruling.portfolio, ruling.version, ruling.position.sequence);
        if matter.read.events.get(&sequence.0) != Some(&ruling.event) {
            wrong.push(format!(
                "ruling {version} of {portfolio} is of another event than stands at EVENTS {sequence}"
            ));
        }
        let before = latest.insert(portfolio, sequence);
        if before.is_some_and(|before| before >= sequence) {
            wrong.push(format!(
                "ruling {version} of {portfolio} is of EVENTS {sequence}, and the one before of a later one"
            ));
        }
    }
    wrong
}
