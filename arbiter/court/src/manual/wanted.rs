//! A value by hand, of which some fields may be left as they are.

use proto::command::SomeLimits;
use proto::hold::Hold;
use proto::proposal::Bound;
use proto::ruling::Refusal;
use proto::value::{Kind, Limits, Mode, Value};

use super::invalid;

/// A value by hand: a mode, or some of the limits while the others stay as they are.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Mode(Mode),
    Limits(SomeLimits),
}

impl Wanted {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Mode(_) => Kind::Mode,
            Self::Limits(_) => Kind::Limits,
        }
    }

    pub(super) fn check(self) -> Result<(), Refusal> {
        match self {
            Self::Limits(limits) if limits == SomeLimits::default() => {
                Err(invalid("no limit is named".to_owned()))
            }
            Self::Limits(_) | Self::Mode(_) => Ok(()),
        }
    }

    /// What is wanted, and `rest` where nothing is.
    pub(super) fn over(self, rest: &Value) -> Value {
        match (self, rest) {
            (Self::Mode(mode), _) => Value::Mode(mode),
            (Self::Limits(some), Value::Limits(rest)) => Value::Limits(some.or(*rest)),
            (Self::Limits(_), _) => rest.clone(),
        }
    }

    /// Whether a hold stands against this; only a hold on the value itself stands against what does not loosen.
    pub(super) fn is_barred_by(self, hold: &Hold, loosens: bool) -> bool {
        match &hold.bound {
            Bound::Value { at } => at.kind() == self.kind() && self.over(at).is_looser_than(at),
            Bound::Loosening => loosens,
            Bound::Freeze { .. } => match self {
                Self::Mode(mode) => loosens && mode == Mode::Live,
                Self::Limits(_) => loosens,
            },
        }
    }
}

/// The looser of both, field by field.
pub(super) fn loosest(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Mode(a), Value::Mode(b)) => Value::Mode(*a.min(b)),
        (Value::Limits(a), Value::Limits(b)) => Value::Limits(Limits {
            max_leverage: a.max_leverage.max(b.max_leverage),
            max_position_size_usd: a.max_position_size_usd.max(b.max_position_size_usd),
            max_drawdown_pct: a.max_drawdown_pct.max(b.max_drawdown_pct),
            max_exposure_pct: a.max_exposure_pct.max(b.max_exposure_pct),
            stop_loss_multiplier: a.stop_loss_multiplier.min(b.stop_loss_multiplier),
        }),
        _ => one.clone(),
    }
}
