//! What the supervisor has observed of a portfolio. Observations only: what is in force stands in the ledger.

use proto::event::{Body, EssState, Event, Health, Snapshot, SystemStatus};
use proto::ledger::Ledger;
use proto::number::{Fraction, Usd};
use proto::time::{Day, Time};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::streak::{self, Losses};

/// What the supervisor has observed of a portfolio.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub(crate) day: Option<TradingDay>,
    pub(crate) last: Option<Sighting>,
    pub(crate) losses: Losses,
    pub(crate) health: Option<HealthSighting>,
}

/// The UTC day that the latest snapshot belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TradingDay {
    pub(crate) day: Day,
    /// When its first snapshot came.
    pub(crate) since: Time,
    /// Equity without the day's realised result and without that of open positions, at the day's first snapshot.
    pub(crate) start_equity_usd: Usd,
    /// What of the result of open positions was there before the day.
    pub(crate) start_unrealized_usd: Usd,
    /// The result of the last day seen before this one.
    pub(crate) day_before_usd: Option<Usd>,
}

/// The latest snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub(crate) at: Time,
    pub(crate) equity_usd: Usd,
    pub(crate) drawdown_pct: Fraction,
    pub(crate) realized_usd: Usd,
    /// Realised today, and what open positions gained or lost since the day began.
    pub(crate) day_result_usd: Usd,
    pub(crate) closed_trades: Option<u32>,
}

/// The latest health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HealthSighting {
    pub(crate) at: Time,
    pub(crate) system_status: SystemStatus,
    pub(crate) ess_state: EssState,
}

impl Memory {
    /// Takes in an event, and whether the break after losses is in force.
    pub(crate) fn observe(&mut self, policy: &Policy, now: Time, event: &Event, ledger: &Ledger) {
        if ledger.hold_of(&streak::RULE).is_some() {
            self.losses.held_through = Some(now);
        }
        match &event.body {
            Body::Snapshot(snapshot) => self.see_snapshot(policy, now, event.at, snapshot),
            Body::Health(health) => self.see_health(event.at, health),
            Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => {}
        }
    }

    fn see_snapshot(&mut self, policy: &Policy, now: Time, at: Time, snapshot: &Snapshot) {
        let today = match self.day.take() {
            // A day that is over stays over: a late snapshot of it would look like a new day's first.
            Some(today) if at.day() < today.day => {
                self.day = Some(today);
                return;
            }
            Some(today) if at.day() == today.day => {
                if let Some(last) = &self.last {
                    self.losses.count(policy, now, last, snapshot);
                }
                today
            }
            before => TradingDay::begin(now, at.day(), snapshot, before.as_ref(), self.last.as_ref()),
        };
        let latest = self.last.as_ref().map_or(at, |last| last.at.max(at));
        self.last = Some(Sighting::of(latest, snapshot, &today));
        self.day = Some(today);
    }

    fn see_health(&mut self, at: Time, health: &Health) {
        let at = self.health.as_ref().map_or(at, |last| last.at.max(at));
        let Health { system_status, ess_state, .. } = *health;
        self.health = Some(HealthSighting { at, system_status, ess_state });
    }
}

impl TradingDay {
    fn begin(
        now: Time,
        day: Day,
        snapshot: &Snapshot,
        before: Option<&TradingDay>,
        last: Option<&Sighting>,
    ) -> Self {
        // Without a snapshot of the day before nobody knows when an open loss was made: then it was made today.
        let known = before.is_some_and(|before| before.day.0.saturating_add(1) == day.0);
        let unrealized = snapshot.unrealized_pnl;
        Self {
            day,
            since: now,
            start_equity_usd: snapshot.total_equity.minus(snapshot.realized_pnl_today).minus(unrealized),
            start_unrealized_usd: if known { unrealized } else { unrealized.max(Usd::ZERO) },
            day_before_usd: last.map(|last| last.day_result_usd),
        }
    }
}

impl Sighting {
    fn of(at: Time, snapshot: &Snapshot, today: &TradingDay) -> Self {
        Self {
            at,
            equity_usd: snapshot.total_equity,
            drawdown_pct: snapshot.drawdown_pct,
            realized_usd: snapshot.realized_pnl_today,
            day_result_usd: day_result(snapshot, today),
            closed_trades: snapshot.closed_trades_today,
        }
    }
}

/// Realised today, and what open positions gained or lost since the day began.
pub(crate) fn day_result(snapshot: &Snapshot, today: &TradingDay) -> Usd {
    snapshot.realized_pnl_today.plus(snapshot.unrealized_pnl.minus(today.start_unrealized_usd))
}
