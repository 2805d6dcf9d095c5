//! The docket of one portfolio: the events that wait for its clerk. When it is full the portfolio is parked: what comes
//! then is dropped from memory, and its clerk reads it again from EVENTS once it has ruled what waits. So a portfolio that
//! falls behind keeps no other.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::HeaderMap;
use proto::event::Event;
use proto::id::Sequence;
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// An event on its way to its ruling.
#[derive(Debug)]
pub(crate) struct Docketed {
    pub(crate) sequence: Sequence,
    pub(crate) event: Event,
    pub(crate) headers: HeaderMap,
    /// Its place among what the slot may have in hand at once; none while its portfolio is caught up with.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// The events that wait for one clerk.
#[derive(Debug, Default)]
pub(crate) struct Docket {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Docketed>,
    parked: Option<Parked>,
    /// What the clerk read by itself: the slot's reader comes by it later.
    read_by_clerk: Sequence,
    closed: bool,
    /// Nobody rules what comes.
    halted: bool,
}

/// What is in EVENTS only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parked {
    from: Sequence,
    last: Sequence,
}

/// What became of an event that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It waits.
    Waits,
    /// It is the first that was dropped: it stays open until the clerk has read it.
    Parks,
    /// It is dropped: the clerk reads it, or has.
    Dropped,
}

/// What the clerk does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Rules this.
    Rule(Box<Docketed>),
    /// Reads EVENTS from there on, until it has caught up.
    CatchUp(Sequence),
    /// Nothing comes any more.
    Over,
}

