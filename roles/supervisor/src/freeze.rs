//! Freezes: five causes, each judged on its own feed, each with a hold of its own.

use std::sync::LazyLock;

use proto::decision::{Priority, Severity};
use proto::event::{Body, EssState, Health, Snapshot, SystemStatus};
use proto::id::RuleId;
use proto::number::Usd;
use proto::proposal::{Ask, Fact, Proposal, Relation};
use proto::subsystems::Subsystems;
use proto::time::Period;

use crate::policy::Policy;
use crate::{View, lift, memory, proposal, streak};

/// A cause of a freeze, and what on a feed of `Seen` tells of it.
struct Cause<Seen> {
    rule: RuleId,
    priority: Priority,
    /// What shows that it is there.
    there: fn(&View<'_>, &Seen) -> Option<Vec<Fact>>,
    /// What shows that it is gone; looked into only where there is a hold to end.
    gone: fn(&View<'_>) -> Option<Vec<Fact>>,
    /// For how long it freezes at first; none is until a person has looked at it.
    duration: fn(&Policy) -> Option<Period>,
    severity: Severity,
    subsystems: LazyLock<Subsystems>,
    /// Whether a person has to release it.
    review: bool,
}

static ON_SNAPSHOT: [Cause<Snapshot>; 4] = [
    Cause {
        rule: RuleId::new("supervisor.capital"),
        priority: Priority::Critical,
        there: capital,
        gone: lift::recovered,
        duration: |_| None,
        severity: Severity::Critical,
        subsystems: LazyLock::new(|| ["trading", "execution", "signals", "risk"].into()),
        review: true,
    },
    Cause {
        rule: RuleId::new("supervisor.drawdown"),
        priority: Priority::Critical,
        there: drawdown,
        gone: lift::recovered,
        duration: |policy| Some(policy.drawdown.duration),
        severity: Severity::Critical,
        subsystems: LazyLock::new(|| ["trading", "execution", "signals"].into()),
        review: true,
    },
    Cause {
        rule: RuleId::new("supervisor.daily-loss"),
        priority: Priority::Critical,
        there: daily_loss,
        gone: lift::recovered,
        duration: |policy| Some(policy.daily_loss.duration),
        severity: Severity::High,
        subsystems: LazyLock::new(|| ["trading", "execution"].into()),
        review: true,
    },
    // `[loss-streak]`: a break after losing trades in a row.
    Cause {
        rule: streak::RULE,
        priority: Priority::High,
        there: |view, _| streak::unanswered(view),
        gone: streak_over,
        duration: |policy| Some(policy.loss_streak.duration),
        severity: Severity::Medium,
        subsystems: LazyLock::new(|| ["trading"].into()),
        review: false,
    },
];

static ON_HEALTH: Cause<Health> = Cause {
    rule: RuleId::new("supervisor.health"),
    priority: Priority::Critical,
    there: health,
    gone: lift::recovered,
    duration: |policy| Some(policy.health.duration),
    severity: Severity::Critical,
    subsystems: LazyLock::new(|| ["trading", "execution", "signals"].into()),
    review: true,
};

/// Freezes while their causes are there, and clears the holds whose causes are gone.
pub(crate) fn proposals(view: &View<'_>) -> Vec<Proposal> {
    match &view.event.body {
        Body::Snapshot(seen) => ON_SNAPSHOT.iter().filter_map(|cause| cause.answer(view, seen)).collect(),
        // A calm portfolio says nothing about the system: a health freeze is lifted by health alone.
        Body::Health(seen) => ON_HEALTH.answer(view, seen).into_iter().collect(),
        Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
    }
}

/// Whether this event freezes.
pub(crate) fn freezes(view: &View<'_>) -> bool {
    proposals(view).iter().any(|proposal| matches!(proposal.ask, Ask::Freeze { .. }))
}

impl<Seen> Cause<Seen> {
    fn answer(&self, view: &View<'_>, seen: &Seen) -> Option<Proposal> {
        if let Some(facts) = (self.there)(view, seen) {
            return Some(proposal(self.rule.clone(), self.priority, self.freeze(view.policy), facts));
        }
        view.ledger.hold_of(&self.rule)?;
        let facts = (self.gone)(view)?;
        let ask = Ask::Clear { cause: self.rule.clone(), kind: None };
        Some(proposal(self.rule.clone(), Priority::Normal, ask, facts))
    }

    fn freeze(&self, policy: &Policy) -> Ask {
        Ask::Freeze {
            duration: (self.duration)(policy),
            severity: self.severity,
            affected_subsystems: (*self.subsystems).clone(),
            requires_manual_review: self.review,
        }
    }
}

/// `[capital]`: too little left to trade with.
fn capital(view: &View<'_>, snapshot: &Snapshot) -> Option<Vec<Fact>> {
    let fact = Fact::below("total_equity", snapshot.total_equity, view.policy.capital.below_usd)?;
    Some(vec![fact])
}

/// `[drawdown]`: too far below the peak.
fn drawdown(view: &View<'_>, snapshot: &Snapshot) -> Option<Vec<Fact>> {
    let fact = Fact::above("drawdown_pct", snapshot.drawdown_pct, view.policy.drawdown.above_pct)?;
    Some(vec![fact])
}

/// `[daily-loss]`: too much lost since midnight UTC, open positions included.
fn daily_loss(view: &View<'_>, snapshot: &Snapshot) -> Option<Vec<Fact>> {
    let most = view.policy.daily_loss.above_pct;
    let equity = snapshot.total_equity;
    // Nothing left is the worst case, and no division by zero.
    if equity <= Usd::ZERO {
        return Some(vec![Fact::met("total_equity", equity, Relation::AtMost, Usd::ZERO)]);
    }
    let today = view.memory.day.as_ref().filter(|today| today.day == view.event.at.day())?;
    let lost = memory::day_result(snapshot, today).times(-1.0).share_of(today.start_equity_usd)?;
    (lost > most).then(|| {
        vec![
            Fact::met("daily_loss_pct", lost, Relation::Above, most),
            Fact::seen("start_of_day_equity", today.start_equity_usd),
        ]
    })
}

fn streak_over(view: &View<'_>) -> Option<Vec<Fact>> {
    if view.memory.losses.in_a_row >= view.policy.loss_streak.losses {
        streak::break_over(view)
    } else {
        lift::recovered(view).or_else(|| streak::break_over(view))
    }
}

/// `[health]`: the system or its emergency stop has failed.
fn health(_: &View<'_>, health: &Health) -> Option<Vec<Fact>> {
    let mut facts = Vec::new();
    if health.ess_state == EssState::Critical {
        facts.push(word("ess_state", EssState::Critical.as_str()));
    }
    if health.system_status == SystemStatus::Emergency {
        facts.push(word("system_status", SystemStatus::Emergency.as_str()));
    }
    (!facts.is_empty()).then_some(facts)
}

fn word(what: &'static str, seen: &'static str) -> Fact {
    Fact::met(what, seen, Relation::Is, seen)
}
