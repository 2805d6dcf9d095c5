//! Policies: numbers that rules go by, checked as a whole before anything starts.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::number::{Fraction, Ratio};
use crate::time::Period;

/// A part of the policy file: defaults compiled in, every mistake found at once.
pub trait Policy: DeserializeOwned + Serialize + Default + Clone + Send + Sync + 'static {
    /// Everything that is wrong with it; empty when it may be used.
    fn mistakes(&self) -> Vec<Mistake>;
}

/// Something wrong with what somebody wrote: which field, what was seen, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mistake {
    /// The field's name, with dots for what lies deeper.
    pub field: String,
    /// What was seen, shortened.
    pub seen: String,
    /// What was expected.
    pub expected: String,
}

/// Checks of a policy, one after another: every mistake is kept, none ends the search.
#[derive(Debug, Default)]
pub struct Checks {
    mistakes: Vec<Mistake>,
}

impl Checks {
    /// Keeps a mistake unless `holds`.
    pub fn expect(&mut self, holds: bool, field: &str, seen: impl fmt::Display, expected: &str) {
        if !holds {
            self.mistakes.push(Mistake::new(field, seen, expected));
        }
    }

    /// A share of one, neither nothing nor beyond the whole.
    pub fn share(&mut self, field: &str, seen: Fraction) {
        let holds = seen > Fraction::ZERO && seen <= Fraction::lit(1.0);
        self.expect(holds, field, seen.get(), "a share above 0, at most 1 (0.05 is 5 %)");
    }

    /// Leverage with which the limit on exposure can be reached.
    ///
    /// Both bound gross notional against equity, and the tighter counts: leverage may lie far above (10 beside 90 %). Below,
    /// the limit on exposure would bound nothing, and whoever wrote it meant something else by one of the two.
    pub fn leverage(&mut self, field: &str, seen: Ratio, max_exposure_pct: Fraction) {
        let most = max_exposure_pct.get();
        let expected =
            format!("above 0, at least max_exposure_pct ({most}): both bound gross notional to equity");
        self.expect(seen > Ratio::ZERO && seen.get() >= most, field, seen.get(), &expected);
    }

    /// A number of things between two bounds, both allowed.
    pub fn count(&mut self, field: &str, seen: u32, least: u32, most: u32) {
        self.expect((least..=most).contains(&seen), field, seen, &format!("{least} to {most}"));
    }

    /// A length of time between two bounds, both allowed.
    pub fn period(&mut self, field: &str, seen: Period, least: Period, most: Period) {
        self.expect((least..=most).contains(&seen), field, seen, &format!("{least} to {most}"));
    }

    /// All that was wrong.
    pub fn finish(self) -> Vec<Mistake> {
        self.mistakes
    }
}

impl Mistake {
    /// A mistake in a field.
    pub fn new(field: impl Into<String>, seen: impl fmt::Display, expected: impl Into<String>) -> Self {
        let seen: String = seen.to_string().chars().take(200).collect();
        Self { field: field.into(), seen, expected: expected.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: seen {}, expected {}", self.field, self.seen, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_found_at_once() {
        let mut checks = Checks::default();
        checks.share("fine", Fraction::lit(1.0));
        checks.share("drawdown_pct", Fraction::lit(5.0));
        checks.leverage("fine", Ratio::lit(10.0), Fraction::lit(0.9));
        checks.leverage("max_leverage", Ratio::lit(0.5), Fraction::lit(0.9));
        checks.count("days", 0, 1, 31);
        checks.period("pause", Period::ZERO, Period::from_mins(1), Period::from_hours(24));
        checks.expect(true, "fine", 1, "1");
        let told: Vec<String> = checks.finish().iter().map(Mistake::to_string).collect();
        assert_eq!(
            told,
            [
                "drawdown_pct: seen 5, expected a share above 0, at most 1 (0.05 is 5 %)",
                "max_leverage: seen 0.5, expected above 0, at least max_exposure_pct (0.9): both bound gross notional to equity",
                "days: seen 0, expected 1 to 31",
                "pause: seen 0s, expected 1m to 24h",
            ]
        );
    }
}
