//! One portfolio's made-up market: a walk whose mood changes now and then.

use proto::event::{EssState, Health, ModelPerformance, Snapshot, SystemStatus};
use proto::number::{Fraction, Ratio, Usd};
use proto::time::Day;

use super::dice::Dice;

/// What a portfolio begins with.
const START: Usd = Usd::lit(10_000.0);
/// The models that are told of, one after another.
const MODELS: [&str; 3] = ["xgboost", "lightgbm", "patchtst"];
/// One step in so many changes the mood.
const MOOD_LASTS_STEPS: u64 = 400;
/// One step in so many closes a trade.
const TRADE_LASTS_STEPS: u64 = 60;
/// Days after which a model is trained anew.
const TRAINED_EVERY_DAYS: i64 = 40;

/// How the market goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Calm,
    Rise,
    Slump,
}

/// A portfolio as its producer sees it.
#[derive(Debug, Clone)]
pub(super) struct Market {
    dice: Dice,
    mood: Mood,
    day: Day,
    /// Equity as a multiple of [`START`]: now, at midnight, the most of today.
    level: f64,
    midnight: f64,
    peak: f64,
    /// The deepest drawdown so far.
    deepest: f64,
    closed: u32,
    won: u32,
    models: usize,
}

impl Mood {
    /// What a step brings on average, and by how much it strays, as shares of equity.
    const fn drift_and_swing(self) -> (f64, f64) {
        match self {
            Self::Calm => (0.0, 0.0004),
            Self::Rise => (0.000_06, 0.0006),
            Self::Slump => (-0.000_25, 0.0012),
        }
    }
}

impl Market {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            mood: Mood::Calm,
            day: Day(0),
            level: 1.0,
            midnight: 1.0,
            peak: 1.0,
            deepest: 0.0,
            closed: 0,
            won: 0,
            models: 0,
        }
    }

    /// The market moves on.
    pub(super) fn step(&mut self, day: Day) {
        if day != self.day {
            (self.day, self.midnight, self.peak) = (day, self.level, self.level);
            (self.closed, self.won) = (0, 0);
        }
        if self.dice.one_in(MOOD_LASTS_STEPS) {
            self.mood = self.next_mood();
        }
        let (drift, swing) = self.mood.drift_and_swing();
        self.level *= 1.0 + drift + swing * (self.dice.share() - 0.5);
        self.peak = self.peak.max(self.level);
        self.deepest = self.deepest.max(self.drawdown());
        if self.dice.one_in(TRADE_LASTS_STEPS) {
            self.closed += 1;
            let odds = if self.mood == Mood::Slump { 0.3 } else { 0.58 };
            self.won += u32::from(self.dice.share() < odds);
        }
    }

    /// What is lost comes back and what is won is lost again, so that a long run stays in range.
    fn next_mood(&mut self) -> Mood {
        let moods = if self.level < 0.6 {
            [Mood::Rise, Mood::Rise, Mood::Calm]
        } else if self.level > 2.0 {
            [Mood::Slump, Mood::Slump, Mood::Calm]
        } else {
            [Mood::Calm, Mood::Rise, Mood::Slump]
        };
        let [one, two, three] = moods;
        match self.dice.next() % 3 {
            0 => one,
            1 => two,
            _ => three,
        }
    }

    fn drawdown(&self) -> f64 {
        ((self.peak - self.level) / self.peak).clamp(0.0, 1.0)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let gain = self.level - self.midnight;
        let won = (self.closed > 0).then(|| f64::from(self.won) / f64::from(self.closed));
        Snapshot {
            total_equity: usd(self.level),
            drawdown_pct: fraction(self.drawdown()),
            realized_pnl_today: usd(gain * 0.8),
            unrealized_pnl: usd(gain * 0.2),
            num_positions: 3,
            total_exposure_usd: usd(self.level * 0.4),
            max_drawdown_pct: Some(fraction(self.deepest)),
            win_rate_today: won.map(fraction),
            sharpe_ratio_7d: Some(self.sharpe()),
            cash_balance: Some(usd(self.level * 0.6)),
            closed_trades_today: Some(self.closed),
            degraded: false,
            reported_at: None,
        }
    }

    pub(super) fn health(&self) -> Health {
        let drawdown = self.drawdown();
        let (system_status, ess_state) = match self.mood {
            Mood::Slump if drawdown > 0.08 => (SystemStatus::Critical, EssState::Critical),
            Mood::Slump if drawdown > 0.05 => (SystemStatus::Degraded, EssState::Warning),
            Mood::Calm | Mood::Rise | Mood::Slump if drawdown > 0.03 => {
                (SystemStatus::Healthy, EssState::Caution)
            }
            Mood::Calm | Mood::Slump => (SystemStatus::Healthy, EssState::Nominal),
            Mood::Rise => (SystemStatus::Optimal, EssState::Nominal),
        };
        Health { system_status, ess_state, unknown_words: Vec::new(), reported_at: None }
    }

    /// The results of the next model in turn.
    pub(super) fn model(&mut self) -> ModelPerformance {
        self.models = (self.models + 1) % MODELS.len();
        let name = MODELS.get(self.models).copied().unwrap_or_default();
        let luck = self.dice.share() - 0.5;
        let age = u32::try_from(self.day.0.rem_euclid(TRAINED_EVERY_DAYS)).unwrap_or_default();
        ModelPerformance {
            model_name: name.to_owned(),
            sharpe_ratio: Some(self.sharpe().plus(ratio(luck))),
            win_rate: Some(fraction(0.52 + luck * 0.2)),
            profit_factor: Some(ratio(1.3 + luck)),
            total_trades: Some(u64::from(self.closed) + 100),
            days_since_training: Some(ratio(f64::from(age))),
            reported_at: None,
        }
    }

    const fn sharpe(&self) -> Ratio {
        match self.mood {
            Mood::Calm => Ratio::lit(1.1),
            Mood::Rise => Ratio::lit(2.2),
            Mood::Slump => Ratio::lit(-0.4),
        }
    }
}

/// Dollars and cents.
fn usd(level: f64) -> Usd {
    START.times(level).to_hundredths()
}

/// A share, to a millionth.
fn fraction(share: f64) -> Fraction {
    Fraction::lit(1.0).times(f64::from((share * 1e6 + 0.5) as u32) / 1e6)
}

fn ratio(number: f64) -> Ratio {
    Ratio::lit(1.0).times(number).to_hundredths()
}
