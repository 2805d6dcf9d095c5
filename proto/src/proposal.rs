//! Proposals: what a role (or an operator) asks for, with the facts that it rests on.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::{Author, DecisionType, Priority, ResearchTask, Severity};
use crate::id::{HoldId, RuleId};
use crate::number::{Fraction, Ratio, Usd};
use crate::subsystems::Subsystems;
use crate::time::Period;
use crate::value::{Kind, Value};

/// What somebody asks for. It says what value is wanted, not how that differs from what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Who asks.
    pub author: Author,
    /// The rule that fired.
    pub rule: RuleId,
    /// How urgent it is.
    pub priority: Priority,
    /// What is asked.
    pub ask: Ask,
    /// The values seen and the thresholds that they met.
    pub facts: Vec<Fact>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Set the owner's value.
    Set {
        /// The value wanted.
        value: Value,
        /// For how long; a mode only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Period>,
    },
    /// Stop trading while the rule's cause stands: a hold whose cause is the rule.
    Freeze {
        /// For how long at first; none is until released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Period>,
        /// How bad it is.
        severity: Severity,
        /// What stops.
        affected_subsystems: Subsystems,
        /// Whether a person has to release it.
        requires_manual_review: bool,
    },
    /// Bound something while the rule's cause stands, without a freeze: a hold whose cause is the rule.
    Hold {
        /// What is bounded.
        bound: Bound,
    },
    /// The cause of a hold is gone, as far as its owner can see.
    Clear {
        /// The rule that placed the hold.
        cause: RuleId,
        /// The value that it bounds, where the rule may hold several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
    },
    /// Look into something.
    Research {
        /// What.
        // Apart, because it is far larger than anything else that is asked, and seldom.
        task: Box<ResearchTask>,
    },
    /// End a hold. Operators only.
    Release {
        /// Which.
        hold: HoldId,
    },
}

/// What a hold bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "bounds", rename_all = "snake_case")]
pub enum Bound {
    /// Trading: it is frozen. Nothing but the mode may loosen meanwhile, and that not to LIVE.
    Freeze {
        /// How bad it is.
        severity: Severity,
        /// What stops.
        affected_subsystems: Subsystems,
    },
    /// Every value: none may loosen.
    Loosening,
    /// One value: it is never looser than this.
    Value {
        /// The bound.
        at: Value,
    },
}

/// A value that a rule saw, and the threshold that it met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// The field's name, such as `drawdown_pct`.
    pub what: Cow<'static, str>,
    /// What was seen.
    pub seen: Quantity,
    /// What it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Test {
    /// How.
    pub relation: Relation,
    /// With what.
    pub threshold: Quantity,
}

/// How a value stands to a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// >
    Above,
    /// <
    Below,
    /// ≥
    AtLeast,
    /// ≤
    AtMost,
    /// =
    Is,
}

/// A number with its unit, or a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "unit", content = "value", rename_all = "snake_case")]
pub enum Quantity {
    /// A share of one.
    Fraction(Fraction),
    /// Dollars.
    Usd(Usd),
    /// A plain number.
    Ratio(Ratio),
    /// How many.
    Count(u64),
    /// How long.
    Period(Period),
    /// A word.
    Word(String),
}

impl Fact {
    /// A value without a comparison.
    pub fn seen(what: &'static str, seen: impl Into<Quantity>) -> Self {
        Self { what: Cow::Borrowed(what), seen: seen.into(), test: None }
    }

    /// A value and the threshold that it met.
    pub fn met(
        what: &'static str,
        seen: impl Into<Quantity>,
        relation: Relation,
        threshold: impl Into<Quantity>,
    ) -> Self {
        let test = Some(Test { relation, threshold: threshold.into() });
        Self { what: Cow::Borrowed(what), seen: seen.into(), test }
    }

    /// The fact that `seen` is above `threshold`; none when it is not. So a rule tests what it tells.
    pub fn above<T: PartialOrd + Into<Quantity>>(what: &'static str, seen: T, threshold: T) -> Option<Self> {
        (seen > threshold).then(|| Self::met(what, seen, Relation::Above, threshold))
    }

    /// The fact that `seen` is below `threshold`; none when it is not.
    pub fn below<T: PartialOrd + Into<Quantity>>(what: &'static str, seen: T, threshold: T) -> Option<Self> {
        (seen < threshold).then(|| Self::met(what, seen, Relation::Below, threshold))
    }

