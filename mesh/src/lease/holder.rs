//! The holder: what one replica holds, for how long it may believe so, and what it should write next. Pure: the time is
//! an argument, since the holder began and by a clock that never goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::id::Sequence;

use super::board::{Board, Note};
use super::plan::{Sight, plan};
use super::{Lease, Replica};

/// A key is written again every third of its life, so that two lost writes do no harm.
pub(super) const WRITES_IN_A_LIFE: u32 = 3;
/// A lease is over for us when this part of its life is left for the server: work has stopped before another begins.
const MARGIN_IN_A_LIFE: u32 = 6;
/// A write that failed is tried again after this part of a life.
pub(super) const TRIES_IN_A_LIFE: u32 = 12;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Write to the bucket, and tell the holder what became of it.
    Write(Write),
    /// The lease is ours: begin its work.
    Begin(Lease),
    /// Let its work finish what it has in hand, and tell the holder when it is over.
    Finish(Lease),
    /// The lease is not ours any more: its work ends at once.
    Drop(Lease),
}

/// A write to the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    /// We are here.
    Announce,
    /// We leave.
    Withdraw,
    /// This lease is ours, if its key is still at this revision.
    Hold(Lease, Sequence),
    /// This lease is free, if its key is still at this revision.
    GiveBack(Lease, Sequence),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It stands, as this revision.
    At(Sequence),
    /// It does not: the key is at another revision. That may be an earlier write of ours whose answer was lost.
    Conflict,
    /// Nobody knows.
    Unclear,
}

/// How we stand to a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tenure {
    phase: Phase,
    /// A write is on its way.
    writing: bool,
    /// The earliest time of the next write.
    next_write: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Apart,
    Held {
        revision: Sequence,
        until: Duration,
    },
    /// Its work was told to finish.
    Leaving {
        revision: Sequence,
        until: Duration,
        finished: bool,
    },
}

/// One replica's part in sharing leases.
#[derive(Debug)]
pub(super) struct Holder {
    me: Replica,
    ttl: Duration,
    leases: BTreeSet<Lease>,
    board: Board,
    tenures: BTreeMap<Lease, Tenure>,
    next_announcement: Duration,
    announcing: bool,
    leaving: bool,
}

impl Holder {
    pub(super) fn new(me: Replica, leases: BTreeSet<Lease>, ttl: Duration) -> Self {
        let apart = Tenure { phase: Phase::Apart, writing: false, next_write: Duration::ZERO };
        let tenures = leases.iter().map(|lease| (lease.clone(), apart.clone())).collect();
        let (board, next_announcement) = (Board::new(ttl), Duration::ZERO);
        Self { me, ttl, leases, board, tenures, next_announcement, announcing: false, leaving: false }
    }

    /// Whether we know what the others do: we hear ourselves.
    pub(super) fn is_informed(&self) -> bool {
        self.board.is_alive(&self.me)
    }

    /// How many were seen to share.
    pub(super) fn replicas(&self) -> usize {
        self.board.alive().len()
    }

    /// What we hold now.
    pub(super) fn held(&self) -> impl Iterator<Item = &Lease> {
        self.tenures.iter().filter(|(_, tenure)| tenure.phase != Phase::Apart).map(|(lease, _)| lease)
    }

    /// Whether we are leaving, and have nothing left to give back.
    pub(super) fn has_left(&self) -> bool {
        let over = |tenure: &Tenure| tenure.phase == Phase::Apart && !tenure.writing;
        self.leaving && !self.announcing && self.tenures.values().all(over)
    }

    /// A key was written, by whomever.
    pub(super) fn see(&mut self, note: Note, revision: Sequence, now: Duration) -> Vec<Order> {
        let lease = match &note {
            Note::Lease(lease, _) => Some(lease.clone()),
            Note::Replica(..) => None,
        };
        self.board.see(note, revision, now);
        let mut orders: Vec<Order> = lease.and_then(|lease| self.look_at(&lease)).into_iter().collect();
        orders.extend(self.due(now));
        orders
    }

    /// Whether a later write than our last is ours too, or ends our tenure.
    fn look_at(&mut self, lease: &Lease) -> Option<Order> {
        let tenure = self.tenures.get_mut(lease)?;
        let (Phase::Held { revision, .. } | Phase::Leaving { revision, .. }) = &mut tenure.phase else {
            return None;
        };
        let seen = self.board.revision(lease);
        if seen <= *revision {
            return None;
        }
        if self.board.holder(lease).is_some_and(|(holder, _)| *holder == self.me) {
            *revision = seen;
            return None;
        }
        tenure.end(lease)
    }

    /// What became of a write that began at `began`.
    pub(super) fn wrote(
        &mut self,
        write: &Write,
        written: Written,
        began: Duration,
        now: Duration,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        match write {
            Write::Announce => self.announced(written, now),
            Write::Withdraw => self.announcing = false,
            Write::Hold(lease, _) => orders.extend(self.hold(lease, written, began, now)),
            Write::GiveBack(lease, _) => {
                // A mark that did not go in is not tried again: the key's time runs out.
                let next_write = now + self.retry();
                if let Some(tenure) = self.tenures.get_mut(lease) {
                    *tenure = Tenure { phase: Phase::Apart, writing: false, next_write };
                }
            }
        }
        orders.extend(self.due(now));
        orders
    }

