//! The one place that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::time::{Period, Time};
use tokio::time::Instant;

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// This machine's clock.
    #[default]
    System,
    /// A time that passes as the runtime's does: a runtime whose time is paused says what time it is.
    Runtime {
        /// What time it was at `since`.
        epoch: Time,
        /// The runtime's time then.
        since: Instant,
    },
}

impl Clock {
    /// A clock that says `epoch` now and goes on as the runtime's time does.
    pub fn starting_at(epoch: Time) -> Self {
        Self::Runtime { epoch, since: Instant::now() }
    }

    /// The time now.
    pub fn now(self) -> Time {
        match self {
            Self::System => now(),
            Self::Runtime { epoch, since } => {
                let passed = since.elapsed().as_millis();
                epoch.after(Period::from_millis(i64::try_from(passed).unwrap_or(i64::MAX)))
            }
        }
    }
}

/// The time now, by this machine's clock.
#[allow(clippy::disallowed_methods, reason = "the one place that asks")]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_runtimes_clock_goes_as_the_runtime_does() {
        let clock = Clock::starting_at(Time::from_millis(1_000));
        assert_eq!(clock.now(), Time::from_millis(1_000));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Time::from_millis(6_000));
    }
}
