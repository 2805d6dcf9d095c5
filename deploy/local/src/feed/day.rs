//! A day in the life of a portfolio, as data: chapters of beats, one beat every two seconds.

use std::time::Duration;

use serde_json::{Value, json};

/// A part of the day.
#[derive(Debug)]
pub struct Chapter {
    /// What happens and what to look for, in one line.
    pub title: &'static str,
    /// The portfolio's numbers, one snapshot a beat.
    pub beats: &'static [Beat],
    /// The models that report, one a beat.
    pub models: &'static [Model],
    /// The system's health meanwhile.
    pub health: Health,
    /// Whether an operator ends the freeze before the first beat.
    pub release: bool,
}

/// A portfolio's numbers at one moment. Equity follows from the peak and the drawdown.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// The day's peak of equity.
    pub peak_usd: f64,
    /// Drawdown from it.
    pub drawdown_pct: f64,
    /// Profit of closed trades.
    pub realized_usd: f64,
    /// Trades closed so far.
    pub closed_trades: u32,
    /// Share of them that won.
    pub win_rate: f64,
    /// Sharpe ratio over seven days.
    pub sharpe: f64,
    /// Gross notional as a share of equity.
    pub exposure_pct: f64,
    /// Cash as a share of equity.
    pub cash_pct: f64,
}

/// The words of a health event.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    /// `system_status`.
    pub system_status: &'static str,
    /// `ess_state`.
    pub ess_state: &'static str,
}

/// A model's results.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    name: &'static str,
    sharpe: f64,
    win_rate: f64,
    days_since_training: u32,
}

/// How long a beat takes.
pub const BEAT: Duration = Duration::from_secs(2);
/// The worst drawdown that the portfolio reported before this day.
pub const WORST_BEFORE: f64 = 0.031;
/// Equity when the day began.
const START_USD: f64 = 24_000.0;

const WELL: Health = Health { system_status: "HEALTHY", ess_state: "NOMINAL" };

/// The models that report at the beginning: one that is due for training, one that does poorly.
const MODELS: [Model; 4] = [
    Model { name: "xgboost", sharpe: 1.9, win_rate: 0.61, days_since_training: 6 },
    Model { name: "lightgbm", sharpe: 1.6, win_rate: 0.58, days_since_training: 9 },
    Model { name: "nhits", sharpe: 0.7, win_rate: 0.52, days_since_training: 12 },
    Model { name: "patchtst", sharpe: 1.3, win_rate: 0.55, days_since_training: 45 },
];

/// Peak, drawdown, realised profit, closed trades, win rate, Sharpe ratio, exposure, cash.
const fn beat(row: (f64, f64, f64, u32, f64, f64, f64, f64)) -> Beat {
    Beat {
        peak_usd: row.0,
        drawdown_pct: row.1,
        realized_usd: row.2,
        closed_trades: row.3,
        win_rate: row.4,
        sharpe: row.5,
        exposure_pct: row.6,
        cash_pct: row.7,
    }
}

const CALM: [Beat; 6] = [
    beat((24_450.0, 0.002, 400.0, 10, 0.55, 1.4, 0.50, 0.20)),
    beat((24_450.0, 0.004, 400.0, 10, 0.55, 1.4, 0.50, 0.20)),
    beat((24_450.0, 0.003, 420.0, 11, 0.56, 1.4, 0.52, 0.20)),
    beat((24_500.0, 0.002, 440.0, 12, 0.57, 1.4, 0.52, 0.20)),
    beat((24_600.0, 0.001, 460.0, 13, 0.58, 1.4, 0.53, 0.20)),
    beat((24_700.0, 0.001, 480.0, 14, 0.59, 1.4, 0.54, 0.20)),
];

const PROFIT: [Beat; 8] = [
    beat((24_900.0, 0.002, 600.0, 16, 0.64, 2.1, 0.58, 0.14)),
    beat((25_100.0, 0.001, 700.0, 17, 0.66, 2.1, 0.60, 0.13)),
    beat((25_300.0, 0.003, 760.0, 18, 0.67, 2.1, 0.62, 0.12)),
    beat((25_500.0, 0.002, 820.0, 19, 0.67, 2.2, 0.65, 0.12)),
    beat((25_650.0, 0.001, 880.0, 20, 0.68, 2.2, 0.70, 0.11)),
    beat((25_800.0, 0.002, 940.0, 21, 0.68, 2.2, 0.76, 0.11)),
    beat((26_000.0, 0.000, 1_000.0, 22, 0.69, 2.2, 0.82, 0.10)),
    beat((26_000.0, 0.004, 1_000.0, 22, 0.69, 2.2, 0.88, 0.10)),
];

