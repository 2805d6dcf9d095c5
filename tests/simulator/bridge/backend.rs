//! The backend: portfolios whose numbers it publishes to Redis, some of them not as they should be.

use serde_json::json;

use crate::random::Random;
use crate::redis::FakeRedis;

/// The streams that it publishes to.
pub(crate) const STREAMS: [&str; 2] =
    ["quantum:stream:portfolio.snapshot_updated", "quantum:stream:system.health_updated"];

/// One portfolio.
pub(super) struct Desk {
    portfolio: String,
    random: Random,
}

impl Desk {
    pub(super) fn new(number: u64, random: Random) -> Self {
        Self { portfolio: format!("desk-{number}"), random }
    }

    /// Publishes an entry; one in ten cannot be used.
    pub(super) fn publish(&mut self, redis: &FakeRedis) {
        let health = self.random.chance(250);
        let payload = if self.random.chance(100) {
            "{".to_owned()
        } else if health {
            self.health()
        } else {
            self.snapshot()
        };
        let fields = vec![("payload".to_owned(), payload), ("source".to_owned(), "simulated".to_owned())];
        redis.publish(STREAMS[usize::from(health)], fields);
    }

    fn snapshot(&mut self) -> String {
        let drawdown_pct = *self.random.pick(&[0.0, 0.01, 0.02, 0.045, 0.06, 0.11]);
        let total_equity = *self.random.pick(&[900.0, 9_000.0, 10_000.0, 10_500.0]);
        json!({
            "portfolio_id": self.portfolio, "total_equity": total_equity, "drawdown_pct": drawdown_pct,
            "realized_pnl_today": 0.0, "unrealized_pnl": 0.0, "num_positions": 1, "total_exposure_usd": 100.0
        })
        .to_string()
    }

    fn health(&mut self) -> String {
        let ess_state = *self.random.pick(&["NOMINAL", "CAUTION", "WARNING", "CRITICAL"]);
        json!({"portfolio_id": self.portfolio, "system_status": "HEALTHY", "ess_state": ess_state})
            .to_string()
    }
}
