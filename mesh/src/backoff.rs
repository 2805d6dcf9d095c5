//! Waiting between attempts: twice as long each time, up to a bound.

use std::time::Duration;

/// How long to wait before the next attempt.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// What most retries use: 50 ms, then twice as long each time, up to 2 s.
    pub const fn usual() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(2))
    }

    /// From `first`, twice as long each time, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait now.
    pub fn step(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now
    }

    /// Waits.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.step()).await;
    }

    /// Begins anew, after a success.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound_and_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        let steps: Vec<u128> = (0..4).map(|_| backoff.step().as_millis()).collect();
        assert_eq!(steps, [100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.step().as_millis(), 100);
    }
}
