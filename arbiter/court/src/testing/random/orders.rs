//! Orders of operators.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proto::command::{Command, Order, Person, Rank, SomeLimits};
use proto::id::HoldId;
use proto::ledger::Ledger;
use proto::number::{Ratio, Usd};

use super::asks::{minutes, modes, severities, subsystems};

/// An operator's order; holds are named by their places among those that stand.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    what: Order,
    by: Rank,
    /// The second person, who may be the first one again.
    second: Option<(&'static str, Rank)>,
    holds: Vec<usize>,
}

impl Wish {
    /// The order, once it is known which holds stand.
    pub(super) fn command(&self, before: &Ledger) -> Command {
        let standing: Vec<HoldId> = before.holds.keys().copied().collect();
        let named: Vec<HoldId> =
            self.holds.iter().filter_map(|place| standing.get(*place).copied()).collect();
        let mut order = self.what.clone();
        match &mut order {
            Order::SetMode { releases, .. } | Order::SetLimits { releases, .. } => *releases = named,
            Order::Release { hold } => *hold = named.first().copied().unwrap_or(*hold),
            Order::Freeze { .. } => {}
        }
        let person = |(name, rank): (&str, Rank)| Person { name: name.to_owned(), rank };
        Command {
            by: person(("ann", self.by)),
            approved_by: self.second.map(person),
            reason: "because".to_owned(),
            order,
        }
    }
}

/// Any order.
pub(super) fn wish() -> impl Strategy<Value = Wish> {
    let second = prop::option::of((select(vec!["ann", "bob"]), ranks()));
    let holds = subsequence(vec![0, 1, 2, 3], 0..=4);
    (order(), ranks(), second, holds).prop_map(|(what, by, second, holds)| Wish { what, by, second, holds })
}

fn order() -> impl Strategy<Value = Order> {
    let mode = (modes(), minutes(1..90)).prop_map(|(mode, duration)| {
        let releases = Vec::new();
        Order::SetMode { mode, duration, releases }
    });
    let limits = (some_limits(), minutes(1..90)).prop_map(|(limits, duration)| {
        let releases = Vec::new();
        Order::SetLimits { limits, duration, releases }
    });
    let freeze =
        (minutes(1..90), severities(), subsystems()).prop_map(|(duration, severity, affected_subsystems)| {
            Order::Freeze { duration, severity, affected_subsystems }
        });
    let release = Just(Order::Release { hold: HoldId::derive(&["none"]) });
    prop_oneof![mode, limits, freeze, release]
}

fn some_limits() -> impl Strategy<Value = SomeLimits> {
    let leverage = prop::option::weighted(0.8, (1_u32..12).prop_map(|max| Ratio::lit(f64::from(max))));
    let size = prop::option::of(select(vec![500.0, 10_000.0, 20_000.0]).prop_map(Usd::lit));
    (leverage, size).prop_map(|(max_leverage, max_position_size_usd)| SomeLimits {
        max_leverage,
        max_position_size_usd,
        ..SomeLimits::default()
    })
}

fn ranks() -> impl Strategy<Value = Rank> {
    select(vec![Rank::Approver, Rank::Operator, Rank::Viewer])
}
