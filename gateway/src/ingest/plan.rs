//! What is published for a batch of entries, in which order, and with which position.
//!
//! Each portfolio's events are one chain, published in order; chains are published side by side, after the letters. What is
//! published says up to where everything of its stream is stored once it is stored itself: where all is one chain that is
//! its own entry, otherwise what was through before the batch.

use std::collections::{BTreeMap, BTreeSet};

use mesh::planted::{self, Bug};
use proto::event::{Event, Source};
use proto::id::{EntryId, EventId, PortfolioId, TraceId};
use proto::letter::Letter;
use proto::wire::Schema;

use super::decode::{Decoded, Defect, Entry};
use super::letter::letter;
use crate::feed::Feed;

/// What is published for a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What could not be used, in order.
    pub letters: Vec<Letter>,
    /// Each portfolio's events, in order.
    pub chains: Vec<Vec<Event>>,
}

/// Plans the publishing of a batch. `floor` is what was through before it.
pub fn plan(
    feed: &Feed,
    floor: EntryId,
    known: &BTreeSet<PortfolioId>,
    batch: &[(Entry, Result<Decoded, Defect>)],
) -> Plan {
    let mut letters = Vec::new();
    let mut chains: BTreeMap<PortfolioId, Vec<Event>> = BTreeMap::new();
    for (entry, read) in batch {
        match read {
            Ok(decoded) => {
                for portfolio in concerned(decoded, known) {
                    let event = event(feed, entry.id, floor, decoded, portfolio.clone());
                    chains.entry(portfolio).or_default().push(event);
                }
            }
            Err(defect) => letters.push(letter(feed, entry, defect, floor)),
        }
    }
    let mut plan = Plan { letters, chains: chains.into_values().collect() };
    plan.claim_more();
    plan
}

impl Plan {
    /// Where everything is one chain, each parcel is through with itself.
    fn claim_more(&mut self) {
        if planted::is(Bug::EveryEntryIsThrough) {
            self.chains.iter_mut().flatten().for_each(through_itself);
        }
        match self.chains.as_mut_slice() {
            [] => self.letters.iter_mut().for_each(|letter| letter.through = letter.entry),
            [only] if self.letters.is_empty() => only.iter_mut().for_each(through_itself),
            _ => {}
        }
    }
}

fn through_itself(event: &mut Event) {
    match &mut event.source {
        Source::Redis { entry, through, .. } => *through = *entry,
        Source::Operator | Source::Clock => {}
    }
}

/// The event that an entry is, for one portfolio.
fn event(feed: &Feed, entry: EntryId, through: EntryId, decoded: &Decoded, portfolio: PortfolioId) -> Event {
    let id = Event::id_of_entry(&feed.stream, entry, &portfolio, &decoded.body);
    Event {
        schema: Schema::Event,
        id,
        at: entry.time(),
        source: Source::Redis { stream: feed.stream.clone().into(), entry, through },
        trace_id: decoded.trace_id.unwrap_or_else(|| TraceId::from(id)),
        correlation_id: decoded.correlation_id.clone().unwrap_or_else(|| id.to_string()),
        stale: decoded.stale,
        body: decoded.body.clone(),
        portfolio,
    }
}

/// What NATS drops an event by that is published twice: its entry. The same told under another entry is stored with that
/// entry, so that the position moves on; who rules knows it by its id.
pub fn message_id(event: &Event) -> EventId {
    match &event.source {
        Source::Redis { stream, entry, .. } => {
            EventId::derive(&["redis", stream, &entry.to_string(), event.portfolio.as_str()])
        }
        Source::Operator | Source::Clock => event.id,
    }
}

/// Whom an entry concerns: the portfolio that it names or that it was given to, or everybody who is known, or `main` when nobody is.
fn concerned(decoded: &Decoded, known: &BTreeSet<PortfolioId>) -> Vec<PortfolioId> {
    match &decoded.portfolio {
        Some(portfolio) => vec![portfolio.clone()],
        None if known.is_empty() => vec![PortfolioId::main()],
        None => known.iter().cloned().collect(),
    }
}

/// Up to where a stream is through, as its latest event says and as its latest letter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Through {
    event: Option<EntryId>,
    letter: Option<EntryId>,
}

impl Through {
    /// What these two say; none where there is none of this stream.
    pub fn of(stream: &str, event: Option<&Event>, letter: Option<&Letter>) -> Self {
        let event = event.and_then(|event| match &event.source {
            Source::Redis { stream: other, through, .. } if other == stream => Some(*through),
            Source::Redis { .. } | Source::Operator | Source::Clock => None,
        });
        Self { event, letter: letter.filter(|letter| letter.stream == stream).map(|letter| letter.through) }
    }

    /// Where to go on. A letter vouches for the events before it only where there is none: DEAD may keep what EVENTS lost.
    /// The letters after the last event are read again, and known.
    pub fn position(self) -> Option<EntryId> {
        self.event.or(self.letter)
    }

    /// Up to where everything was read before.
    pub fn seen(self) -> Option<EntryId> {
        self.event.max(self.letter)
    }
}

#[cfg(test)]
mod tests {
    use proto::event::{Body, EssState, Health, SystemStatus};

    use super::*;
    use crate::feed::{DrawdownUnit, FeedKind};
    use crate::fields::{Fault, Reason};

    fn feed() -> Feed {
        Feed {
            kind: FeedKind::Health,
            stream: "quantum:stream:system.health_updated".to_owned(),
            drawdown: DrawdownUnit::Fraction,
        }
    }

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn entry(at: &str) -> Entry {
        Entry { id: id(at), fields: Vec::new() }
    }

