//! The one place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::time::Time;

/// The time now, by this machine's clock.
#[allow(clippy::disallowed_methods, reason = "the one place that asks")]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
