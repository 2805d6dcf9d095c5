//! Time from left to right: the same for every portfolio and for both policies of a page.

use proto::time::{Period, Time};

use super::text::{clock, day};

/// How wide the axis is, in units of the drawing.
pub(super) const WIDTH: f64 = 860.0;
/// How many marks it has at most.
const TICKS_MAX: i64 = 10;
/// What an axis is long at least.
const SHORTEST: Period = Period::from_mins(1);
/// How far its marks may be apart, in minutes.
const STEPS_MINUTES: [i64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080, 20_160, 43_200, 129_600, 525_600];

/// A stretch of time as wide as the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) first: Time,
    pub(super) last: Time,
}

/// A mark on the axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
    /// Whether a day begins here.
    pub(super) is_day: bool,
}

impl Axis {
    pub(super) fn new(first: Time, last: Time) -> Self {
        Self { first, last: last.max(first.after(SHORTEST)) }
    }

    /// Where a time stands, from 0 to [`WIDTH`].
    pub(super) fn x(self, at: Time) -> f64 {
        let (since, length) = (at.since(self.first), self.last.since(self.first));
        (WIDTH * since.as_millis() as f64 / length.as_millis().max(1) as f64).min(WIDTH)
    }

    /// The marks: at round times, so many that none hides another.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let length = self.last.since(self.first).as_millis();
        let fits = |minutes: &i64| length / Period::from_mins(*minutes).as_millis() <= TICKS_MAX;
        let minutes = STEPS_MINUTES.into_iter().find(fits).unwrap_or(length / 60_000 / TICKS_MAX + 1);
        let step = Period::from_mins(minutes).as_millis();
        let first = (self.first.as_millis() + step - 1) / step * step;
        let times = (0..=TICKS_MAX).map(|number| Time::from_millis(first + number * step));
        times.take_while(|at| *at <= self.last).map(|at| self.tick(at)).collect()
    }

    fn tick(self, at: Time) -> Tick {
        let is_day = clock(at) == "00:00";
        Tick { x: self.x(at), label: if is_day { day(at) } else { clock(at) }, is_day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(minutes: i64) -> Axis {
        let first: Time = "2026-01-05T00:07:00Z".parse().unwrap();
        Axis::new(first, first.after(Period::from_mins(minutes)))
    }

    #[test]
    fn marks_stand_at_round_times() {
        let labels = |minutes| axis(minutes).ticks().into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(
            labels(45),
            ["00:10", "00:15", "00:20", "00:25", "00:30", "00:35", "00:40", "00:45", "00:50"]
        );
        assert_eq!(labels(1_440), ["03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "6 Jan"]);
        assert_eq!(
            labels(4 * 1_440),
            ["12:00", "6 Jan", "12:00", "7 Jan", "12:00", "8 Jan", "12:00", "9 Jan"]
        );
    }

    #[test]
    fn whatever_the_length_marks_are_few_and_on_the_axis() {
        for minutes in [0, 1, 7, 60, 999, 10_000, 100_000, 10_000_000] {
            let axis = axis(minutes);
            let ticks = axis.ticks();
            assert!((1..=11).contains(&ticks.len()), "{minutes}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (0.0..=WIDTH).contains(&tick.x)), "{minutes}");
        }
        let axis = axis(10);
        assert_eq!((axis.x(axis.first), axis.x(axis.last)), (0.0, WIDTH));
        assert_eq!(axis.x(axis.first.before(Period::from_mins(5))), 0.0);
    }
}
