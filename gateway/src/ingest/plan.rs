//! What is published for a batch of entries, in which order, and with which position.
//!
//! Each portfolio's events are one chain, published in order; chains are published side by side. An event says up to
//! where everything of its stream is stored once it is stored itself: for a single chain that is its own entry, for
//! several it is what was through before the batch.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::{Event, Source};
use proto::id::{EntryId, EventId, PortfolioId, TraceId};
use proto::letter::Letter;
use proto::wire::Schema;

use super::decode::{Decoded, Defect, Entry};
use super::letter::letter;
use crate::feed::Feed;

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parcel {
    /// What happened.
    Event(Box<Event>),
    /// What could not be used.
    Letter(Box<Letter>),
}

/// Parcels that are published one after another.
pub type Chain = Vec<Parcel>;

/// Whom a parcel is for: parcels for the same are one chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Letters,
    Portfolio(PortfolioId),
}

/// Plans the publishing of a batch. `floor` is what was through before it.
pub fn plan(
    feed: &Feed,
    floor: EntryId,
    known: &BTreeSet<PortfolioId>,
    batch: &[(Entry, Result<Decoded, Defect>)],
) -> Vec<Chain> {
    let mut lanes: BTreeMap<Lane, Chain> = BTreeMap::new();
    for (entry, read) in batch {
        match read {
            Ok(decoded) => {
                for portfolio in concerned(decoded, known) {
                    let event = event(feed, entry.id, floor, decoded, portfolio.clone());
                    lanes.entry(Lane::Portfolio(portfolio)).or_default().push(Parcel::Event(Box::new(event)));
                }
            }
            Err(defect) => {
                let letter = letter(feed, entry, defect, floor);
                lanes.entry(Lane::Letters).or_default().push(Parcel::Letter(Box::new(letter)));
            }
        }
    }
    let mut chains: Vec<Chain> = lanes.into_values().collect();
    if let [only] = chains.as_mut_slice() {
        only.iter_mut().for_each(Parcel::is_through_itself);
    }
    chains
}

/// The event that an entry is, for one portfolio.
fn event(feed: &Feed, entry: EntryId, through: EntryId, decoded: &Decoded, portfolio: PortfolioId) -> Event {
    let id = EventId::derive(&["redis", &feed.stream, &entry.to_string(), portfolio.as_str()]);
    Event {
        schema: Schema::Event,
        id,
        at: entry.time(),
        source: Source::Redis { stream: feed.stream.clone(), entry, through },
        trace_id: decoded.trace_id.unwrap_or_else(|| TraceId::from(id)),
        correlation_id: decoded.correlation_id.clone().unwrap_or_else(|| id.to_string()),
        stale: decoded.stale,
        body: decoded.body.clone(),
        portfolio,
    }
}

/// Whom an entry concerns: the portfolio that it names, or everybody who is known, or `main` when nobody is.
fn concerned(decoded: &Decoded, known: &BTreeSet<PortfolioId>) -> Vec<PortfolioId> {
    match &decoded.portfolio {
        Some(portfolio) => vec![portfolio.clone()],
        None if known.is_empty() => vec![PortfolioId::main()],
        None => known.iter().cloned().collect(),
    }
}

impl Parcel {
    fn is_through_itself(&mut self) {
        match self {
            Self::Event(event) => {
                if let Source::Redis { entry, through, .. } = &mut event.source {
                    *through = *entry;
                }
            }
            Self::Letter(letter) => letter.through = letter.entry,
        }
    }
}

/// Up to where a stream is through, as its latest event and its latest letter say; none when it has neither.
pub fn position(stream: &str, event: Option<&Event>, letter: Option<&Letter>) -> Option<EntryId> {
    let of_event = event.and_then(|event| match &event.source {
        Source::Redis { stream: other, through, .. } if other == stream => Some(*through),
        Source::Redis { .. } | Source::Operator | Source::Clock => None,
    });
    let of_letter = letter.filter(|letter| letter.stream == stream).map(|letter| letter.through);
    of_event.max(of_letter)
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

    /// Each chain as `portfolio entry through`, or `letter entry through`.
    fn shown(chains: &[Chain]) -> Vec<Vec<String>> {
        let show = |parcel: &Parcel| match parcel {
            Parcel::Event(event) => match &event.source {
                Source::Redis { entry, through, .. } => format!("{} {entry} {through}", event.portfolio),
                Source::Operator | Source::Clock => panic!("{event:?}"),
            },
            Parcel::Letter(letter) => format!("letter {} {}", letter.entry, letter.through),
        };
        chains.iter().map(|chain| chain.iter().map(show).collect()).collect()
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
            plan(&feed(), id("4-0"), &self::known(known), &batch)
                .into_iter()
                .flatten()
                .map(|parcel| match parcel {
                    Parcel::Event(event) => {
                        assert_eq!(event.trace_id, TraceId::from(event.id));
                        assert_eq!(event.correlation_id, event.id.to_string());
                        event.id
                    }
                    Parcel::Letter(letter) => panic!("{letter:?}"),
                })
                .collect()
        };
        let both = ids(&["a", "b"]);
        assert_ne!(both[0], both[1]);
        assert_eq!(both[1], ids(&["b"])[0]);
    }

    #[test]
    fn the_position_is_the_later_of_event_and_letter() {
        let chains = plan(&feed(), id("4-0"), &known(&[]), &[(entry("5-0"), health(Some("a")))]);
        let Parcel::Event(event) = &chains[0][0] else { panic!("no event") };
        let chains = plan(&feed(), id("5-0"), &known(&[]), &[(entry("6-0"), defect())]);
        let Parcel::Letter(letter) = &chains[0][0] else { panic!("no letter") };
        let stream = feed().stream;
        assert_eq!(position(&stream, None, None), None);
        assert_eq!(position(&stream, Some(event), None), Some(id("5-0")));
        assert_eq!(position(&stream, Some(event), Some(letter)), Some(id("6-0")));
        assert_eq!(position("quantum:stream:other", Some(event), Some(letter)), None);
    }
}
