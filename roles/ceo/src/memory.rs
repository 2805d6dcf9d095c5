//! What the CEO remembers of a portfolio: how its days ended, and the worst drawdown seen.

use proto::event::Snapshot;
use proto::number::{Fraction, Usd};
use proto::time::{Day, Time};
use serde::{Deserialize, Serialize};

/// The longest streak that is remembered, in days.
pub(crate) const MAX_DAYS: u32 = 31;

/// Observations only: what was proposed, and what became of it, stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The latest snapshot.
    last: Option<Last>,
    /// Complete days that ended with a profit, since the last loss day; oldest first.
    profit_days: Vec<Day>,
    /// Complete days that ended with a loss, since the last profit day; oldest first.
    loss_days: Vec<Day>,
    /// The worst drawdown so far, as last reported: it falls when the producer begins to count anew.
    worst_drawdown_pct: Option<Fraction>,
}

/// What counts of the latest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    at: Time,
    pnl: Usd,
}

impl Memory {
    /// Takes a snapshot in. Answers the worst drawdown when this snapshot makes it a new one.
    pub(crate) fn observe(&mut self, at: Time, snapshot: &Snapshot) -> Option<Fraction> {
        // One that comes late, out of its order, ends and begins no day, and is no new count of the worst.
        let is_late = self.last.is_some_and(|last| at < last.at);
        if !is_late {
            self.follow_day(Last { at, pnl: snapshot.realized_pnl_today });
        }
        let reported = snapshot.max_drawdown_pct?;
        let is_new = Some(reported) > self.worst_drawdown_pct;
        if is_new || !is_late {
            self.worst_drawdown_pct = Some(reported);
        }
        is_new.then_some(reported)
    }

    /// Profit days without a loss day between, later than `spent`.
    pub(crate) fn profit_days_after(&self, spent: Option<Day>) -> u32 {
        count(&self.profit_days, |day| spent.is_none_or(|spent| day > spent))
    }

    /// Loss days without a profit day between, from `since` on.
    pub(crate) fn loss_days_from(&self, since: Option<Day>) -> u32 {
        count(&self.loss_days, |day| since.is_none_or(|since| day >= since))
    }

    fn follow_day(&mut self, seen: Last) {
        if let Some(last) = self.last.filter(|last| seen.at.day() > last.at.day()) {
            self.complete(last);
        }
        self.last = Some(seen);
    }

    fn complete(&mut self, last: Last) {
        if last.pnl > Usd::ZERO {
            self.loss_days.clear();
            append(&mut self.profit_days, last.at.day());
        } else if last.pnl < Usd::ZERO {
            self.profit_days.clear();
            append(&mut self.loss_days, last.at.day());
        }
    }
}

fn append(days: &mut Vec<Day>, day: Day) {
    days.push(day);
    let surplus = days.len().saturating_sub(MAX_DAYS as usize);
    days.drain(..surplus);
}

fn count(days: &[Day], counts: impl Fn(Day) -> bool) -> u32 {
    days.iter().fold(0, |sum, day| sum + u32::from(counts(*day)))
}

#[cfg(test)]
mod tests {
    use proto::testing::{MONDAY, morning, snapshot};
    use proto::time::Period;

    use super::*;

    fn day_of(memory: &mut Memory, days: i64, pnl: f64) {
        memory.observe(morning(days), &Snapshot { realized_pnl_today: Usd::lit(pnl), ..snapshot() });
    }

    fn after(pnl: &[f64]) -> (u32, u32) {
        let mut memory = Memory::default();
        for (days, pnl) in (0..).zip(pnl) {
            day_of(&mut memory, days, *pnl);
        }
        (memory.profit_days_after(None), memory.loss_days_from(None))
    }

