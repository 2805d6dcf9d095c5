//! Reads what the backend says: snapshots, health, models.

use proto::event::{EssState, Health, ModelPerformance, Snapshot, SystemStatus};
use proto::number::Usd;
use proto::testing;

use crate::words::Words;

/// A snapshot: what is said, over what is usual.
pub(crate) fn snapshot(words: &mut Words, usual: &Snapshot) -> Result<Snapshot, String> {
    let mut seen = usual.clone();
    while let Some(field) = words.next() {
        match field.as_str() {
            "degraded" => seen.degraded = true,
            "equity" => seen.total_equity = words.usd(&field)?,
            "drawdown" => seen.drawdown_pct = words.fraction(&field)?,
            "pnl" => seen.realized_pnl_today = words.usd(&field)?,
            "unrealized" => seen.unrealized_pnl = words.usd(&field)?,
            "positions" => seen.num_positions = words.parsed(&field)?,
            "exposure" => seen.total_exposure_usd = words.usd(&field)?,
            "max-drawdown" => seen.max_drawdown_pct = Some(words.fraction(&field)?),
            "win-rate" => seen.win_rate_today = Some(words.fraction(&field)?),
            "sharpe" => seen.sharpe_ratio_7d = Some(words.ratio(&field)?),
            "cash" => seen.cash_balance = Some(words.usd(&field)?),
            "closed" => seen.closed_trades_today = Some(words.parsed(&field)?),
            other => return Err(format!("a snapshot has no {other:?}")),
        }
    }
    if seen.num_positions == 0 {
        seen.total_exposure_usd = Usd::ZERO;
    }
    Ok(seen)
}

/// `DEGRADED WARNING`: the system, and its emergency stop.
pub(crate) fn health(words: &mut Words) -> Result<Health, String> {
    let status: SystemStatus = words.named("system status")?;
    let ess: EssState = words.named("ESS state")?;
    Ok(testing::health(status, ess))
}

/// `nhits sharpe 0.4`.
pub(crate) fn model(words: &mut Words) -> Result<ModelPerformance, String> {
    let mut seen = testing::model(&words.word("model")?);
    while let Some(field) = words.next() {
        match field.as_str() {
            "sharpe" => seen.sharpe_ratio = Some(words.ratio(&field)?),
            "win-rate" => seen.win_rate = Some(words.fraction(&field)?),
            "trained-days-ago" => seen.days_since_training = Some(words.ratio(&field)?),
            other => return Err(format!("a model has no {other:?}")),
        }
    }
    Ok(seen)
}