const DRAWDOWN: [Beat; 7] = [
    beat((26_000.0, 0.018, 1_000.0, 22, 0.66, 1.9, 0.84, 0.10)),
    beat((26_000.0, 0.028, 940.0, 23, 0.63, 1.7, 0.80, 0.10)),
    beat((26_000.0, 0.036, 940.0, 23, 0.60, 1.6, 0.78, 0.10)),
    beat((26_000.0, 0.045, 860.0, 24, 0.58, 1.5, 0.74, 0.10)),
    beat((26_000.0, 0.053, 860.0, 24, 0.55, 1.4, 0.70, 0.10)),
    beat((26_000.0, 0.059, 860.0, 24, 0.53, 1.3, 0.66, 0.10)),
    beat((26_000.0, 0.064, 860.0, 24, 0.52, 1.2, 0.62, 0.10)),
];

const WARNING: [Beat; 5] = [
    beat((26_000.0, 0.068, 860.0, 24, 0.51, 1.1, 0.60, 0.10)),
    beat((26_000.0, 0.071, 860.0, 24, 0.50, 1.1, 0.58, 0.10)),
    beat((26_000.0, 0.074, 860.0, 24, 0.50, 1.0, 0.56, 0.10)),
    beat((26_000.0, 0.078, 860.0, 24, 0.49, 1.0, 0.54, 0.10)),
    beat((26_000.0, 0.083, 860.0, 24, 0.49, 0.9, 0.52, 0.10)),
];

const FREEZE: [Beat; 5] = [
    beat((26_000.0, 0.094, 860.0, 24, 0.48, 0.9, 0.50, 0.10)),
    beat((26_000.0, 0.108, 860.0, 24, 0.48, 0.8, 0.48, 0.10)),
    beat((26_000.0, 0.116, 860.0, 24, 0.48, 0.8, 0.46, 0.10)),
    beat((26_000.0, 0.112, 860.0, 24, 0.48, 0.8, 0.46, 0.10)),
    beat((26_000.0, 0.096, 860.0, 24, 0.48, 0.8, 0.45, 0.10)),
];

const RECOVERY: [Beat; 9] = [
    beat((26_000.0, 0.074, 920.0, 25, 0.50, 1.2, 0.44, 0.10)),
    beat((26_000.0, 0.055, 980.0, 26, 0.54, 1.5, 0.43, 0.10)),
    beat((26_000.0, 0.038, 1_060.0, 27, 0.58, 1.8, 0.42, 0.10)),
    beat((26_000.0, 0.026, 1_120.0, 28, 0.61, 2.0, 0.42, 0.10)),
    beat((26_000.0, 0.018, 1_180.0, 29, 0.64, 2.1, 0.42, 0.10)),
    beat((26_000.0, 0.014, 1_220.0, 30, 0.66, 2.2, 0.42, 0.10)),
    beat((26_000.0, 0.012, 1_220.0, 30, 0.66, 2.2, 0.42, 0.10)),
    beat((26_000.0, 0.010, 1_240.0, 31, 0.67, 2.2, 0.43, 0.10)),
    beat((26_000.0, 0.009, 1_240.0, 31, 0.67, 2.2, 0.43, 0.10)),
];

/// How the portfolio does from then on.
pub const EVENING: Beat = beat((26_000.0, 0.008, 1_260.0, 32, 0.68, 2.3, 0.45, 0.10));

/// The whole day.
pub const DAY: [Chapter; 7] = [
    Chapter {
        title: "A calm morning. Models report; cash lies idle, so the cfo lets more of it work.",
        beats: &CALM,
        models: &MODELS,
        health: WELL,
        release: false,
    },
    Chapter {
        title: "Profit. The cio asks for more symbols, again and again until it is believed; towards noon exposure grows and the cro steps in.",
        beats: &PROFIT,
        models: &[],
        health: Health { system_status: "OPTIMAL", ess_state: "NOMINAL" },
        release: false,
    },
    Chapter {
        title: "The market turns. One sample is enough to tighten: limits, symbols, profile, cashflow.",
        beats: &DRAWDOWN,
        models: &[],
        health: WELL,
        release: false,
    },
    Chapter {
        title: "The emergency-stop system warns. The ceo pauses trading, the cro escalates.",
        beats: &WARNING,
        models: &[],
        health: Health { system_status: "DEGRADED", ess_state: "WARNING" },
        release: false,
    },
    Chapter {
        title: "Drawdown passes 10 %. The supervisor freezes trading until a person has looked at it.",
        beats: &FREEZE,
        models: &[],
        health: Health { system_status: "DEGRADED", ess_state: "WARNING" },
        release: false,
    },
    Chapter {
        title: "Recovery. The numbers are good again, but the freeze stands: limits stay tight, and LIVE is vetoed.",
        beats: &RECOVERY,
        models: &[],
        health: WELL,
        release: false,
    },
    Chapter {
        title: "An operator has looked at it and releases the freeze. What was tightened is earned back, step by step.",
        beats: &[EVENING; 14],
        models: &[],
        health: WELL,
        release: true,
    },
];

