//! Model performance.

use proto::event::ModelPerformance;
use proto::number::{Fraction, Ratio};
use proto::time::Time;

use crate::fields::{Fields, Range};

/// The longest model name.
const MAX_NAME_CHARS: usize = 64;

/// Reads a model's results; none when it names no model.
pub(super) fn read(fields: &mut Fields<'_>, reported_at: Option<Time>) -> Option<ModelPerformance> {
    let name = fields.required_text(&["model_name"], MAX_NAME_CHARS);
    let sharpe = fields.optional_number(&["sharpe_ratio", "sharpe_ratio_7d"], Range::ANY);
    let win_rate = fields.optional_number(&["win_rate", "win_rate_7d"], Range::FRACTION);
    let profit_factor = fields.optional_number(&["profit_factor"], Range::NOT_NEGATIVE);
    let total_trades = fields.optional_count(&["total_trades"], Range::COUNT);
    let age_days = fields.optional_number(&["days_since_training"], Range::NOT_NEGATIVE);
    let ratio = |value: Option<f64>| value.and_then(|value| Ratio::new(value).ok());
    Some(ModelPerformance {
        model_name: name?.to_owned(),
        sharpe_ratio: ratio(sharpe),
        win_rate: win_rate.and_then(|value| Fraction::new(value).ok()),
        profit_factor: ratio(profit_factor),
        total_trades: total_trades.map(u64::from),
        days_since_training: ratio(age_days),
        reported_at,
    })
}
