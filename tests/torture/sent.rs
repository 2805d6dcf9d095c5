//! What the backend published, what Redis answered, and what was ordered by hand: what the mesh is judged by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use proto::id::{DecisionId, EntryId, EventId, PortfolioId};
use proto::time::Time;

/// What an entry means to the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It is about one portfolio.
    About(PortfolioId),
    /// It is about every portfolio.
    Everybody,
    /// It cannot be used.
    Unusable,
}

/// Something that the backend says, in one entry or, said again, in several.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Which of them it is; its entries carry it as their correlation id.
    pub(crate) number: u64,
    pub(crate) event_type: &'static str,
    pub(crate) payload: String,
    pub(crate) meaning: Meaning,
    /// It has a time of the producer's: said again, it is the same.
    pub(crate) timed: bool,
}

/// Redis took an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) number: u64,
    pub(crate) entry: EntryId,
    pub(crate) at: Instant,
}

/// Redis was rolled back: what it took between these two is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RolledBack {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// When it was there again.
    pub(crate) back: Time,
}

/// A freeze by hand that was granted.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) portfolio: PortfolioId,
    pub(crate) event: EventId,
    /// The backend was told without a ruling, of this decision.
    pub(crate) stopped: bool,
    pub(crate) decision: Option<DecisionId>,
    pub(crate) at: Instant,
}

/// All that was said.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) items: Vec<Item>,
    pub(crate) taken: Vec<Taken>,
    pub(crate) rolled_back: Vec<RolledBack>,
    pub(crate) frozen: Vec<Frozen>,
}

/// All that was said, as several write it down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Sent>>);

impl Book {
    pub(crate) fn open(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    /// What its entries carry as their correlation id.
    pub(crate) fn mark(&self) -> String {
        format!("t-{}", self.number)
    }
}

/// The number of the item that carries this mark.
pub(crate) fn number_of(mark: &str) -> Option<u64> {
    mark.strip_prefix("t-")?.parse().ok()
}

impl Sent {
    /// Whether what happened then is gone with a roll-back of Redis.
    pub(crate) fn is_rolled_back(&self, at: Instant) -> bool {
        self.rolled_back.iter().any(|window| (window.from..=window.to).contains(&at))
    }
}
