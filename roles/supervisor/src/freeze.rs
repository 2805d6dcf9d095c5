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
    sight: Sight,
    /// What is asked while it is there.
    freeze: Ask,
}

/// Whether a cause is there.
enum Sight {
    /// It is.
    There(Vec<Fact>),
    /// It is gone, and the portfolio has recovered.
    Gone(Vec<Fact>),
    /// Neither can be said.
    Unclear,
}

/// Freezes while their causes are there, and clears the holds whose causes are gone.
pub(crate) fn proposals(view: &View<'_>) -> Vec<Proposal> {
    let causes = match &view.event.body {
        Body::Snapshot(snapshot) => vec![
            capital(view, snapshot),
            drawdown(view, snapshot),
            daily_loss(view, snapshot),
            loss_streak(view),
        ],
        // A calm portfolio says nothing about the system: a health freeze is lifted by health alone.
        Body::Health(seen) => vec![health(view, seen)],
        Body::Model(_) | Body::ClockDue(_) | Body::Command(_) => Vec::new(),
    };
    causes.into_iter().filter_map(|cause| answer(view, cause)).collect()
}

/// Whether this event freezes.
pub(crate) fn freezes(view: &View<'_>) -> bool {
    proposals(view).iter().any(|proposal| matches!(proposal.ask, Ask::Freeze { .. }))
}

fn answer(view: &View<'_>, cause: Cause) -> Option<Proposal> {
    let Cause { rule, priority, sight, freeze } = cause;
    match sight {
        Sight::There(facts) => Some(proposal(rule, priority, freeze, facts)),
        Sight::Gone(facts) => {
            view.ledger.hold_of(&rule)?;
            let ask = Ask::Clear { cause: rule.clone(), kind: None };
            Some(proposal(rule, Priority::Normal, ask, facts))
        }
        Sight::Unclear => None,
    }
}

fn sight(there: Option<Vec<Fact>>, gone: impl FnOnce() -> Option<Vec<Fact>>) -> Sight {
    match there {
        Some(facts) => Sight::There(facts),
        None => gone().map_or(Sight::Unclear, Sight::Gone),
    }
}

/// A freeze that a person has to look at; without a duration it stands until then.
fn reviewed(duration: Option<Period>, severity: Severity, subsystems: &[&str]) -> Ask {
    freeze(duration, severity, subsystems, true)
}

fn freeze(duration: Option<Period>, severity: Severity, subsystems: &[&str], review: bool) -> Ask {
    let affected_subsystems = subsystems.iter().map(|&name| name.to_owned()).collect();
    Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review: review }
}

/// `[capital]`: too little left to trade with.
fn capital(view: &View<'_>, snapshot: &Snapshot) -> Cause {
    let (equity, floor) = (snapshot.total_equity, view.policy.capital.below_usd);
    let there = (equity < floor).then(|| vec![Fact::met("total_equity", equity, Relation::Below, floor)]);
    Cause {
        rule: CAPITAL,
        priority: Priority::Critical,
        sight: sight(there, || lift::recovered(view)),
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
        sight: sight(there, || lift::recovered(view)),
        freeze: reviewed(Some(rule.duration), Severity::Critical, &["trading", "execution", "signals"]),
    }
}

/// `[daily-loss]`: too much lost since midnight UTC, open positions included.
fn daily_loss(view: &View<'_>, snapshot: &Snapshot) -> Cause {
    Cause {
        rule: DAILY_LOSS,
        priority: Priority::Critical,
        sight: sight(lost_today(view, snapshot), || lift::recovered(view)),
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
fn loss_streak(view: &View<'_>) -> Cause {
    let over = || match view.memory.losses.at_least(view.policy.loss_streak.losses) {
        Some(_) => streak::break_over(view),
        None => lift::recovered(view).or_else(|| streak::break_over(view)),
    };
    Cause {
        rule: streak::RULE,
        priority: Priority::High,
        sight: sight(streak::unanswered(view), over),
        freeze: freeze(Some(view.policy.loss_streak.duration), Severity::Medium, &["trading"], false),
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
        sight: sight(there, || lift::recovered(view)),
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