impl Beat {
    fn equity_usd(self) -> f64 {
        cents(self.peak_usd * (1.0 - self.drawdown_pct))
    }

    /// The payload of `portfolio.snapshot_updated`, flat as in the integration guide. The worst drawdown so far is the
    /// caller's to know.
    pub fn payload(self, max_drawdown_pct: f64) -> Value {
        let equity = self.equity_usd();
        json!({
            "total_equity": equity,
            "drawdown_pct": self.drawdown_pct,
            "max_drawdown_pct": max_drawdown_pct.max(self.drawdown_pct),
            "realized_pnl_today": self.realized_usd,
            "unrealized_pnl": cents(equity - START_USD - self.realized_usd),
            "num_positions": if self.exposure_pct > 0.6 { 5 } else { 3 },
            "total_exposure_usd": cents(equity * self.exposure_pct),
            "win_rate_today": self.win_rate,
            "sharpe_ratio_7d": self.sharpe,
            "cash_balance": cents(equity * self.cash_pct),
            "closed_trades_today": self.closed_trades,
        })
    }
}

impl Health {
    /// The payload of `system.health_updated`.
    pub fn payload(self) -> Value {
        json!({ "system_status": self.system_status, "ess_state": self.ess_state })
    }
}

impl Model {
    /// The payload of `model.performance_updated`.
    pub fn payload(self) -> Value {
        json!({
            "model_name": self.name,
            "sharpe_ratio": self.sharpe,
            "win_rate": self.win_rate,
            "profit_factor": 1.0 + self.sharpe / 4.0,
            "total_trades": 180,
            "days_since_training": self.days_since_training,
        })
    }
}

fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Beat> {
        DAY.iter().flat_map(|chapter| chapter.beats).copied().collect()
    }

    #[test]
    fn the_day_takes_about_two_minutes() {
        let length = BEAT * u32::try_from(all().len()).unwrap();
        assert!((90..=140).contains(&length.as_secs()), "{length:?}");
    }

    #[test]
    fn no_step_of_equity_is_so_large_that_it_would_be_suspect() {
        for pair in all().windows(2) {
            let (from, to) = (pair[0].equity_usd(), pair[1].equity_usd());
            assert!(((to - from) / from).abs() < 0.05, "{from} to {to}");
        }
    }

    #[test]
    fn the_only_freeze_of_the_day_is_for_drawdown() {
        let beats = all();
        assert!(beats.iter().any(|beat| beat.drawdown_pct > 0.10));
        let worst = beats.iter().map(|beat| beat.equity_usd()).fold(f64::MAX, f64::min);
        assert!((START_USD - worst) / START_USD < 0.05, "no daily-loss freeze");
        let first = beats[0].equity_usd() - START_USD - beats[0].realized_usd;
        assert!(
            first.abs() < 10.0,
            "the day begins flat, so that its loss counts from where it began: {first}"
        );
        let losses = beats.windows(2).filter(|pair| pair[1].realized_usd < pair[0].realized_usd).count();
        assert!(losses < 3, "no loss streak, and no veto for one");
    }

    #[test]
    fn trades_are_counted_when_profit_is_realised_and_never_otherwise() {
        for pair in all().windows(2) {
            let profit_moved = (pair[1].realized_usd - pair[0].realized_usd).abs() > 0.001;
            assert_eq!(profit_moved, pair[1].closed_trades > pair[0].closed_trades, "{pair:?}");
        }
    }

    #[test]
    fn a_snapshot_adds_up() {
        for beat in all() {
            let payload = beat.payload(0.0);
            let number = |field: &str| payload[field].as_f64().unwrap();
            let sum = START_USD + number("realized_pnl_today") + number("unrealized_pnl");
            assert!((sum - number("total_equity")).abs() < 0.01, "{payload}");
        }
    }
}
