//! Portfolio snapshots.

use proto::event::Snapshot;
use proto::number::{Fraction, Ratio, Usd};
use proto::time::Time;

use crate::feed::DrawdownUnit;
use crate::fields::{Fields, Range};

/// The longest word for the quality of the numbers.
const MAX_WORD_CHARS: usize = 64;
/// The words for numbers that are what they should be; no word is as good.
const GOOD: [&str; 2] = ["good", "ok"];

/// Reads a snapshot; none when something that it cannot do without is wrong.
pub(super) fn read(
    fields: &mut Fields<'_>,
    unit: DrawdownUnit,
    reported_at: Option<Time>,
) -> Option<Snapshot> {
    let total_equity = fields.required_number(&["total_equity"], Range::ANY);
    let drawdown = fields.required_number(&["drawdown_pct", "daily_drawdown_pct"], unit.range());
    let realized = fields.required_number(&["realized_pnl_today"], Range::ANY);
    let unrealized = fields.required_number(&["unrealized_pnl"], Range::ANY);
    let positions = fields.required_count(&["num_positions"], Range::COUNT);
    let exposure = fields.required_number(&["total_exposure_usd", "total_exposure"], Range::NOT_NEGATIVE);
    let max_drawdown = fields.optional_number(&["max_drawdown_pct"], unit.range());
    let win_rate = fields.optional_number(&["win_rate_today"], Range::FRACTION);
    let sharpe = fields.optional_number(&["sharpe_ratio_7d"], Range::ANY);
    let cash = fields.optional_number(&["cash_balance"], Range::ANY);
    let closed_trades = fields.optional_count(&["closed_trades_today"], Range::COUNT);
    let quality = fields.optional_text(&["data_quality"], MAX_WORD_CHARS);
    Some(Snapshot {
        total_equity: Usd::new(total_equity?).ok()?,
        drawdown_pct: Fraction::new(unit.as_fraction(drawdown?)).ok()?,
        realized_pnl_today: Usd::new(realized?).ok()?,
        unrealized_pnl: Usd::new(unrealized?).ok()?,
        num_positions: positions?,
        total_exposure_usd: Usd::new(exposure?).ok()?,
        max_drawdown_pct: max_drawdown.and_then(|value| Fraction::new(unit.as_fraction(value)).ok()),
        win_rate_today: win_rate.and_then(|value| Fraction::new(value).ok()),
        sharpe_ratio_7d: sharpe.and_then(|value| Ratio::new(value).ok()),
        cash_balance: cash.and_then(|value| Usd::new(value).ok()),
        closed_trades_today: closed_trades,
        degraded: quality.is_some_and(is_degraded),
        reported_at,
    })
}

/// Whether a word for the quality of the numbers is any but the known good ones: a word that nobody knows is never read
/// as well.
fn is_degraded(word: &str) -> bool {
    !GOOD.iter().any(|good| word.eq_ignore_ascii_case(good))
}

impl DrawdownUnit {
    /// Where a drawdown in this unit has to lie.
    const fn range(self) -> Range {
        match self {
            Self::Fraction => Range::FRACTION,
            Self::Percent => {
                Range::new(0.0, 100.0, "a percentage from 0 to 100, as this source is configured")
            }
            Self::Negative => Range::new(-1.0, 0.0, "a fraction from -1 to 0, as this source is configured"),
        }
    }

    fn as_fraction(self, value: f64) -> f64 {
        match self {
            Self::Fraction => value,
            Self::Percent => value / 100.0,
            Self::Negative => -value,
        }
    }
}
