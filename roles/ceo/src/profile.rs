//! The capital profile: down at once, up only after profit days that were earned since the last step up.

use proto::decision::Priority;
use proto::event::Snapshot;
use proto::id::{Role, RuleId};
use proto::ledger::{Fired, Ledger};
use proto::number::Fraction;
use proto::proposal::{Ask, Fact, Proposal};
use proto::time::Time;
use proto::value::{Profile, Value};

use crate::memory::Memory;
use crate::policy::Policy;

/// Down to MICRO at once.
pub const EMERGENCY: RuleId = RuleId::new("ceo.emergency");
/// One step down for drawdown.
pub const DOWNGRADE: RuleId = RuleId::new("ceo.downgrade");
/// One step down for loss days.
pub const DOWNGRADE_STREAK: RuleId = RuleId::new("ceo.downgrade-streak");
/// One step down for lost trades.
pub const DOWNGRADE_WIN_RATE: RuleId = RuleId::new("ceo.downgrade-win-rate");
/// One step up.
pub const UPGRADE: RuleId = RuleId::new("ceo.upgrade");

/// Less than any difference of drawdown that means something: sums of decimals are not exact.
const DRAWDOWN_NOISE: Fraction = Fraction::lit(1e-9);

/// All that a rule of the profile may look at.
pub(crate) struct Seen<'a> {
    pub(crate) now: Time,
    pub(crate) snapshot: &'a Snapshot,
    /// The worst drawdown ever, when this snapshot made it a new one.
    pub(crate) new_worst: Option<Fraction>,
    pub(crate) memory: &'a Memory,
    pub(crate) ledger: &'a Ledger,
}

/// What the rules of the profile ask for.
pub(crate) fn proposals(policy: &Policy, seen: &Seen) -> Vec<Proposal> {
    [emergency, downgrade, downgrade_streak, downgrade_win_rate, upgrade]
        .into_iter()
        .filter_map(|rule| rule(policy, seen))
        .collect()
}

fn emergency(policy: &Policy, seen: &Seen) -> Option<Proposal> {
    let at = &policy.emergency;
    let drawdown = Fact::above("drawdown_pct", seen.snapshot.drawdown_pct, at.drawdown_pct);
    let worst = seen.new_worst.and_then(|worst| Fact::above("max_drawdown_pct", worst, at.max_drawdown_pct));
    let facts: Vec<Fact> = drawdown.into_iter().chain(worst).collect();
    (!facts.is_empty()).then(|| set(EMERGENCY, Priority::Critical, Profile::Micro, facts))
}

/// Once a day; again when drawdown got clearly worse since.
fn downgrade(policy: &Policy, seen: &Seen) -> Option<Proposal> {
    let at = &policy.downgrade;
    let drawdown = seen.snapshot.drawdown_pct;
    let fact = Fact::above("drawdown_pct", drawdown, at.drawdown_pct)?;
    let lower = one_step_down(seen)?;
    let stepped_at = fired_today(&DOWNGRADE, seen).and_then(|fired| fired.fraction("drawdown_pct"));
    let worse = stepped_at.is_none_or(|stepped| drawdown.plus(DRAWDOWN_NOISE) >= stepped.plus(at.again_pct));
    worse.then(|| set(DOWNGRADE, Priority::High, lower, vec![fact]))
}

/// The day on which it fired was not over then: it counts towards the next step.
fn downgrade_streak(policy: &Policy, seen: &Seen) -> Option<Proposal> {
    let lower = one_step_down(seen)?;
    let fired = seen.ledger.fired(&DOWNGRADE_STREAK).map(|fired| fired.at.day());
    let days = seen.memory.loss_days_from(fired);
    let fact = Fact::at_least("loss_days", days, policy.downgrade.loss_days)?;
    Some(set(DOWNGRADE_STREAK, Priority::High, lower, vec![fact]))
}

/// Once a day, and only while there is something at risk.
fn downgrade_win_rate(policy: &Policy, seen: &Seen) -> Option<Proposal> {
    let rate = seen.snapshot.win_rate(policy.min_closed_trades)?;
    let rate = Fact::below("win_rate_today", rate, policy.downgrade.win_rate)?;
    let positions = Fact::above("num_positions", seen.snapshot.num_positions, 0)?;
    let lower = one_step_down(seen)?;
    let fired = fired_today(&DOWNGRADE_WIN_RATE, seen).is_some();
    (!fired).then(|| set(DOWNGRADE_WIN_RATE, Priority::High, lower, vec![rate, positions]))
}

/// The days up to the last step up are spent with it; they stay unspent while the court has not granted it.
fn upgrade(policy: &Policy, seen: &Seen) -> Option<Proposal> {
    let at = &policy.upgrade;
    let drawdown = Fact::below("drawdown_pct", seen.snapshot.drawdown_pct, at.drawdown_pct)?;
    let win_rate = seen.snapshot.win_rate(policy.min_closed_trades)?;
    let win_rate = Fact::above("win_rate_today", win_rate, at.win_rate)?;
    let sharpe = Fact::above("sharpe_ratio_7d", seen.snapshot.sharpe_ratio_7d?, at.sharpe_ratio)?;
    let spent = seen.ledger.fired(&UPGRADE).map(|fired| fired.at.day());
    let days = Fact::at_least("profit_days", seen.memory.profit_days_after(spent), at.profit_days)?;
    let owned = seen.ledger.owned.profile;
    let wanted = owned.one_step_up();
    (wanted != owned).then(|| set(UPGRADE, Priority::High, wanted, vec![days, drawdown, win_rate, sharpe]))
}

/// When a rule fired today. What it did before a step up is undone by that, so it may fire again.
fn fired_today<'a>(rule: &RuleId, seen: &Seen<'a>) -> Option<&'a Fired> {
    let fired = seen.ledger.fired(rule).filter(|fired| fired.at.day() == seen.now.day())?;
    let undone = seen.ledger.fired(&UPGRADE).is_some_and(|upgrade| upgrade.at > fired.at);
    (!undone).then_some(fired)
}

/// The next profile with less risk, if there is one.
fn one_step_down(seen: &Seen) -> Option<Profile> {
    let owned = seen.ledger.owned.profile;
    Some(owned.one_step_down()).filter(|lower| *lower != owned)
}

fn set(rule: RuleId, priority: Priority, profile: Profile, facts: Vec<Fact>) -> Proposal {
    let ask = Ask::Set { value: Value::Profile(profile), duration: None };
    Proposal { author: Role::CEO.into(), rule, priority, ask, facts }
}
