//! What must hold whatever went wrong: read from the streams alone, as any reader would.

use std::collections::{BTreeMap, BTreeSet};

use mesh::broker::Record;
use proto::chain::Chain;
use proto::decision::Decision;
use proto::event::{Event, Source};
use proto::id::{DecisionId, EntryId, EventId, PortfolioId, RulingHash, Sequence, Slot, SlotCount};
use proto::ruling::Ruling;
use proto::subject::{Stream, Subjects};
use proto::wire::Message as _;
use replay::{Policies, Verifier};

use crate::broker::Bus;
use crate::life::POLICY;

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

/// A ruling that counts, and where it stands.
struct Counted {
    sequence: Sequence,
    bytes: Vec<u8>,
    ruling: Ruling,
}

/// Reads streams and keeps what it read.
pub(crate) struct Judge {
    bus: Bus,
    slots: SlotCount,
    subjects: Subjects,
    read: BTreeMap<Stream, u64>,
    chains: BTreeMap<PortfolioId, Chain>,
    counted: Vec<Counted>,
    void: u64,
    /// The first place of each event, as EVENTS has it.
    events: BTreeMap<EventId, (Sequence, Event)>,
    decisions: Vec<Decision>,
    upstream_lost: bool,
    /// Streams that lost their newest messages.
    lost: BTreeSet<Stream>,
}

impl Judge {
    pub(crate) fn new(bus: &Bus, slots: SlotCount) -> Self {
        Self {
            bus: bus.clone(),
            slots,
            subjects: Subjects::default(),
            read: BTreeMap::new(),
            chains: BTreeMap::new(),
            counted: Vec::new(),
            void: 0,
            events: BTreeMap::new(),
            decisions: Vec::new(),
            upstream_lost: false,
            lost: BTreeSet::new(),
        }
    }

    /// Redis lost entries, so that one gateway may have read what another could not any more.
    pub(crate) const fn forgive_what_redis_lost(&mut self) {
        self.upstream_lost = true;
    }

    /// These streams lost their newest messages. Rulings on events that are gone then stay, and name places that others
    /// have now; what came of rulings that are gone was announced, and stays so.
    pub(crate) fn forgive_what_the_broker_lost(&mut self, lost: BTreeSet<Stream>) {
        self.upstream_lost |= lost.contains(&Stream::Events);
        self.lost = lost;
    }

    /// Whether an event was stored after a later entry of its stream: it is known then, and not ruled. That can be only
    /// where Redis lost the entry before another gateway had read it, for each gateway stores them in order.
    fn came_too_late(&self, at: Sequence, event: &Event) -> bool {
        let Source::Redis { stream, entry, .. } = &event.source else { return false };
        let is_later = |(place, other): &(Sequence, Event)| {
            let Source::Redis { stream: its, entry: later, .. } = &other.source else { return false };
            *place < at && other.portfolio == event.portfolio && its == stream && later > entry
        };
        self.upstream_lost && self.events.values().any(is_later)
    }

    /// How many rulings there are, void ones included.
    pub(crate) fn rulings(&self) -> u64 {
        self.counted.len() as u64 + self.void
    }

    /// Where a stream ends.
    pub(crate) fn end_of(&self, stream: Stream) -> Sequence {
        Sequence(self.bus.state().streams[&self.subjects.stream(stream)].last_sequence())
    }

    /// What is not settled yet, of the events up to `until`.
    pub(crate) fn open(&mut self, until: Sequence) -> Vec<String> {
        self.look();
        let ruled: BTreeSet<EventId> = self.counted.iter().map(|counted| counted.ruling.event.id).collect();
        let unruled = self.events.iter().filter(|(id, (at, event))| {
            *at <= until && !ruled.contains(id) && !self.came_too_late(*at, event)
        });
        let mut open: Vec<String> = unruled
            .map(|(_, (at, event))| format!("event {at} of {} is not ruled", event.portfolio))
            .collect();
        let out: BTreeSet<DecisionId> = self.decisions.iter().map(|decision| decision.decision_id).collect();
        let made = self.counted.iter().flat_map(|counted| &counted.ruling.decisions);
        let missing = made.filter(|decision| !out.contains(&decision.decision_id));
        open.extend(missing.map(|decision| {
            let Decision { portfolio, ruling, .. } = decision;
            format!("a decision of ruling {ruling} of {portfolio} is not announced")
        }));
        open
    }

    /// Everything, once all is at rest.
    pub(crate) fn judge(&mut self) -> Result<(), Wrong> {
        self.look();
        self.each_event_is_ruled_once()?;
        self.rulings_are_in_order()?;
        self.watermarks_hold()?;
        self.rulings_are_those_of_the_model()?;
        self.announced_is_what_counts()
    }

    fn look(&mut self) {
        for record in self.new_in(Stream::Events) {
            if let Ok(event) = Event::from_bytes(&record.payload) {
                self.events.entry(event.id).or_insert((record.sequence, event));
            }
        }
        for record in self.new_in(Stream::Rulings) {
            let ruling = Ruling::from_bytes(&record.payload).unwrap();
            let chain = self.chains.entry(ruling.portfolio.clone()).or_default();
            if chain.fold(ruling.version, ruling.previous, RulingHash::of(&record.payload)) {
                let bytes = record.payload.to_vec();
                self.counted.push(Counted { sequence: record.sequence, bytes, ruling });
            } else {
                self.void += 1;
            }
        }
        for record in self.new_in(Stream::Decisions) {
            self.decisions.push(Decision::from_bytes(&record.payload).unwrap());
        }
    }

