//! The values that the mesh governs, and which of two is tighter.
//!
//! Every governed value has a tighter-than order. `meet` takes the tighter of two, field by field; `is_looser_than`
//! says whether any field gives more room. Model weights have no order: nothing there is tighter or looser.

mod allocation;
mod cashflow;
mod ess;
mod limits;
mod mode;
mod profile;
mod universe;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::allocation::Allocation;
pub use self::cashflow::Cashflow;
pub use self::ess::EssThresholds;
pub use self::limits::Limits;
pub use self::mode::Mode;
pub use self::profile::{Profile, ProfileTerms};
pub use self::universe::Universe;
use crate::number::Fraction;

/// Which governed value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trading mode.
    Mode,
    /// Capital profile.
    Profile,
    /// Risk limits.
    Limits,
    /// Emergency-stop thresholds.
    Ess,
    /// Symbols.
    Symbols,
    /// Cashflow.
    Cashflow,
    /// Model weights.
    Allocation,
}

impl Kind {
    /// All seven.
    pub const ALL: [Self; 7] =
        [Self::Mode, Self::Profile, Self::Limits, Self::Ess, Self::Symbols, Self::Cashflow, Self::Allocation];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode => "mode",
            Self::Profile => "profile",
            Self::Limits => "limits",
            Self::Ess => "ess",
            Self::Symbols => "symbols",
            Self::Cashflow => "cashflow",
            Self::Allocation => "allocation",
        })
    }
}

/// One governed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Trading mode.
    Mode(Mode),
    /// Capital profile.
    Profile(Profile),
    /// Risk limits.
    Limits(Limits),
    /// Emergency-stop thresholds.
    Ess(EssThresholds),
    /// Symbols.
    Symbols(Arc<Universe>),
    /// Cashflow.
    Cashflow(Cashflow),
    /// Model weights.
    Allocation(Arc<Allocation>),
}

/// One value of each kind: what owners set, what is in effect, what a portfolio begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// Trading mode.
    pub mode: Mode,
    /// Capital profile.
    pub profile: Profile,
    /// Risk limits.
    pub limits: Limits,
    /// Emergency-stop thresholds.
    pub ess: EssThresholds,
    /// Symbols.
    pub symbols: Arc<Universe>,
    /// Cashflow.
    pub cashflow: Cashflow,
    /// Model weights.
    pub allocation: Arc<Allocation>,
}

/// How far from one shares may add up: rounding, not a mistake.
const SUM_TOLERANCE: f64 = 1e-6;

/// Whether shares are a whole when put together.
pub fn add_up_to_one(shares: &[Fraction]) -> bool {
    let sum: f64 = shares.iter().map(|share| share.get()).sum();
    (sum - 1.0).abs() <= SUM_TOLERANCE
}

impl Value {
    /// Which value this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Mode(_) => Kind::Mode,
            Self::Profile(_) => Kind::Profile,
            Self::Limits(_) => Kind::Limits,
            Self::Ess(_) => Kind::Ess,
            Self::Symbols(_) => Kind::Symbols,
            Self::Cashflow(_) => Kind::Cashflow,
            Self::Allocation(_) => Kind::Allocation,
        }
    }

    /// The tighter of both, field by field. Values of different kinds, and kinds without an order, stay as they are.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Mode(a), Self::Mode(b)) => Self::Mode(*a.max(b)),
            (Self::Profile(a), Self::Profile(b)) => Self::Profile(*a.max(b)),
            (Self::Limits(a), Self::Limits(b)) => Self::Limits(a.meet(*b)),
            (Self::Ess(a), Self::Ess(b)) => Self::Ess(a.meet(*b)),
            (Self::Symbols(a), Self::Symbols(b)) => Self::Symbols(a.meet(b)),
            (Self::Cashflow(a), Self::Cashflow(b)) => Self::Cashflow(a.meet(*b)),
            _ => self.clone(),
        }
    }

    /// Whether any field of this gives more room than the same field of `other`. False for kinds without an order.
    pub fn is_looser_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mode(a), Self::Mode(b)) => a < b,
            (Self::Profile(a), Self::Profile(b)) => a < b,
            (Self::Limits(a), Self::Limits(b)) => a.meet(*b) != *a,
            (Self::Ess(a), Self::Ess(b)) => a.meet(*b) != *a,
            (Self::Symbols(a), Self::Symbols(b)) => a.gives_more_than(b),
            (Self::Cashflow(a), Self::Cashflow(b)) => a.reinvest_pct > b.reinvest_pct,
            _ => false,
        }
    }

    /// Whether any field of this gives less room than the same field of `other`.
    pub fn is_tighter_than(&self, other: &Self) -> bool {
        other.is_looser_than(self)
    }
}

impl Values {
    /// The value of one kind.
    pub fn get(&self, kind: Kind) -> Value {
        match kind {
            Kind::Mode => Value::Mode(self.mode),
            Kind::Profile => Value::Profile(self.profile),
            Kind::Limits => Value::Limits(self.limits),
            Kind::Ess => Value::Ess(self.ess),
            Kind::Symbols => Value::Symbols(Arc::clone(&self.symbols)),
            Kind::Cashflow => Value::Cashflow(self.cashflow),
            Kind::Allocation => Value::Allocation(Arc::clone(&self.allocation)),
        }
    }

    /// Whether this value is the one in its place.
    pub fn has(&self, value: &Value) -> bool {
        match value {
            Value::Mode(mode) => self.mode == *mode,
            Value::Profile(profile) => self.profile == *profile,
            Value::Limits(limits) => self.limits == *limits,
            Value::Ess(ess) => self.ess == *ess,
            Value::Symbols(symbols) => self.symbols == *symbols,
            Value::Cashflow(cashflow) => self.cashflow == *cashflow,
            Value::Allocation(allocation) => self.allocation == *allocation,
        }
    }

    /// Puts a value in its place.
    pub fn set(&mut self, value: Value) {
        match value {
            Value::Mode(mode) => self.mode = mode,
            Value::Profile(profile) => self.profile = profile,
            Value::Limits(limits) => self.limits = limits,
            Value::Ess(ess) => self.ess = ess,
            Value::Symbols(symbols) => self.symbols = symbols,
            Value::Cashflow(cashflow) => self.cashflow = cashflow,
            Value::Allocation(allocation) => self.allocation = allocation,
        }
    }

    /// The kinds in which this gives more room than `other`.
    pub fn looser_than(&self, other: &Self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.get(*kind).is_looser_than(&other.get(*kind))).collect()
    }
}
