//! A number that is seen very often: kept as a bounded number of stretches, each with the least and the most seen in it.

use proto::time::{Period, Time};

/// How many stretches a curve has at most; a page is not wider than half of that.
const STRETCHES_MAX: usize = 2048;
/// How long a stretch is in the beginning.
const FIRST_WIDTH: Period = Period::from_secs(1);

/// What was seen over time. However long that was, no extreme is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    width: Period,
    stretches: Vec<Stretch>,
}

/// What was seen in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) begin: Time,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) last: f64,
}

impl Default for Curve {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, stretches: Vec::new() }
    }
}

impl Curve {
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Takes the next value. One that comes late counts where the curve ends.
    pub(super) fn see(&mut self, at: Time, value: f64) {
        let seen = Stretch { begin: floor(at, self.width), least: value, most: value, last: value };
        match self.stretches.last_mut() {
            Some(last) if last.begin >= seen.begin => last.take(seen),
            Some(_) | None => self.stretches.push(seen),
        }
        while self.stretches.len() > STRETCHES_MAX {
            self.halve();
        }
    }

    /// Doubles the width of all stretches; those that fall together are put together.
    fn halve(&mut self) {
        self.width = Period::from_millis(self.width.as_millis().saturating_mul(2));
        let mut wider: Vec<Stretch> = Vec::with_capacity(STRETCHES_MAX);
        for stretch in self.stretches.drain(..) {
            let begin = floor(stretch.begin, self.width);
            match wider.last_mut() {
                Some(last) if last.begin == begin => last.take(stretch),
                Some(_) | None => wider.push(Stretch { begin, ..stretch }),
            }
        }
        self.stretches = wider;
    }
}

impl Stretch {
    fn take(&mut self, later: Self) {
        self.least = self.least.min(later.least);
        self.most = self.most.max(later.most);
        self.last = later.last;
    }
}

fn floor(at: Time, width: Period) -> Time {
    let width = width.as_millis().max(1);
    Time::from_millis(at.as_millis() / width * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_bounded_and_keeps_its_extremes_and_its_end() {
        let mut curve = Curve::default();
        for second in 0..500_000_i64 {
            let value = match second {
                123_456 => 0.9,
                345_678 => -0.2,
                _ => 0.1,
            };
            curve.see(Time::from_millis(second * 1000), value);
        }
        curve.see(Time::from_millis(500_000_000), 0.3);
        let stretches = curve.stretches();
        assert!((STRETCHES_MAX / 2..=STRETCHES_MAX).contains(&stretches.len()), "{}", stretches.len());
        assert!(stretches.is_sorted_by_key(|stretch| stretch.begin));
        let at = |value: f64, of: fn(&Stretch) -> f64| {
            stretches.iter().find(|stretch| of(stretch) == value).unwrap().begin.as_millis()
        };
        let width = curve.width.as_millis();
        assert!((123_456_000 - width..=123_456_000).contains(&at(0.9, |stretch| stretch.most)));
        assert!((345_678_000 - width..=345_678_000).contains(&at(-0.2, |stretch| stretch.least)));
        assert_eq!(stretches.last().unwrap().last, 0.3);
    }

    #[test]
    fn a_short_curve_is_kept_as_it_is() {
        let mut curve = Curve::default();
        for (second, value) in [(1, 0.1), (30, 0.2), (30, 0.05), (60, 0.0)] {
            curve.see(Time::from_millis(second * 1000), value);
        }
        let seen: Vec<_> =
            curve.stretches().iter().map(|s| (s.begin.as_millis(), s.least, s.most, s.last)).collect();
        assert_eq!(seen, [(1000, 0.1, 0.1, 0.1), (30_000, 0.05, 0.2, 0.05), (60_000, 0.0, 0.0, 0.0)]);
    }
}