    /// The fact that `seen` is at least `threshold`; none when it is not.
    pub fn at_least<T: PartialOrd + Into<Quantity>>(
        what: &'static str,
        seen: T,
        threshold: T,
    ) -> Option<Self> {
        (seen >= threshold).then(|| Self::met(what, seen, Relation::AtLeast, threshold))
    }

    /// The fact that `seen` is at most `threshold`; none when it is not.
    pub fn at_most<T: PartialOrd + Into<Quantity>>(
        what: &'static str,
        seen: T,
        threshold: T,
    ) -> Option<Self> {
        (seen <= threshold).then(|| Self::met(what, seen, Relation::AtMost, threshold))
    }
}

impl Proposal {
    /// The reason, for people: written from the rule and its facts, so that it cannot say something else.
    pub fn reason(&self) -> String {
        reason(&self.rule, &self.facts)
    }

    /// The type of the decision that follows when this is granted; none for a cleared cause and a bound that is no
    /// freeze, which show only in what they allow or forbid.
    pub const fn decision_type(&self) -> Option<DecisionType> {
        match &self.ask {
            Ask::Set { value, .. } => Some(DecisionType::of_value(value)),
            Ask::Freeze { .. } => Some(DecisionType::Freeze),
            Ask::Research { .. } => Some(DecisionType::ResearchTask),
            Ask::Clear { .. } | Ask::Release { .. } => Some(DecisionType::ModeChange),
            Ask::Hold { .. } => None,
        }
    }
}

/// A reason for people, from a rule and its facts.
pub fn reason(rule: &RuleId, facts: &[Fact]) -> String {
    let facts: Vec<String> = facts.iter().map(Fact::to_string).collect();
    format!("[{rule}] {}", facts.join("; ")).trim_end().to_owned()
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.seen)?;
        match &self.test {
            Some(test) => write!(f, " {} {}", test.relation, test.threshold),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => ">",
            Self::Below => "<",
            Self::AtLeast => "≥",
            Self::AtMost => "≤",
            Self::Is => "=",
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(value) => value.fmt(f),
            Self::Usd(value) => value.fmt(f),
            Self::Ratio(value) => value.fmt(f),
            Self::Count(value) => value.fmt(f),
            Self::Period(value) => value.fmt(f),
            Self::Word(value) => value.fmt(f),
        }
    }
}

macro_rules! quantity_from {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for Quantity {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

quantity_from!(
    Fraction => Fraction, Usd => Usd, Ratio => Ratio, u64 => Count, u32 => Count, Period => Period, &str => Word,
    String => Word
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Role;

    #[test]
    fn the_reason_is_what_the_rule_saw() {
        let proposal = Proposal {
            author: Role::SUPERVISOR.into(),
            rule: RuleId::new("supervisor.drawdown"),
            priority: Priority::Critical,
            ask: Ask::Clear { cause: RuleId::new("supervisor.drawdown"), kind: None },
            facts: vec![
                Fact::met("drawdown_pct", Fraction::lit(0.12), Relation::Above, Fraction::lit(0.10)),
                Fact::seen("num_positions", 3_u32),
            ],
        };
        assert_eq!(proposal.reason(), "[supervisor.drawdown] drawdown_pct 12 % > 10 %; num_positions 3");
    }

    #[test]
    fn a_fact_is_told_only_when_it_holds() {
        let (one, two) = (Fraction::lit(0.01), Fraction::lit(0.02));
        assert_eq!(Fact::above("x", two, one), Some(Fact::met("x", two, Relation::Above, one)));
        assert_eq!(Fact::above("x", two, two), None);
        assert_eq!(Fact::below("x", one, two), Some(Fact::met("x", one, Relation::Below, two)));
        assert_eq!(Fact::below("x", one, one), None);
        assert_eq!(Fact::at_least("x", 5_u32, 5), Some(Fact::met("x", 5_u32, Relation::AtLeast, 5_u32)));
        assert_eq!(Fact::at_least("x", 4_u32, 5), None);
        assert_eq!(Fact::at_most("x", 5_u32, 5), Some(Fact::met("x", 5_u32, Relation::AtMost, 5_u32)));
        assert_eq!(Fact::at_most("x", 6_u32, 5), None);
    }
}
