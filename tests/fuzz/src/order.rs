//! Orders: what operators send over HTTP.
//!
//! An input is a line that names the order, and then the body.

use gateway::api::order::{Asked, OrderKind, read};
use proto::command::{Command, Order, Person, Rank, SomeLimits};
use proto::event::{Body, Event};
use proto::id::HoldId;
use proto::number::{Ratio, Usd};
use proto::ruling::{Finding, Refusal};
use proto::time::Period;

use crate::Taken;
use crate::judge::{Case, NOW, calm, event, same_again, share, told_over_http};

pub(crate) fn run(input: &[u8]) -> Taken {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let kind = match head {
        b"risk" => OrderKind::Risk,
        b"freeze" => OrderKind::Freeze,
        b"release" => OrderKind::Release(HoldId::derive(&["some"])),
        _ => OrderKind::Mode,
    };
    let read = read(kind, body);
    match read {
        Ok(asked) => {
            in_range(&asked.order);
            obey(asked);
            Taken::Yes
        }
        Err(problem) => told_over_http(problem),
    }
}

fn in_range(order: &Order) {
    let minutes = |duration: &Option<Period>| {
        assert!(duration.is_none_or(|duration| duration >= Period::from_mins(1)), "{order:?}");
    };
    match order {
        Order::SetMode { duration, .. } => minutes(duration),
        Order::SetLimits { limits, duration, .. } => {
            minutes(duration);
            limits_in_range(limits);
        }
        Order::Freeze { duration, affected_subsystems, .. } => {
            minutes(duration);
            assert!(affected_subsystems.iter().len() > 0, "a freeze of nothing");
        }
        Order::Release { .. } => {}
    }
}

fn limits_in_range(limits: &SomeLimits) {
    assert_ne!(*limits, SomeLimits::default(), "an order that sets nothing");
    limits.max_drawdown_pct.into_iter().chain(limits.max_exposure_pct).for_each(share);
    let above_zero = |value: Ratio| value > Ratio::ZERO;
    assert!(limits.max_leverage.is_none_or(above_zero) && limits.stop_loss_multiplier.is_none_or(above_zero));
    assert!(limits.max_position_size_usd.is_none_or(|size| size >= Usd::ZERO));
}

/// The court takes the order from a person of every rank, and calls none that was read malformed.
fn obey(asked: Asked) {
    let Asked { reason, order, .. } = asked;
    for rank in [Rank::Operator, Rank::Approver] {
        let by = Person { name: "somebody".to_owned(), rank };
        let command = Command { by, approved_by: None, reason: reason.clone(), order: order.clone() };
        let command: Event = event(NOW.after(Period::from_secs(1)), Body::Command(command));
        same_again(&command);
        let mut case = Case::begin();
        let first = case.matter(calm(NOW), []);
        case.rule(first);
        let matter = case.matter(command, []);
        let ruling = case.rule(matter);
        for outcome in &ruling.outcomes {
            let malformed = matches!(outcome.result, Finding::Refused { refusal: Refusal::Invalid { .. } });
            let names_a_hold = !releases(&order).is_empty();
            assert!(!malformed || names_a_hold, "the court calls malformed what was read: {outcome:?}");
        }
    }
}

/// The holds that an order names: here nobody knows them.
fn releases(order: &Order) -> &[HoldId] {
    match order {
        Order::SetMode { releases, .. } | Order::SetLimits { releases, .. } => releases,
        Order::Release { hold } => std::slice::from_ref(hold),
        Order::Freeze { .. } => &[],
    }
}