    #[test]
    fn a_day_counts_when_a_later_one_begins() {
        let table: &[(&[f64], (u32, u32))] = &[
            (&[], (0, 0)),
            (&[5.0], (0, 0)),
            (&[5.0, 0.0], (1, 0)),
            (&[5.0, 5.0, -1.0, 0.0], (0, 1)),
            (&[-5.0, -5.0, 1.0, 0.0], (1, 0)),
            (&[5.0, 0.0, 0.0, 5.0, 0.0], (2, 0)),
        ];
        for (pnl, expected) in table {
            assert_eq!(after(pnl), *expected, "{pnl:?}");
        }
    }

    #[test]
    fn a_day_ends_with_its_last_pnl() {
        let mut memory = Memory::default();
        for (minutes, pnl) in [(0, 50.0), (10, -20.0), (20, 3.0)] {
            let seen = Snapshot { realized_pnl_today: Usd::lit(pnl), ..snapshot() };
            memory.observe(MONDAY.after(Period::from_mins(minutes)), &seen);
        }
        day_of(&mut memory, 1, 0.0);
        assert_eq!((memory.profit_days_after(None), memory.loss_days_from(None)), (1, 0));
    }

    #[test]
    fn p12_equal_snapshots_all_day_make_one_day() {
        let mut memory = Memory::default();
        let seen = Snapshot { realized_pnl_today: Usd::lit(10.0), ..snapshot() };
        for seconds in 0..(14 * 3600 / 5) {
            memory.observe(MONDAY.after(Period::from_secs(5 * seconds)), &seen);
        }
        assert_eq!(memory.profit_days_after(None), 0, "the day is not over");
        day_of(&mut memory, 1, 0.0);
        assert_eq!(memory.profit_days_after(None), 1);
    }

    #[test]
    fn a_late_snapshot_never_goes_back_a_day() {
        let mut memory = Memory::default();
        day_of(&mut memory, 0, 5.0);
        day_of(&mut memory, 1, 5.0);
        let before = memory.clone();
        day_of(&mut memory, 0, -5.0);
        assert_eq!(memory, before);
        day_of(&mut memory, 2, 0.0);
        assert_eq!(memory.profit_days_after(None), 2);
    }

    #[test]
    fn days_can_be_spent() {
        let mut memory = Memory::default();
        for days in 0..4 {
            day_of(&mut memory, days, 5.0);
        }
        assert_eq!(memory.profit_days_after(Some(morning(0).day())), 2);
        assert_eq!(memory.profit_days_after(Some(morning(2).day())), 0);
    }

    #[test]
    fn a_streak_is_bounded() {
        let mut memory = Memory::default();
        for days in 0..100 {
            day_of(&mut memory, days, -5.0);
        }
        assert_eq!(memory.loss_days_from(None), MAX_DAYS);
    }

    #[test]
    fn h21_an_old_worst_drawdown_is_new_only_once() {
        let mut memory = Memory::default();
        let mut worst = |seen: Option<f64>| {
            let seen = Snapshot { max_drawdown_pct: seen.map(Fraction::lit), ..snapshot() };
            memory.observe(MONDAY, &seen).map(Fraction::get)
        };
        assert_eq!(worst(None), None);
        assert_eq!(worst(Some(0.12)), Some(0.12));
        assert_eq!(worst(Some(0.12)), None);
        assert_eq!(worst(Some(0.13)), Some(0.13));
        assert_eq!(worst(Some(0.02)), None, "the producer counts anew");
        assert_eq!(worst(Some(0.11)), Some(0.11));
    }

    #[test]
    fn a_late_snapshot_is_no_new_count_of_the_worst() {
        let mut memory = Memory::default();
        let mut worst = |days, seen| {
            let seen = Snapshot { max_drawdown_pct: Some(Fraction::lit(seen)), ..snapshot() };
            memory.observe(morning(days), &seen).map(Fraction::get)
        };
        assert_eq!(worst(1, 0.12), Some(0.12));
        assert_eq!(worst(0, 0.11), None);
        assert_eq!(worst(1, 0.12), None);
        assert_eq!(worst(0, 0.13), Some(0.13), "late, and worse than what is known");
    }
}
