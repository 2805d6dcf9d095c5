//! What must always hold, over random tales. `PROPTEST_CASES` says how many, for more than usual or fewer.

mod account;
mod backend;
mod effect;
mod flapping;
mod handler;
mod loss;
mod reach;

use proto::command::Order;
use proto::decision::Author;
use proto::event::Body;
use proto::hold::Hold;
use proto::id::HoldId;
use proto::proposal::Bound;
use proto::ruling::Ruling;
use proto::value::Kind;

fn ended(ruling: &Ruling) -> Vec<&Hold> {
    ruling.before.holds.values().filter(|hold| !ruling.after.holds.contains_key(&hold.id)).collect()
}

/// Whether an operator's hold on this kind ended: on time, or by order.
fn ended_by_hand(ruling: &Ruling, kind: Kind) -> bool {
    ended(ruling).into_iter().any(|hold| {
        hold.owner == Author::Manual && matches!(&hold.bound, Bound::Value { at } if at.kind() == kind)
    })
}

/// The holds that an order names.
fn released(body: &Body) -> Vec<HoldId> {
    let Body::Command(command) = body else { return Vec::new() };
    match &command.order {
        Order::SetMode { releases, .. } | Order::SetLimits { releases, .. } => releases.clone(),
        Order::Release { hold } => vec![*hold],
        Order::Freeze { .. } => Vec::new(),
    }
}

fn looser_but_by_hand(ruling: &Ruling) -> Vec<Kind> {
    let looser = ruling.after.effective.looser_than(&ruling.before.effective);
    looser.into_iter().filter(|kind| !ended_by_hand(ruling, *kind)).collect()
}

/// The holds of roles that ended.
fn ended_of_roles(ruling: &Ruling) -> Vec<&Hold> {
    ended(ruling).into_iter().filter(|hold| hold.owner != Author::Manual).collect()
}
