//! Points and lengths of time, in whole milliseconds. The core never asks what time it is: it is told.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time, written as RFC 3339 in UTC with milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "date-time"))]
pub struct Time(i64);

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Day(pub i64);

/// A length of time, written as people do: `60s`, `30m`, `1h 30m`, `7d`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Period(i64);

/// A text that names no time or length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{seen:?} is not {expected}")]
pub struct BadTime {
    seen: String,
    expected: &'static str,
}

const DAY_MS: i64 = 86_400_000;
/// 9999-12-30T21:59:59.999Z: every millisecond up to here is written and read as a time, whatever the zone.
const LAST_MS: i64 = 253_402_207_199_999;

impl Time {
    /// Milliseconds since 1970-01-01T00:00:00Z; times before it or past the end of the year 9999 stay at that end.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > LAST_MS {
            Self(LAST_MS)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The UTC day that this falls on.
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MS))
    }

    /// This much later.
    #[must_use]
    pub const fn after(self, period: Period) -> Self {
        Self::from_millis(self.0.saturating_add(period.0))
    }

    /// This much earlier.
    #[must_use]
    pub const fn before(self, period: Period) -> Self {
        Self::from_millis(self.0.saturating_sub(period.0))
    }

    /// How long it is since `earlier`; nothing when `earlier` is later.
    pub const fn since(self, earlier: Time) -> Period {
        let millis = self.0.saturating_sub(earlier.0);
        Period(if millis < 0 { 0 } else { millis })
    }
}

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A length in milliseconds; a negative one is none.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// A length in seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// A length in minutes.
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_millis(minutes.saturating_mul(60_000))
    }

    /// A length in hours.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_millis(hours.saturating_mul(3_600_000))
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The length in minutes, a begun minute counted whole: a backend's timer must not end early.
    pub const fn as_mins_ceil(self) -> u64 {
        (self.0.unsigned_abs()).div_ceil(60_000)
    }
}

impl From<Period> for std::time::Duration {
    fn from(period: Period) -> Self {
        Self::from_millis(period.0.unsigned_abs())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Time {
    type Err = BadTime;

    /// Reads RFC 3339, and ISO 8601 without a zone as UTC, as `utcnow().isoformat()` writes it.
    fn from_str(text: &str) -> Result<Self, BadTime> {
        let zoned = text.parse::<jiff::Timestamp>();
        let timestamp = zoned.or_else(|_| {
            let local = text.parse::<jiff::civil::DateTime>()?;
            local.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
        });
        timestamp
            .map(|timestamp| Self::from_millis(timestamp.as_millisecond()))
            .map_err(|_| BadTime { seen: text.to_owned(), expected: "a time such as 2026-01-31T09:30:00Z" })
    }
}

impl TryFrom<String> for Time {
    type Error = BadTime;
    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", jiff::SignedDuration::from_millis(self.0))
    }
}

impl FromStr for Period {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = || BadTime { seen: text.to_owned(), expected: "a length of time such as 30s, 30m or 2h" };
        let span: jiff::Span = text.parse().map_err(|_| bad())?;
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| bad())?;
        if duration.is_negative() {
            return Err(bad());
        }
        i64::try_from(duration.as_millis()).map(Self).map_err(|_| bad())
    }
}

impl TryFrom<String> for Period {
    type Error = BadTime;
    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_a_zone() {
        let expected = Time::from_millis(1_769_851_800_250);
        for text in ["2026-01-31T09:30:00.250Z", "2026-01-31T09:30:00.250", "2026-01-31T10:30:00.250+01:00"] {
            assert_eq!(text.parse::<Time>().unwrap(), expected, "{text}");
        }
        assert_eq!(expected.to_string(), "2026-01-31T09:30:00.250Z");
        assert!("yesterday".parse::<Time>().unwrap_err().to_string().contains("yesterday"));
    }

    #[test]
    fn the_first_and_the_last_time_read_back() {
        for millis in [i64::MIN, -1, 0, LAST_MS, LAST_MS + 1, i64::MAX] {
            let time = Time::from_millis(millis);
            assert_eq!(time.to_string().parse::<Time>().unwrap(), time, "{millis}");
        }
        assert_eq!(Time::from_millis(i64::MAX).to_string(), "9999-12-30T21:59:59.999Z");
    }

    #[test]
    fn a_period_is_written_as_it_is_read() {
        for (text, millis) in
            [("60s", 60_000), ("30m", 1_800_000), ("1h 30m", 5_400_000), ("7d", 604_800_000)]
        {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.as_millis(), millis, "{text}");
            assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        }
        assert!("-5s".parse::<Period>().is_err());
        assert!("5".parse::<Period>().is_err());
    }

    #[test]
    fn a_begun_minute_counts_whole() {
        assert_eq!(Period::from_secs(61).as_mins_ceil(), 2);
        assert_eq!(Period::from_secs(60).as_mins_ceil(), 1);
        assert_eq!(Period::ZERO.as_mins_ceil(), 0);
    }

    #[test]
    fn days_are_utc_days() {
        let midnight: Time = "2026-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(midnight.day().0, midnight.before(Period::from_millis(1)).day().0 + 1);
    }
}
