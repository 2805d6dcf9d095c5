//! Freezes: five causes, each judged on its own feed, each with a hold of its own.

use proto::decision::{Priority, Severity};
use proto::event::{Body, EssState, Health, Snapshot, SystemStatus};
use proto::id::RuleId;
use proto::number::Usd;
use proto::proposal::{Ask, Fact, Proposal, Relation};
use proto::time::Period;

use crate::{View, lift, memory, proposal, streak};

const CAPITAL: RuleId = RuleId::new("supervisor.capital");
const DRAWDOWN: RuleId = RuleId::new("supervisor.drawdown");
const HEALTH: RuleId = RuleId::new("supervisor.health");
const DAILY_LOSS: RuleId = RuleId::new("supervisor.daily-loss");

/// A cause of a freeze, as this event shows it.
struct Cause {
    rule: RuleId,
    priority: Priority,
    /// What shows that it is there.
    there: Option<Vec<Fact>>,
    /// What would show that it is gone; looked into only where there is a hold to end.
    gone: fn(&View<'_>) -> Option<Vec<Fact>>,
    /// What is asked while it is there.
    freeze: Freeze,
}

/// A freeze that may be asked for; without a duration it stands until a person has looked at it.
struct Freeze {
    duration: Option<Period>,
    severity: Severity,
    subsystems: &'static [&'static str],
    review: bool,
}

/// Freezes while their causes are there, and clears the holds whose causes are gone.
pub(crate) fn proposals(view: &View<'_>) -> Vec<Proposal> {
    match &view.event.body {
        Body::Snapshot(snapshot) => {
            let causes = [capital, drawdown, daily_loss, loss_streak];
            causes.into_iter().filter_map(|cause| answer(view, cause(view, snapshot))).collect()
        }
        // A calm portfolio says nothing about the system: a health freeze is lifted by health alone.
        Body::Health(seen) => answer(view, health(view, seen)).into_iter().collect(),
        Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
    }
}

/// Whether this event freezes.
pub(crate) fn freezes(view: &View<'_>) -> bool {
    proposals(view).iter().any(|proposal| matches!(proposal.ask, Ask::Freeze { .. }))
}

fn answer(view: &View<'_>, cause: Cause) -> Option<Proposal> {
    let Cause { rule, priority, there, gone, freeze } = cause;
    if let Some(facts) = there {
        return Some(proposal(rule, priority, freeze.ask(), facts));
    }
    view.ledger.hold_of(&rule)?;
    let facts = gone(view)?;
    let ask = Ask::Clear { cause: rule.clone(), kind: None };
    Some(proposal(rule, Priority::Normal, ask, facts))
}

impl Freeze {
    fn ask(self) -> Ask {
        Ask::Freeze {
            duration: self.duration,
            severity: self.severity,
            affected_subsystems: self.subsystems.iter().map(|&name| name.to_owned()).collect(),
            requires_manual_review: self.review,
        }
    }
}

/// A freeze that a person has to look at.
const fn reviewed(
    duration: Option<Period>,
    severity: Severity,
    subsystems: &'static [&'static str],
) -> Freeze {
    Freeze { duration, severity, subsystems, review: true }
}

/// `[capital]`: too little left to trade with.
fn capital(view: &View<'_>, snapshot: &Snapshot) -> Cause {
    let (equity, floor) = (snapshot.total_equity, view.policy.capital.below_usd);
    let there = (equity < floor).then(|| vec![Fact::met("total_equity", equity, Relation::Below, floor)]);
    Cause {
        rule: CAPITAL,
        priority: Priority::Critical,
        there,
        gone: lift::recovered,
        freeze: reviewed(None, Severity::Critical, &["trading", "execution", "signals", "risk"]),
    }
}

/// `[drawdown]`: too far below the peak.
fn drawdown(view: &View<'_>, snapshot: &Snapshot) -> Cause {
    let rule = &view.policy.drawdown;
    let seen = snapshot.drawdown_pct;
    let fact = || vec![Fact::met("drawdown_pct", seen, Relation::Above, rule.above_pct)];
    let there = (seen > rule.above_pct).then(fact);
    Cause {
        rule: DRAWDOWN,
        priority: Priority::Critical,
        there,
        gone: lift::recovered,
        freeze: reviewed(Some(rule.duration), Severity::Critical, &["trading", "execution", "signals"]),
    }
}

/// `[daily-loss]`: too much lost since midnight UTC, open positions included.
fn daily_loss(view: &View<'_>, snapshot: &Snapshot) -> Cause {
    Cause {
        rule: DAILY_LOSS,
        priority: Priority::Critical,
        there: lost_today(view, snapshot),
        gone: lift::recovered,
        freeze: reviewed(Some(view.policy.daily_loss.duration), Severity::High, &["trading", "execution"]),
    }
}

fn lost_today(view: &View<'_>, snapshot: &Snapshot) -> Option<Vec<Fact>> {
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

/// `[loss-streak]`: a break after losing trades in a row.
fn loss_streak(view: &View<'_>, _: &Snapshot) -> Cause {
    Cause {
        rule: streak::RULE,
        priority: Priority::High,
        there: streak::unanswered(view),
        gone: streak_over,
        freeze: Freeze {
            duration: Some(view.policy.loss_streak.duration),
            severity: Severity::Medium,
            subsystems: &["trading"],
            review: false,
        },
    }
}

fn streak_over(view: &View<'_>) -> Option<Vec<Fact>> {
    if view.memory.losses.in_a_row >= view.policy.loss_streak.losses {
        streak::break_over(view)
    } else {
        lift::recovered(view).or_else(|| streak::break_over(view))
    }
}

/// `[health]`: the system or its emergency stop has failed.
fn health(view: &View<'_>, health: &Health) -> Cause {
    let mut facts = Vec::new();
    if health.ess_state == EssState::Critical {
        facts.push(word("ess_state", EssState::Critical.as_str()));
    }
    if health.system_status == SystemStatus::Emergency {
        facts.push(word("system_status", SystemStatus::Emergency.as_str()));
    }
    let there = (!facts.is_empty()).then_some(facts);
    Cause {
        rule: HEALTH,
        priority: Priority::Critical,
        there,
        gone: lift::recovered,
        freeze: reviewed(
            Some(view.policy.health.duration),
            Severity::Critical,
            &["trading", "execution", "signals"],
        ),
    }
}

fn word(what: &'static str, seen: &'static str) -> Fact {
    Fact::met(what, seen, Relation::Is, seen)
}