    fn announced(&mut self, written: Written, now: Duration) {
        self.announcing = false;
        self.next_announcement = match written {
            Written::At(_) => now + self.ttl / WRITES_IN_A_LIFE,
            Written::Conflict | Written::Unclear => now + self.retry(),
        };
    }

    fn hold(&mut self, lease: &Lease, written: Written, began: Duration, now: Duration) -> Option<Order> {
        // The server stored it after it was sent, so the lease lives at least so long.
        let until = began + self.ttl - self.ttl / MARGIN_IN_A_LIFE;
        let (next_write, retry) = (began + self.ttl / WRITES_IN_A_LIFE, now + self.retry());
        let tenure = self.tenures.get_mut(lease)?;
        tenure.writing = false;
        let Written::At(stored) = written else {
            tenure.next_write = retry;
            return None;
        };
        tenure.next_write = next_write;
        match &mut tenure.phase {
            Phase::Apart => {
                tenure.phase = Phase::Held { revision: stored, until };
                Some(Order::Begin(lease.clone()))
            }
            Phase::Held { revision, until: old } | Phase::Leaving { revision, until: old, .. } => {
                // What was seen meanwhile may be newer.
                *revision = stored.max(*revision);
                *old = until;
                None
            }
        }
    }

    /// A lease's work is over, after it was told to finish.
    pub(super) fn finished(&mut self, lease: &Lease, now: Duration) -> Vec<Order> {
        if let Some(Tenure { phase: Phase::Leaving { finished, .. }, .. }) = self.tenures.get_mut(lease) {
            *finished = true;
        }
        self.due(now)
    }

    /// We leave: everything is given back as soon as its work is over.
    pub(super) fn leave(&mut self, now: Duration) -> Vec<Order> {
        self.leaving = true;
        self.announcing = true;
        let mut orders = vec![Order::Write(Write::Withdraw)];
        orders.extend(self.due(now));
        orders
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Order> {
        self.board.forget(now);
        let mut orders = self.over(now);
        if !self.leaving && !self.announcing && self.next_announcement <= now {
            self.announcing = true;
            orders.push(Order::Write(Write::Announce));
        }
        self.share(now, &mut orders);
        for (lease, tenure) in &mut self.tenures {
            if let Some(write) = tenure.write(lease, now) {
                tenure.writing = true;
                orders.push(Order::Write(write));
            }
        }
        orders
    }

    /// Ends what was not written again in time.
    fn over(&mut self, now: Duration) -> Vec<Order> {
        let retry = now + self.retry();
        let mut orders = Vec::new();
        for (lease, tenure) in &mut self.tenures {
            let over = match tenure.phase {
                Phase::Apart => false,
                Phase::Held { until, .. } | Phase::Leaving { until, .. } => until <= now,
            };
            if over {
                tenure.next_write = retry;
                orders.extend(tenure.end(lease));
            }
        }
        orders
    }

    /// Takes what is free and in our share, and leaves what is in another's.
    fn share(&mut self, now: Duration, orders: &mut Vec<Order>) {
        let plan = if self.leaving {
            super::plan::Plan { give_up: self.leases.clone(), ..Default::default() }
        } else if self.is_informed() {
            let (alive, held) = (self.board.alive(), self.held_by_all());
            plan(Sight { me: &self.me, leases: &self.leases, alive: &alive, held: &held })
        } else {
            return;
        };
        for lease in plan.give_up {
            let Some(tenure) = self.tenures.get_mut(&lease) else { continue };
            if let Phase::Held { revision, until } = tenure.phase {
                tenure.phase = Phase::Leaving { revision, until, finished: false };
                orders.push(Order::Finish(lease));
            }
        }
        for lease in plan.take {
            let Some(tenure) = self.tenures.get_mut(&lease) else { continue };
            if tenure.phase == Phase::Apart && !tenure.writing && tenure.next_write <= now {
                tenure.writing = true;
                orders.push(Order::Write(Write::Hold(lease.clone(), self.board.revision(&lease))));
            }
        }
    }

    /// Who holds what, as the planner wants it: what is ours on the board alone we do not hold, what is in our hand
    /// alone we do.
    fn held_by_all(&self) -> BTreeMap<Lease, Replica> {
        let mut held = self.board.held();
        held.retain(|_, holder| *holder != self.me);
        held.extend(self.held().map(|lease| (lease.clone(), self.me.clone())));
        held
    }

    fn retry(&self) -> Duration {
        self.ttl / TRIES_IN_A_LIFE
    }
}

impl Tenure {
    /// It is over; its work, if it is not, ends at once.
    fn end(&mut self, lease: &Lease) -> Option<Order> {
        let works = match std::mem::replace(&mut self.phase, Phase::Apart) {
            Phase::Apart => false,
            Phase::Held { .. } => true,
            Phase::Leaving { finished, .. } => !finished,
        };
        works.then(|| Order::Drop(lease.clone()))
    }

    /// The write that is due for what we hold.
    fn write(&self, lease: &Lease, now: Duration) -> Option<Write> {
        if self.writing {
            return None;
        }
        match self.phase {
            Phase::Apart => None,
            Phase::Held { revision, .. } => {
                (self.next_write <= now).then(|| Write::Hold(lease.clone(), revision))
            }
            Phase::Leaving { revision, finished, .. } => {
                finished.then(|| Write::GiveBack(lease.clone(), revision))
            }
        }
    }
}

#[cfg(test)]
mod tests;
