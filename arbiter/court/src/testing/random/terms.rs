//! Any terms that a policy file can give.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proto::decision::DecisionType;
use proto::event::EventKind;
use proto::id::Role;
use proto::number::Fraction;
use proto::policy::Policy;
use proto::terms::{Seat, Terms};
use proto::time::Period;
use proto::value::{Kind, Values};

use super::asks::{allocation, cashflow, ess, limits, modes, profiles, symbols};
use crate::policy::CourtPolicy;
use crate::testing::{terms as defaults, testing_policy};

/// The events that a role may be asked about.
const INTERESTS: [EventKind; 5] =
    [EventKind::Snapshot, EventKind::Health, EventKind::Model, EventKind::Receipt, EventKind::ClockDue];

/// A role that the mesh does not bring along.
pub(crate) fn further() -> Role {
    "quant".parse().unwrap()
}

/// Any terms, the defaults first: what breaks a law under them is shown under them.
pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    prop_oneof![
        1 => Just(defaults()),
        3 => policies().prop_map(|policy| policy.terms(testing_policy())),
    ]
}

/// Any policy without a mistake.
fn policies() -> impl Strategy<Value = CourtPolicy> {
    let counts = (1_u32..5, 1_u32..8, 1_u32..5, any::<bool>());
    let suspect_jump_pct = select(vec![0.05, 0.3, 1.0]).prop_map(Fraction::lit);
    let periods = (seconds(0..120), seconds(1..120), seconds(1..60));
    let known = (counts, suspect_jump_pct, periods, cool_down(), base(), seats());
    known.prop_map(|(counts, suspect_jump_pct, periods, cool_down, base, seats)| {
        let (confirm, flap_budget, suspect_confirm, two_person) = counts;
        let (confirm_over, extend_before, due_retry) = periods;
        let policy = CourtPolicy {
            confirm,
            confirm_over,
            cool_down,
            flap_budget,
            suspect_jump_pct,
            suspect_confirm,
            extend_before,
            due_retry,
            two_person,
            base,
            seats,
            ..CourtPolicy::default()
        };
        assert_eq!(policy.mistakes(), []);
        policy
    })
}

fn seconds(range: std::ops::Range<i64>) -> impl Strategy<Value = Period> {
    range.prop_map(Period::from_secs)
}

fn cool_down() -> impl Strategy<Value = BTreeMap<Kind, Period>> {
    btree_map(select(Kind::ALL.to_vec()), seconds(0..7200), 0..7)
}

fn base() -> impl Strategy<Value = Values> {
    (modes(), profiles(), limits(), ess(), symbols(), cashflow(), allocation()).prop_map(
        |(mode, profile, limits, ess, symbols, cashflow, allocation)| Values {
            mode,
            profile,
            limits,
            ess,
            symbols: symbols.into(),
            cashflow,
            allocation: allocation.into(),
        },
    )
}

/// The six, and often a further role, in any order of rank; either guardian may be none.
fn seats() -> impl Strategy<Value = BTreeMap<Role, Seat>> {
    let ranks = prop_oneof![2 => Just(vec![1, 2, 3, 4, 5, 6, 7]), 1 => Just(vec![1, 2, 3, 4, 5, 6, 7]).prop_shuffle()];
    let guardians = select(vec![(true, true), (true, true), (true, false), (false, true)]);
    let reviewer = select(vec![Role::SUPERVISOR, Role::SUPERVISOR, Role::SUPERVISOR, Role::CRO]);
    (ranks, guardians, reviewer, prop::option::of(seat())).prop_map(|(ranks, guardians, reviewer, seat)| {
        let mut seats = CourtPolicy::default().seats;
        seats.extend(seat.map(|seat| (further(), seat)));
        let by_rank = Role::ALL.into_iter().chain([further()]);
        for (role, rank) in by_rank.zip(ranks) {
            let Some(seat) = seats.get_mut(&role) else { continue };
            seat.rank = rank;
            seat.reviews = role == reviewer;
            if role == Role::SUPERVISOR {
                seat.guardian = guardians.0;
            } else if role == Role::CRO {
                seat.guardian = guardians.1;
            }
        }
        seats
    })
}

/// The further role's: it may ask for what others may, too, and be a guardian.
fn seat() -> impl Strategy<Value = Seat> {
    let authority = subsequence(DecisionType::ALL.to_vec(), 0..4);
    let interests = subsequence(INTERESTS.to_vec(), 1..=5);
    (authority, interests, prop::bool::weighted(0.2)).prop_map(|(authority, interests, guardian)| Seat {
        rank: 7,
        authority: authority.into(),
        interests: interests.into(),
        guardian,
        reviews: false,
    })
}
