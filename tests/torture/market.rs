//! What the backend has to say: portfolios' numbers that come and go past every threshold, health, models; and now and then
//! something that cannot be used.

use proto::id::PortfolioId;
use proto::time::Time;
use serde_json::{Value, json};

use crate::random::Random;
use crate::sent::{Item, Meaning};

/// How many portfolios are traded.
const TRADED: usize = 20;
/// How many are there to be frozen by hand.
const TO_FREEZE: usize = 4;

pub(crate) const SNAPSHOT: &str = "portfolio.snapshot_updated";
pub(crate) const HEALTH: &str = "system.health_updated";
pub(crate) const MODEL: &str = "model.performance_updated";
/// The types of what the backend says.
pub(crate) const EVENT_TYPES: [&str; 3] = [SNAPSHOT, HEALTH, MODEL];

/// Makes up what the backend says.
#[derive(Debug)]
pub(crate) struct Market {
    random: Random,
    next: u64,
}

/// All portfolios.
pub(crate) fn portfolios() -> impl Iterator<Item = PortfolioId> {
    (0..TRADED).filter_map(|index| format!("p{index}").parse().ok()).chain(to_freeze())
}

/// The portfolios that are frozen by hand, and never released.
pub(crate) fn to_freeze() -> impl Iterator<Item = PortfolioId> {
    (0..TO_FREEZE).filter_map(|index| format!("stop-{index}").parse().ok())
}

impl Market {
    pub(crate) const fn new(random: Random) -> Self {
        Self { random, next: 0 }
    }

    /// A first, calm snapshot, so that the portfolio is known.
    pub(crate) fn first(&mut self, portfolio: PortfolioId, now: Time) -> Item {
        let payload = self.snapshot(&portfolio, 0.01, Some(now));
        self.item(SNAPSHOT, payload.to_string(), Meaning::About(portfolio), true)
    }

    /// The next that is said.
    pub(crate) fn next(&mut self, now: Time) -> Item {
        match self.random.between(0, 99) {
            0..=5 => self.unusable(),
            6..=7 => self.health(now),
            8 => self.model(now),
            _ => self.any_snapshot(now),
        }
    }

    fn any_snapshot(&mut self, now: Time) -> Item {
        let all: Vec<PortfolioId> = portfolios().collect();
        let portfolio = self.random.pick(&all).clone();
        let levels = [0.002, 0.005, 0.01, 0.015, 0.018, 0.028, 0.035, 0.045, 0.055, 0.065, 0.085, 0.12, 0.2];
        let drawdown = *self.random.pick(&levels);
        let timed = self.random.chance(850);
        let payload = self.snapshot(&portfolio, drawdown, timed.then_some(now));
        // Some producers wrap their data.
        let text = if self.random.chance(300) {
            json!({"event_type": SNAPSHOT, "data": payload}).to_string()
        } else {
            payload.to_string()
        };
        self.item(SNAPSHOT, text, Meaning::About(portfolio), timed)
    }

    fn snapshot(&mut self, portfolio: &PortfolioId, drawdown: f64, time: Option<Time>) -> Value {
        let amount = |random: &mut Random, low: u64, high: u64| random.between(low, high) as f64;
        let random = &mut self.random;
        let mut snapshot = json!({
            "portfolio_id": portfolio,
            "total_equity": amount(random, 9_000, 11_500),
            "drawdown_pct": drawdown,
            "realized_pnl_today": amount(random, 0, 900) - 300.0,
            "unrealized_pnl": amount(random, 0, 200) - 100.0,
            "num_positions": random.between(0, 5),
            "total_exposure_usd": amount(random, 1_000, 11_000),
            "sharpe_ratio_7d": amount(random, 0, 30) / 10.0,
            "win_rate_today": amount(random, 30, 80) / 100.0,
            "closed_trades_today": random.between(0, 12),
            "cash_balance": amount(random, 500, 9_000),
        });
        if let (Some(time), Some(fields)) = (time, snapshot.as_object_mut()) {
            // What is measured anew has a time of its own.
            fields.insert("timestamp".to_owned(), time.to_string().into());
            fields.insert("cash_balance".to_owned(), (1000.0 + self.next as f64).into());
        }
        snapshot
    }

    fn health(&mut self, now: Time) -> Item {
        let status = *self.random.pick(&["OPTIMAL", "HEALTHY", "HEALTHY", "HEALTHY", "DEGRADED", "CRITICAL"]);
        let ess = *self.random.pick(&["NOMINAL", "NOMINAL", "NOMINAL", "CAUTION", "WARNING"]);
        let payload =
            json!({"system_status": status, "ess_state": ess, "timestamp": self.own_time(now).to_string()});
        self.item(HEALTH, payload.to_string(), Meaning::Everybody, true)
    }

    fn model(&mut self, now: Time) -> Item {
        let payload = json!({
            "model_name": self.random.pick(&["xgboost", "lightgbm", "patchtst", "nhits"]),
            "sharpe_ratio": self.random.between(0, 30) as f64 / 10.0,
            "win_rate": self.random.between(30, 80) as f64 / 100.0,
            "profit_factor": self.random.between(5, 25) as f64 / 10.0,
            "total_trades": 100 + self.next,
            "days_since_training": self.random.between(0, 50),
            "timestamp": self.own_time(now).to_string(),
        });
        self.item(MODEL, payload.to_string(), Meaning::Everybody, true)
    }

    /// A time that no other health report of this run has: what has the same content and time is the same.
    fn own_time(&self, now: Time) -> Time {
        Time::from_millis(now.as_millis() - i64::try_from(self.next % 7).unwrap_or_default())
    }

    fn unusable(&mut self) -> Item {
        let good = |field: &str, value: Value| {
            let mut snapshot = json!({
                "total_equity": 10_000.0, "drawdown_pct": 0.01, "realized_pnl_today": 0.0, "unrealized_pnl": 0.0,
                "num_positions": 2, "total_exposure_usd": 3000.0,
            });
            if let Some(fields) = snapshot.as_object_mut() {
                fields.insert(field.to_owned(), value);
            }
            snapshot.to_string()
        };
        let (event_type, payload) = match self.random.between(0, 7) {
            0 => (SNAPSHOT, "{\"total_equity\": 10".to_owned()),
            1 => (SNAPSHOT, "[1, 2, 3]".to_owned()),
            2 => (SNAPSHOT, good("drawdown_pct", json!(3.5))),
            3 => (SNAPSHOT, good("portfolio_id", json!("no such id!"))),
            4 => (SNAPSHOT, good("total_equity", json!("plenty"))),
            5 => (SNAPSHOT, json!({"portfolio_id": "p1", "drawdown_pct": 0.2}).to_string()),
            6 => (HEALTH, json!({"system_status": "HEALTHY"}).to_string()),
            _ => (MODEL, json!({"win_rate": 0.5}).to_string()),
        };
        self.item(event_type, payload, Meaning::Unusable, false)
    }

    fn item(&mut self, event_type: &'static str, payload: String, meaning: Meaning, timed: bool) -> Item {
        self.next += 1;
        Item { number: self.next, event_type, payload, meaning, timed }
    }
}
