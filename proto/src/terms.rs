//! Terms: the numbers and seats that the court rules by. They stand in every ruling, so that it can be recomputed
//! from itself alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::DecisionType;
use crate::event::EventKind;
use crate::id::{PolicyRevision, Role};
use crate::number::Fraction;
use crate::time::Period;
use crate::value::{Kind, Profile, ProfileTerms, Values};
use crate::words::Words;

/// What the court rules by, for one portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// The revision of the policy that they come from.
    pub policy: PolicyRevision,
    /// What a portfolio begins with.
    pub base: Values,
    /// What each profile allows.
    pub profiles: BTreeMap<Profile, ProfileTerms>,
    /// Who may ask for what, and who goes first.
    pub seats: BTreeMap<Role, Seat>,
    /// How often a loosening has to be proposed.
    pub confirm: u32,
    /// Over how long at least.
    pub confirm_over: Period,
    /// How long after a loosening of a value the next one waits; none where it is not named.
    pub cool_down: BTreeMap<Kind, Period>,
    /// The most loosenings of one value in 24 hours.
    pub flap_budget: u32,
    /// A jump of equity by more than this share makes a snapshot suspect.
    pub suspect_jump_pct: Fraction,
    /// How many snapshots have to agree before a jump is believed.
    pub suspect_confirm: u32,
    /// How long before it runs out a hold whose cause stands is extended.
    pub extend_before: Period,
    /// How long a due hold waits before it is looked at again while a guardian is absent.
    pub due_retry: Period,
    /// Whether loosening against a hold takes a second person.
    pub two_person: bool,
}

/// A role's place in the court.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// 1 is the highest; no two roles share one.
    pub rank: u8,
    /// The types of decision that it may ask for.
    #[schemars(with = "Vec<DecisionType>")]
    pub authority: Words<DecisionType>,
    /// The kinds of event that it is asked about.
    #[schemars(with = "Vec<EventKind>")]
    pub interests: Words<EventKind>,
    /// Nothing loosens while it is absent from an event that it has interest in.
    #[serde(default)]
    pub guardian: bool,
    /// Whether it may hold any value and is asked to review what loosens.
    #[serde(default)]
    pub reviews: bool,
}
