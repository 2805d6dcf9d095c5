//! EVENTS: what is there to be ruled, made of real events, and what the real court knows again of it.

use court::already_ruled;
use proto::event::{Event, EventKind};
use proto::id::{PortfolioId, Sequence};
use proto::ruling::Position;
use replay::{Model, Policies, Synthetic};

/// A set of sequences of EVENTS: the events that a ledger remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct Ruled(u16);

impl Ruled {
    /// This set, and one more.
    pub(crate) const fn with(self, sequence: Sequence) -> Self {
        Self(self.0 | 1 << (sequence.0 - 1))
    }

    const fn has(self, sequence: Sequence) -> bool {
        self.0 & 1 << (sequence.0 - 1) != 0
    }
}

/// The events, from sequence 1 on.
#[derive(Debug)]
pub(crate) struct Docket {
    events: Vec<Event>,
    portfolios: Vec<PortfolioId>,
    /// By set of ruled events and by event: whether a ledger that remembers the set knows the event.
    known: Vec<Vec<bool>>,
}

impl Docket {
    /// Events by name: a portfolio's letter and a number (`p1`), or a timer (`p@1`). A name that comes again is the same
    /// event published twice.
    pub(crate) fn new(script: &str) -> Self {
        let events: Vec<Event> = script.split_whitespace().map(named).collect();
        let mut portfolios: Vec<PortfolioId> = events.iter().map(|event| event.portfolio.clone()).collect();
        portfolios.sort();
        portfolios.dedup();
        let sets = (0..1_u16 << events.len()).map(Ruled);
        let known = sets.map(|ruled| known(&events, ruled)).collect();
        Self { events, portfolios, known }
    }

    /// How many portfolios the events are of.
    pub(crate) fn portfolios(&self) -> usize {
        self.portfolios.len()
    }

    /// All sequences.
    pub(crate) fn all(&self) -> impl Iterator<Item = Sequence> {
        (1..=self.events.len() as u64).map(Sequence)
    }

    /// The last sequence.
    pub(crate) fn last(&self) -> Sequence {
        Sequence(self.events.len() as u64)
    }

    /// Whose event it is.
    pub(crate) fn portfolio(&self, sequence: Sequence) -> usize {
        let event = self.event(sequence);
        self.portfolios.iter().position(|portfolio| *portfolio == event.portfolio).unwrap_or_default()
    }

    /// Whether both are the same event.
    pub(crate) fn same(&self, one: Sequence, other: Sequence) -> bool {
        self.event(one).id == self.event(other).id
    }

    /// Whether a ledger that remembers these events knows this one, as the court says.
    pub(crate) fn already_ruled(&self, ruled: Ruled, sequence: Sequence) -> bool {
        self.known[usize::from(ruled.0)][sequence.0 as usize - 1]
    }

    fn event(&self, sequence: Sequence) -> &Event {
        &self.events[sequence.0 as usize - 1]
    }
}

/// The snapshot or the timer of this name.
fn named(name: &str) -> Event {
    let (letter, number) = name.split_at(1);
    let turn = letter.as_bytes()[0] - b'p';
    let (timer, number) = number.strip_prefix('@').map_or((false, number), |number| (true, number));
    let number: usize = number.parse().unwrap();
    let portfolio: PortfolioId = format!("synthetic-{}", turn + 1).parse().unwrap();
    let mut snapshots = Synthetic::new(1, u32::from(turn) + 1)
        .unwrap()
        .filter(|event| event.portfolio == portfolio && event.kind() == EventKind::Snapshot);
    let snapshot = snapshots.nth(number - 1).unwrap();
    if timer { Event::clock_due(&portfolio, snapshot.at) } else { snapshot }
}

/// Which of the events the court knows again, once it has ruled some of them in order.
fn known(events: &[Event], ruled: Ruled) -> Vec<bool> {
    let mut model = Model::new(Policies::defaults().unwrap());
    for (event, sequence) in events.iter().zip((1..).map(Sequence)) {
        if ruled.has(sequence) {
            let position = Position { stream: "model".to_owned(), sequence, through: sequence };
            model.rule(event.clone(), position).unwrap();
        }
    }
    let knows =
        |event: &Event| model.ledger(&event.portfolio).is_some_and(|ledger| already_ruled(ledger, event));
    events.iter().map(knows).collect()
}
