//! The board: what a replica has seen in the bucket, by its own clock. The server does not tell when it drops a key, so
//! what was not written for a whole lifetime is taken as gone; whether it is, the server says when it is asked to write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::id::Sequence;

use super::{Lease, Replica};

/// A key of the bucket, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// A replica is there, or says that it leaves.
    Replica(Replica, Presence),
    /// A lease has a holder, or (none) was given back.
    Lease(Lease, Option<Replica>),
}

/// Whether a replica is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is.
    Here,
    /// It says that it leaves.
    Leaving,
}

/// Everything seen in the bucket that is not gone. Times are those of the holder: since it began.
#[derive(Debug, Clone)]
pub(super) struct Board {
    /// How long a key lives after it was written.
    ttl: Duration,
    replicas: BTreeMap<Replica, Duration>,
    leases: BTreeMap<Lease, Written>,
}

#[derive(Debug, Clone)]
struct Written {
    at: Duration,
    revision: Sequence,
    holder: Option<Replica>,
}

impl Board {
    pub(super) const fn new(ttl: Duration) -> Self {
        Self { ttl, replicas: BTreeMap::new(), leases: BTreeMap::new() }
    }

    /// A key was written, as this revision.
    pub(super) fn see(&mut self, note: Note, revision: Sequence, now: Duration) {
        match note {
            Note::Replica(replica, Presence::Here) => {
                self.replicas.insert(replica, now);
            }
            Note::Replica(replica, Presence::Leaving) => {
                self.replicas.remove(&replica);
            }
            Note::Lease(lease, holder) => {
                self.leases.insert(lease, Written { at: now, revision, holder });
            }
        }
    }

    /// Forgets what is gone.
    pub(super) fn forget(&mut self, now: Duration) {
        self.replicas.retain(|_, at| now < *at + self.ttl);
        self.leases.retain(|_, written| now < written.at + self.ttl);
    }

    /// Whether this replica was seen lately.
    pub(super) fn is_alive(&self, replica: &Replica) -> bool {
        self.replicas.contains_key(replica)
    }

    /// Everybody seen lately.
    pub(super) fn alive(&self) -> BTreeSet<Replica> {
        self.replicas.keys().cloned().collect()
    }

    /// Who holds what.
    pub(super) fn held(&self) -> BTreeMap<Lease, Replica> {
        let holder = |(lease, written): (&Lease, &Written)| Some((lease.clone(), written.holder.clone()?));
        self.leases.iter().filter_map(holder).collect()
    }

    /// Who holds a lease, and by which revision; none where nobody does.
    pub(super) fn holder(&self, lease: &Lease) -> Option<(&Replica, Sequence)> {
        let written = self.leases.get(lease)?;
        Some((written.holder.as_ref()?, written.revision))
    }

    /// The revision that a write of this lease's key follows; 0 where there is none.
    pub(super) fn revision(&self, lease: &Lease) -> Sequence {
        self.leases.get(lease).map_or(Sequence(0), |written| written.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(3);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_is_not_written_again_is_gone() {
        let (mut board, slot, cro) = (Board::new(TTL), Lease::named("slot-1"), Replica::named("cro"));
        board.see(Note::Replica(cro.clone(), Presence::Here), Sequence(1), secs(0));
        board.see(Note::Lease(slot.clone(), Some(cro.clone())), Sequence(2), secs(1));
        board.forget(secs(3));
        assert!(!board.is_alive(&cro));
        assert_eq!(board.holder(&slot), Some((&cro, Sequence(2))));
        board.forget(secs(4));
        assert_eq!((board.holder(&slot), board.revision(&slot)), (None, Sequence(0)));
    }

    #[test]
    fn who_leaves_is_gone_at_once_and_what_is_given_back_is_free_at_its_revision() {
        let (mut board, slot, cro) = (Board::new(TTL), Lease::named("slot-1"), Replica::named("cro"));
        board.see(Note::Replica(cro.clone(), Presence::Here), Sequence(1), secs(0));
        board.see(Note::Replica(cro.clone(), Presence::Leaving), Sequence(2), secs(0));
        board.see(Note::Lease(slot.clone(), Some(cro)), Sequence(3), secs(0));
        board.see(Note::Lease(slot.clone(), None), Sequence(4), secs(0));
        assert_eq!((board.alive(), board.held()), (BTreeSet::new(), BTreeMap::new()));
        assert_eq!(board.revision(&slot), Sequence(4));
    }
}
