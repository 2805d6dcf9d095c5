//! `[loss-streak]`: a break after losing trades in a row.
//!
//! A break, not a stop: nobody trades in it, so no win could ever end it. It ends by its own time unless a new loss
//! came, and the losses that it answered do not start another.

use proto::event::Snapshot;
use proto::hold::Hold;
use proto::id::RuleId;
use proto::number::Usd;
use proto::proposal::{Fact, Relation};
use proto::time::Time;
use serde::{Deserialize, Serialize};

use crate::memory::Sighting;
use crate::policy::Policy;
use crate::{View, lift};

pub(crate) const RULE: RuleId = RuleId::new("supervisor.loss-streak");

/// Half a cent: a result that moves by less has only been rounded anew.
const ROUNDING_USD: Usd = Usd::lit(0.005);

/// Losing trades in a row; midnight does not end them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Losses {
    /// How many.
    pub(crate) in_a_row: u32,
    /// When the latest was seen.
    pub(crate) last_at: Option<Time>,
    /// When the break was last seen in force.
    pub(crate) held_through: Option<Time>,
}

impl Losses {
    /// Counts what closed between two snapshots of one day.
    pub(crate) fn count(&mut self, policy: &Policy, now: Time, last: &Sighting, snapshot: &Snapshot) {
        let nothing_closed = match (last.closed_trades, snapshot.closed_trades_today) {
            (Some(before), Some(after)) => after <= before,
            (None, _) | (_, None) => false,
        };
        let gain = snapshot.realized_pnl_today.minus(last.realized_usd);
        let loss = gain.times(-1.0);
        if nothing_closed || gain.max(loss) < ROUNDING_USD {
            return;
        }
        let smallest = snapshot.total_equity.max(Usd::ZERO).times(policy.loss_streak.min_loss_pct.get());
        if gain > Usd::ZERO {
            self.in_a_row = 0;
        } else if loss >= smallest {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.last_at = Some(now);
        }
    }

    /// The streak as a fact, once it is this long.
    pub(crate) fn at_least(&self, losses: u32) -> Option<Vec<Fact>> {
        let fact = || vec![Fact::met("losing_trades_in_a_row", self.in_a_row, Relation::AtLeast, losses)];
        (self.in_a_row >= losses).then(fact)
    }
}

/// The streak, if it is long enough and its last loss has not had its break yet.
pub(crate) fn unanswered(view: &View<'_>) -> Option<Vec<Fact>> {
    let losses = &view.memory.losses;
    let streak = losses.at_least(view.policy.loss_streak.losses)?;
    let answered = match view.ledger.hold_of(&RULE) {
        Some(hold) => term_began(hold),
        None => view.ledger.fired(&RULE).map(|fired| fired.at).max(losses.held_through),
    };
    (losses.last_at > answered).then_some(streak)
}

/// What speaks for the end of the break, once it is nearly over.
pub(crate) fn break_over(view: &View<'_>) -> Option<Vec<Fact>> {
    let until = view.ledger.hold_of(&RULE)?.until?;
    if until.since(view.now) <= view.policy.loss_streak.over_before { lift::sound(view) } else { None }
}

/// When the hold was placed or last extended.
fn term_began(hold: &Hold) -> Option<Time> {
    match (hold.until, hold.duration) {
        (Some(until), Some(duration)) => Some(until.before(duration)),
        (None, _) | (_, None) => Some(hold.placed_at),
    }
}