impl Docket {
    /// The docket of a portfolio that cannot be taken up: the first event that comes stays open, and nothing is kept.
    pub(crate) fn halted() -> Self {
        let state = State { halted: true, ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Hands over the event that the slot's reader read last; at most `max` wait. `open` is told of it, before the clerk
    /// can get it, when it has to stay open until it is ruled.
    pub(crate) fn hand_over(&self, docketed: Docketed, max: usize, open: impl FnOnce(Sequence)) -> Handed {
        let mut state = self.locked();
        let sequence = docketed.sequence;
        if sequence <= state.read_by_clerk {
            return Handed::Dropped;
        }
        if let Some(parked) = &mut state.parked {
            parked.last = sequence;
            return Handed::Dropped;
        }
        open(sequence);
        let handed = if state.waiting.len() < max && !state.halted {
            state.waiting.push_back(docketed);
            Handed::Waits
        } else {
            state.parked = Some(Parked { from: sequence, last: sequence });
            Handed::Parks
        };
        self.changed.notify_one();
        handed
    }

    /// Parks the portfolio with everything that waits, and says how much that was. The first stays open for all of it;
    /// `close` is told of the others, before the clerk can read them.
    pub(crate) fn park(&self, close: impl FnMut(Sequence)) -> usize {
        let mut state = self.locked();
        let dropped: Vec<Sequence> = state.waiting.drain(..).map(|docketed| docketed.sequence).collect();
        let (Some(from), Some(last)) = (dropped.first().copied(), dropped.last().copied()) else {
            return 0;
        };
        let before = state.parked.replace(Parked { from, last });
        if let (Some(before), Some(parked)) = (before, &mut state.parked) {
            parked.last = before.last;
        }
        let others = dropped.iter().skip(1).copied();
        others.chain(before.map(|before| before.from)).for_each(close);
        self.changed.notify_one();
        dropped.len()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.locked().waiting.len()
    }

    /// What the clerk does next; waits for it.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.at_hand() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    fn at_hand(&self) -> Option<Next> {
        let mut state = self.locked();
        if state.closed {
            return Some(Next::Over);
        }
        let waiting = state.waiting.pop_front().map(|next| Next::Rule(Box::new(next)));
        waiting.or_else(|| state.parked.map(|parked| Next::CatchUp(parked.from)))
    }

    /// The clerk has read up to this event by itself; whether it has caught up with the slot's reader, which hands over
    /// what follows.
    pub(crate) fn caught_up(&self, sequence: Sequence) -> bool {
        let mut state = self.locked();
        state.read_by_clerk = state.read_by_clerk.max(sequence);
        let caught_up = state.parked.is_none_or(|parked| parked.last <= sequence);
        if caught_up {
            state.parked = None;
        }
        caught_up
    }

    /// The last event that was dropped.
    pub(crate) fn last_dropped(&self) -> Option<Sequence> {
        self.locked().parked.map(|parked| parked.last)
    }

    /// The portfolio halts at this event: nothing waits any more, and what comes is dropped.
    pub(crate) fn halt(&self, at: Sequence) {
        let mut state = self.locked();
        state.waiting.clear();
        state.parked = Some(Parked { from: at, last: at });
    }

    /// Nothing comes any more.
    pub(crate) fn close(&self) {
        self.locked().closed = true;
        self.changed.notify_one();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::event::{Body, ClockDue};
    use proto::testing;
    use proto::time::Time;

    use super::*;

    fn docketed(sequence: u64) -> Docketed {
        let event = testing::event(testing::MONDAY, Body::ClockDue(ClockDue { due: Time::from_millis(1) }));
        Docketed { sequence: Sequence(sequence), event, headers: HeaderMap::new(), place: None }
    }

    fn hand(docket: &Docket, sequence: u64) -> Handed {
        docket.hand_over(docketed(sequence), 2, |_| {})
    }

    #[test]
    fn a_full_docket_parks_what_comes_until_the_clerk_has_read_it() {
        let docket = Docket::default();
        assert_eq!([1, 4, 5, 8].map(|sequence| hand(&docket, sequence)), {
            [Handed::Waits, Handed::Waits, Handed::Parks, Handed::Dropped]
        });
        for sequence in [1, 4] {
            assert!(
                matches!(docket.at_hand(), Some(Next::Rule(next)) if next.sequence == Sequence(sequence))
            );
        }
        assert!(matches!(docket.at_hand(), Some(Next::CatchUp(Sequence(5)))));
        assert!(!docket.caught_up(Sequence(5)) && docket.caught_up(Sequence(8)));
        assert!(docket.at_hand().is_none());
        assert_eq!(hand(&docket, 9), Handed::Waits);
    }

    #[test]
    fn parking_keeps_the_first_that_waits_open_and_nothing_else() {
        let docket = Docket::default();
        for sequence in [1, 4, 5, 8] {
            hand(&docket, sequence);
        }
        let mut closed = Vec::new();
        assert_eq!(docket.park(|sequence| closed.push(sequence.0)), 2);
        assert_eq!(closed, [4, 5]);
        assert!(matches!(docket.at_hand(), Some(Next::CatchUp(Sequence(1)))));
        assert_eq!((docket.park(|_| {}), docket.last_dropped()), (0, Some(Sequence(8))));
    }

    proptest! {
        /// The slot's reader and the clerk take turns as they like, and sometimes everything that waits is parked.
        #[test]
        fn every_event_is_ruled_once_and_in_order(turns in prop::collection::vec(0_u8..8, 0..200), gap in 1_u64..4) {
            let (docket, mut ruled, mut handed) = (Docket::default(), Vec::new(), 0);
            let all: Vec<u64> = (1..=40).map(|index| index * gap).collect();
            let mut catching_up: Option<usize> = None;
            for turn in turns.into_iter().chain(std::iter::repeat_n([3, 7], 200).flatten()) {
                match turn {
                    0 => {
                        docket.park(|_| {});
                    }
                    1..=3 if handed < all.len() => {
                        hand(&docket, all[handed]);
                        handed += 1;
                    }
                    1..=3 => {}
                    _ => match catching_up {
                        // What the clerk reads by itself may be ahead of the slot's reader.
                        Some(next) if next < all.len() => {
                            ruled.push(all[next]);
                            catching_up = Some(next + 1).filter(|_| !docket.caught_up(Sequence(all[next])));
                        }
                        Some(_) => catching_up = None,
                        None => match docket.at_hand() {
                            Some(Next::Rule(next)) => ruled.push(next.sequence.0),
                            Some(Next::CatchUp(from)) => {
                                catching_up = all.iter().position(|sequence| *sequence >= from.0);
                            }
                            Some(Next::Over) | None => {}
                        },
                    },
                }
            }
            prop_assert_eq!(ruled, all);
        }
    }
}