    fn new_in(&mut self, stream: Stream) -> Vec<Record> {
        let read = self.read.entry(stream).or_default();
        let state = self.bus.state();
        let stored = &state.streams[&self.subjects.stream(stream)];
        let new = stored.history().filter(|record| record.sequence.0 > *read).collect();
        *read = stored.last_sequence();
        new
    }

    fn each_event_is_ruled_once(&self) -> Result<(), Wrong> {
        let mut ruled = BTreeMap::new();
        for Counted { sequence, ruling, .. } in &self.counted {
            let id = ruling.event.id;
            if let Some(before) = ruled.insert(id, sequence) {
                return wrong(format!("event {id} was ruled twice, at {before} and at {sequence}"));
            }
            match self.events.get(&id) {
                Some((_, event)) if *event == ruling.event => {}
                // It may be gone, or stored anew with another position.
                None | Some(_) if self.lost.contains(&Stream::Events) => {}
                Some(_) | None => {
                    return wrong(format!("ruling {sequence} is on an event that is not in EVENTS"));
                }
            }
        }
        Ok(())
    }

    /// Entries of one stream are ruled in their order, portfolio by portfolio; places in EVENTS too.
    fn rulings_are_in_order(&self) -> Result<(), Wrong> {
        let mut entries: BTreeMap<(&PortfolioId, &str), EntryId> = BTreeMap::new();
        let mut places: BTreeMap<&PortfolioId, Sequence> = BTreeMap::new();
        for Counted { sequence, ruling, .. } in &self.counted {
            let Ruling { portfolio, position, event, .. } = ruling;
            let out_of_order =
                places.insert(portfolio, position.sequence).is_some_and(|before| before >= position.sequence);
            if out_of_order && !self.lost.contains(&Stream::Events) {
                return wrong(format!("ruling {sequence} of {portfolio} is out of order"));
            }
            let Source::Redis { stream, entry, .. } = &event.source else { continue };
            if entries.insert((portfolio, stream), *entry).is_some_and(|before| before >= *entry) {
                return wrong(format!("ruling {sequence} of {portfolio} is on an entry before the last one"));
            }
        }
        Ok(())
    }

    /// Where a ruling says that everything up to a place is through, it is.
    fn watermarks_hold(&self) -> Result<(), Wrong> {
        if self.lost.contains(&Stream::Events) {
            return Ok(());
        }
        let mut ruled: BTreeMap<EventId, Sequence> = BTreeMap::new();
        for counted in &self.counted {
            ruled.insert(counted.ruling.event.id, counted.sequence);
        }
        let slot = |portfolio: &PortfolioId| -> Slot { portfolio.slot(self.slots) };
        for Counted { sequence, ruling, .. } in &self.counted {
            let (of, through) = (slot(&ruling.portfolio), ruling.position.through);
            let claimed =
                self.events.iter().filter(|(_, (at, event))| *at <= through && slot(&event.portfolio) == of);
            for (id, (at, event)) in claimed {
                let is_through = ruled.get(id).is_some_and(|ruled| ruled <= sequence);
                if !is_through && !self.came_too_late(*at, event) {
                    let whose = &event.portfolio;
                    return wrong(format!(
                        "ruling {sequence} says that all is through up to {through}, but event {at} of {whose} is not"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The chain, the laws, every verdict given again.
    fn rulings_are_those_of_the_model(&self) -> Result<(), Wrong> {
        let mut verifier = Verifier::new(Policies::parse(POLICY).unwrap());
        for Counted { sequence, bytes, .. } in &self.counted {
            verifier.check(bytes).map_err(|rejected| Wrong(format!("ruling {sequence}: {rejected}")))?;
        }
        if verifier.verified().other_policy > 0 {
            return wrong("a verdict was given under another policy".to_owned());
        }
        Ok(())
    }

    /// Every decision of the rulings that count is in DECISIONS and no other, in order for each portfolio.
    fn announced_is_what_counts(&self) -> Result<(), Wrong> {
        let mut made: BTreeMap<&PortfolioId, Vec<&Decision>> = BTreeMap::new();
        for decision in self.counted.iter().flat_map(|counted| &counted.ruling.decisions) {
            made.entry(&decision.portfolio).or_default().push(decision);
        }
        let mut told: BTreeMap<&PortfolioId, Vec<&Decision>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for decision in &self.decisions {
            // Whoever reads drops an id that it has seen (law 3).
            if seen.insert(decision.decision_id) {
                told.entry(&decision.portfolio).or_default().push(decision);
            }
        }
        if self.lost.contains(&Stream::Rulings) {
            // That each decision that counts is announced was waited for.
            return Ok(());
        }
        for (portfolio, made) in &made {
            if told.get(portfolio) != Some(made) {
                return wrong(format!("what was announced for {portfolio} is not what was decided"));
            }
        }
        match told.keys().find(|portfolio| !made.contains_key(*portfolio)) {
            Some(portfolio) => wrong(format!("something was announced for {portfolio} and nothing decided")),
            None => Ok(()),
        }
    }
}

fn wrong(what: String) -> Result<(), Wrong> {
    Err(Wrong(what))
}
