//! Up to where everything of a slot is through. Work is concurrent, so the highest sequence ruled is not the position.

use std::collections::BTreeSet;

use mesh::planted::{self, Bug};
use proto::id::Sequence;

/// The events of a slot that are in hand, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Watermark {
    read: u64,
    in_hand: BTreeSet<u64>,
}

impl Watermark {
    /// Everything up to `through` is ruled.
    pub fn new(through: Sequence) -> Self {
        Self { read: through.0, in_hand: BTreeSet::new() }
    }

    /// An event was read and is in hand.
    pub fn take(&mut self, sequence: Sequence) {
        self.read = self.read.max(sequence.0);
        self.in_hand.insert(sequence.0);
    }

    /// An event is ruled, or was known.
    pub fn done(&mut self, sequence: Sequence) {
        self.in_hand.remove(&sequence.0);
    }

    /// Up to where everything is through once this event is.
    pub fn through_with(&self, sequence: Sequence) -> Sequence {
        if planted::is(Bug::WatermarkIsTheHighest) {
            return Sequence(self.read);
        }
        let other = self.in_hand.iter().find(|in_hand| **in_hand != sequence.0);
        Sequence(other.map_or(self.read, |other| other - 1))
    }

    /// How many events are in hand.
    pub fn in_hand(&self) -> usize {
        self.in_hand.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_below_an_open_event_is_passed() {
        let mut watermark = Watermark::new(Sequence(4));
        for sequence in [5, 8, 9] {
            watermark.take(Sequence(sequence));
        }
        assert_eq!(watermark.through_with(Sequence(5)), Sequence(7), "8 is open");
        assert_eq!(watermark.through_with(Sequence(9)), Sequence(4), "5 is open");
        watermark.done(Sequence(5));
        watermark.done(Sequence(9));
        assert_eq!(watermark.through_with(Sequence(8)), Sequence(9));
        assert_eq!(watermark.in_hand(), 1);
    }
}