    fn health(portfolio: Option<&str>) -> Result<Decoded, Defect> {
        let body = Body::Health(Health {
            system_status: SystemStatus::Healthy,
            ess_state: EssState::Nominal,
            unknown_words: Vec::new(),
            reported_at: None,
        });
        let portfolio = portfolio.map(|id| id.parse().unwrap());
        Ok(Decoded { portfolio, trace_id: None, correlation_id: None, stale: false, body })
    }

    fn defect() -> Result<Decoded, Defect> {
        Err(Fault::new(Reason::NotJson, "payload", "x", "JSON").into())
    }

    fn known(ids: &[&str]) -> BTreeSet<PortfolioId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Each letter as `letter entry through`, then each chain as `portfolio entry through`.
    fn shown(plan: &Plan) -> Vec<Vec<String>> {
        let letters: Vec<String> =
            plan.letters.iter().map(|letter| format!("letter {} {}", letter.entry, letter.through)).collect();
        let show = |event: &Event| match &event.source {
            Source::Redis { entry, through, .. } => format!("{} {entry} {through}", event.portfolio),
            Source::Operator | Source::Clock => panic!("{event:?}"),
        };
        let chains = plan.chains.iter().map(|chain| chain.iter().map(show).collect());
        std::iter::once(letters).chain(chains).filter(|lane: &Vec<String>| !lane.is_empty()).collect()
    }

    #[test]
    fn a_single_chain_is_through_with_each_entry() {
        let batch = [(entry("5-0"), health(Some("a"))), (entry("6-0"), health(Some("a")))];
        assert_eq!(shown(&plan(&feed(), id("4-0"), &known(&[]), &batch)), [["a 5-0 5-0", "a 6-0 6-0"]]);
    }

    #[test]
    fn several_chains_are_through_only_up_to_where_the_batch_began() {
        let batch =
            [(entry("5-0"), health(Some("a"))), (entry("6-0"), defect()), (entry("7-0"), health(Some("b")))];
        assert_eq!(
            shown(&plan(&feed(), id("4-0"), &known(&[]), &batch)),
            [["letter 6-0 4-0"], ["a 5-0 4-0"], ["b 7-0 4-0"]]
        );
    }

    #[test]
    fn what_names_nobody_concerns_everybody_known_and_main_if_nobody_is() {
        let batch = [(entry("5-0"), health(None))];
        assert_eq!(
            shown(&plan(&feed(), id("4-0"), &known(&["a", "b"]), &batch)),
            [["a 5-0 4-0"], ["b 5-0 4-0"]]
        );
        assert_eq!(shown(&plan(&feed(), id("4-0"), &known(&[]), &batch)), [["main 5-0 5-0"]]);
    }

    #[test]
    fn identity_is_derived_from_entry_and_portfolio() {
        let batch = [(entry("5-0"), health(None))];
        let ids = |known: &[&str]| -> Vec<EventId> {
            let plan = plan(&feed(), id("4-0"), &self::known(known), &batch);
            plan.chains.into_iter().flatten().map(|event| event.id).collect()
        };
        let event = &plan(&feed(), id("4-0"), &known(&[]), &batch).chains[0][0];
        assert_eq!((event.trace_id, &event.correlation_id), (TraceId::from(event.id), &event.id.to_string()));
        let both = ids(&["a", "b"]);
        assert_ne!(both[0], both[1]);
        assert_eq!(both[1], ids(&["b"])[0]);
    }

    #[test]
    fn what_is_told_again_has_its_identity_and_an_entry_and_position_of_its_own() {
        let told = |seconds: i64| {
            let mut read = health(Some("a")).unwrap();
            if let Body::Health(health) = &mut read.body {
                health.reported_at = Some(proto::time::Time::from_millis(seconds * 1000));
            }
            Ok(read)
        };
        let batch = [(entry("5-0"), told(1)), (entry("6-0"), told(2)), (entry("7-0"), told(1))];
        let plan = plan(&feed(), id("4-0"), &known(&[]), &batch);
        assert_eq!(shown(&plan), [["a 5-0 5-0", "a 6-0 6-0", "a 7-0 7-0"]]);
        let [first, other, again] = plan.chains[0].as_slice() else { panic!("{plan:?}") };
        assert_eq!(first.id, again.id, "the same content and time are the same event");
        assert_ne!(first.id, other.id, "told anew, with a time of its own, it is another");
        assert_ne!(message_id(first), message_id(again), "both are stored, so that the position moves on");
        assert_eq!(message_id(first), EventId::derive(&["redis", &feed().stream, "5-0", "a"]));
    }

    #[test]
    fn a_letter_does_not_vouch_for_events_that_are_gone() {
        let plan_of = |entry, read| plan(&feed(), id("4-0"), &known(&[]), &[(entry, read)]);
        let events = plan_of(entry("5-0"), health(Some("a"))).chains;
        let letters = plan_of(entry("6-0"), defect()).letters;
        let (event, letter) = (Some(&events[0][0]), Some(&letters[0]));
        let stream = feed().stream;
        let through = |stream: &str, event, letter| {
            let through = Through::of(stream, event, letter);
            (through.position(), through.seen())
        };
        assert_eq!(through(&stream, None, None), (None, None));
        assert_eq!(through(&stream, event, None), (Some(id("5-0")), Some(id("5-0"))));
        assert_eq!(through(&stream, event, letter), (Some(id("5-0")), Some(id("6-0"))));
        assert_eq!(through(&stream, None, letter), (Some(id("6-0")), Some(id("6-0"))));
        assert_eq!(through("quantum:stream:other", event, letter), (None, None));
    }
}
