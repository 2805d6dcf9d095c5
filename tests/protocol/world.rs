//! The whole state: what the broker and Redis keep, what every process has in hand, and what may still go wrong.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ::arbiter::watermark::Watermark;
use proto::chain::Chain;
use proto::id::{RulingHash, Sequence, Version};

use crate::docket::Ruled;

/// A state of the mesh.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// RULINGS, from sequence 1 on.
    pub(crate) rulings: Vec<Arc<Ruling>>,
    /// From here on the broker remembers message ids of RULINGS.
    pub(crate) remembered: usize,
    /// DECISIONS.
    pub(crate) decisions: Vec<Decision>,
    /// From here on the broker remembers message ids of DECISIONS.
    pub(crate) decisions_remembered: usize,
    /// Rulings on their way to the broker that nobody waits for any more.
    pub(crate) late: Vec<Letter>,
    /// None is down.
    pub(crate) arbiters: Vec<Option<Arbiter>>,
    pub(crate) sink: Sink,
    /// None is down.
    pub(crate) emitters: Vec<Option<Emitter>>,
    pub(crate) faults: Faults,
}

/// What may still go wrong, each so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Faults {
    /// An arbiter dies, or loses its lease in the middle of its work.
    pub(crate) crashes: u8,
    /// A ruling is not acknowledged in time: it may be lost, stored, or stored later.
    pub(crate) timeouts: u8,
    /// The broker stores a ruling that compare-and-set and message id should have kept out.
    pub(crate) admissions: u8,
    /// The broker forgets the message ids that it has seen.
    pub(crate) amnesias: u8,
    /// An event that was delivered is delivered again.
    pub(crate) redeliveries: u8,
    /// Emit dies, or loses its connection, before or after it has written.
    pub(crate) disconnections: u8,
    /// Redis loses its latest write.
    pub(crate) rollbacks: u8,
}

/// A ruling, as much of it as the protocol needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) portfolio: usize,
    pub(crate) version: Version,
    pub(crate) previous: RulingHash,
    /// Of all the rest.
    pub(crate) hash: RulingHash,
    /// Where its event stands in EVENTS.
    pub(crate) event: Sequence,
    pub(crate) through: Sequence,
    /// What the ledger after it remembers.
    pub(crate) after: Ruled,
    /// What the roles said: rivals need not have heard the same.
    pub(crate) hearing: u8,
}

impl Ruling {
    /// This ruling with its hash.
    pub(crate) fn hashed(self) -> Arc<Self> {
        let bytes = format!("{self:?}");
        Arc::new(Self { hash: RulingHash::of(bytes.as_bytes()), ..self })
    }

    /// Its decision; every ruling has one, and its id follows from the event.
    pub(crate) const fn decision(&self) -> Decision {
        Decision { portfolio: self.portfolio, version: self.version, event: self.event }
    }

    /// The end of a chain that ends with it.
    pub(crate) const fn end(&self) -> Chain {
        Chain { version: self.version, hash: self.hash }
    }
}

impl Hash for Ruling {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// A decision of a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Decision {
    pub(crate) portfolio: usize,
    pub(crate) version: Version,
    pub(crate) event: Sequence,
}

/// A ruling and the last message that it expects on its subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Letter {
    pub(crate) ruling: Arc<Ruling>,
    pub(crate) expects: Sequence,
}

/// An arbiter that is up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Arbiter {
    pub(crate) watermark: Watermark,
    /// The next event to read.
    pub(crate) next: Sequence,
    /// One a portfolio.
    pub(crate) clerks: Vec<Clerk>,
}

/// The clerk of a portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Clerk {
    pub(crate) standing: Standing,
    /// The events that it was handed; the first one is the one that it works on.
    pub(crate) docket: VecDeque<Sequence>,
    pub(crate) work: Work,
}

/// Where a portfolio stands in the log, as its clerk believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Standing {
    pub(crate) chain: Chain,
    /// The last message on the subject.
    pub(crate) last: Sequence,
    pub(crate) ruled: Ruled,
}

/// What a clerk does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// It took up a head, and has to look whether the head's decision is out.
    TakenUp(Arc<Ruling>),
    /// It waits for an event, or looks at the first of its docket.
    Free,
    /// A ruling is on its way; how many times it was sent before.
    Sent(Letter, u8),
    /// It is not clear what became of a ruling.
    Unclear(Letter, u8),
    /// Another arbiter ruled first.
    Beaten,
    /// A decision is to be republished.
    Announcing(Decision, Then),
    /// The event is to be taken out of the watermark.
    Settled,
}

/// What comes after a decision was republished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    /// The event that it belongs to is settled.
    Settle,
    /// The clerk goes on with what it has.
    GoOn,
}

/// Redis, as much of it as emit writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sink {
    /// Up to where RULINGS is through.
    pub(crate) sequence: Sequence,
    /// One a portfolio.
    pub(crate) chains: Vec<Chain>,
    /// What the backend was told.
    pub(crate) told: Vec<Decision>,
    /// What it was before the latest write, where that may be lost.
    pub(crate) before: Option<Box<Sink>>,
}

/// A session of emit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Emitter {
    pub(crate) through: Sequence,
    /// The fold: one chain a portfolio.
    pub(crate) chains: Vec<Chain>,
    /// What is about to be written.
    pub(crate) batch: Option<Batch>,
    /// A broken variant that writes in two steps has done the first of them.
    pub(crate) half_written: bool,
}

/// Rulings that are written at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub(crate) base: Sequence,
    pub(crate) through: Sequence,
    /// The rulings that count, and where they stand.
    pub(crate) rulings: Vec<(Sequence, Arc<Ruling>)>,
}
