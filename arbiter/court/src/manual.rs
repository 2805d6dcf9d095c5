//! Operators: what they tighten takes effect at once; what they loosen against a hold names the hold, and takes an
//! approver. No role is asked.

mod wanted;

use proto::command::{Command, Order, Rank};
use proto::decision::{Author, Priority};
use proto::event::{Body, Event};
use proto::hold::Hold;
use proto::id::{HoldId, RuleId};
use proto::ledger::{Direction, Ledger};
use proto::proposal::{Ask, Bound, Fact, Proposal};
use proto::ruling::Refusal;
use proto::terms::Terms;
use proto::time::Period;
use proto::value::{Kind, Mode, Value};

use crate::draft::Draft;
use crate::holds::{Asked, place, restate};
use crate::motion::{By, Motion};
use wanted::{Wanted, loosest};

const MODE: RuleId = RuleId::new("manual.mode");
const LIMITS: RuleId = RuleId::new("manual.limits");
const FREEZE: RuleId = RuleId::new("manual.freeze");
const RELEASE: RuleId = RuleId::new("manual.release");

/// The command as a proposal, so that it is ruled and recorded like any other.
pub(crate) fn proposal(terms: &Terms, event: &Event, ledger: &Ledger) -> Option<Proposal> {
    let Body::Command(command) = &event.body else { return None };
    let (rule, ask) = match &command.order {
        Order::SetMode { mode, duration, .. } => {
            (MODE, Ask::Set { value: Value::Mode(*mode), duration: *duration })
        }
        Order::SetLimits { limits, duration, .. } => {
            let value = Wanted::Limits(*limits).over(&unbound(ledger, terms, Kind::Limits));
            (LIMITS, Ask::Set { value, duration: *duration })
        }
        Order::Freeze { duration, severity, affected_subsystems } => {
            let affected_subsystems = affected_subsystems.clone();
            let (duration, severity, requires_manual_review) = (*duration, *severity, duration.is_none());
            (FREEZE, Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review })
        }
        Order::Release { hold } => (RELEASE, Ask::Release { hold: *hold }),
    };
    let priority = priority(ledger, &command.order);
    Some(Proposal { author: Author::Manual, rule, priority, ask, facts: facts(command) })
}

/// Step 5 for a command.
pub(crate) fn obey(draft: &mut Draft, motion: &mut Motion) {
    let Body::Command(command) = &draft.event.body else { return };
    if let Err(refusal) = order(draft, motion, command) {
        motion.refuse(refusal);
    }
}

fn order(draft: &mut Draft, motion: &mut Motion, command: &Command) -> Result<(), Refusal> {
    if command.by.rank < Rank::Operator {
        return Err(invalid(format!("{} may look, not command", command.by.name)));
    }
    match &command.order {
        Order::SetMode { mode, duration, releases } => {
            set(draft, motion, command, Wanted::Mode(*mode), *duration, releases)
        }
        Order::SetLimits { limits, duration, releases } => {
            set(draft, motion, command, Wanted::Limits(*limits), *duration, releases)
        }
        Order::Freeze { duration, severity, affected_subsystems } => {
            let (severity, affected_subsystems) = (*severity, affected_subsystems.clone());
            let bound = Bound::Freeze { severity, affected_subsystems };
            let person = Some(command.by.name.clone());
            let requires_manual_review = duration.is_none();
            restate(draft, motion, Asked { bound, duration: *duration, requires_manual_review, person });
            Ok(())
        }
        Order::Release { hold } => {
            permit(draft, command, std::slice::from_ref(hold))?;
            release(draft, motion, &[*hold]);
            Ok(())
        }
    }
}

/// Sets a value by hand: past the holds that are named, and past no other.
fn set(
    draft: &mut Draft,
    motion: &mut Motion,
    command: &Command,
    wanted: Wanted,
    duration: Option<Period>,
    releases: &[HoldId],
) -> Result<(), Refusal> {
    wanted.check()?;
    permit(draft, command, releases)?;
    let effective = draft.effective(wanted.kind());
    let loosens = wanted.over(&effective).is_looser_than(&effective);
    let replaced = motion.proposal.rule.clone();
    let mut others = draft.after.holds.values().filter(|hold| hold.cause != replaced);
    if let Some(hold) = others.find(|hold| !releases.contains(&hold.id) && wanted.is_barred_by(hold, loosens))
    {
        return Err(Refusal::Held { hold: hold.id, cause: hold.cause.clone() });
    }
    motion.take();
    let unbound = wanted.over(&unbound(draft.after, draft.terms, wanted.kind()));
    release(draft, motion, releases);
    own(draft, motion, wanted);
    let owned = draft.after.owned.get(wanted.kind());
    // LIVE is as loose as it gets: a hold at it would hold nothing.
    let bounds = unbound != Value::Mode(Mode::Live);
    let direction = if loosens { Direction::Looser } else { Direction::Tighter };
    if bounds && (duration.is_some() || !loosens || unbound.is_tighter_than(&owned)) {
        let person = Some(command.by.name.clone());
        let bound = Bound::Value { at: unbound };
        rehold(draft, motion, Asked { bound, duration, requires_manual_review: false, person }, direction);
    } else if let Some(hold) = earlier(draft.after, &replaced).map(|hold| hold.id) {
        release(draft, motion, &[hold]);
    }
    Ok(())
}

/// The owner's value, raised by hand to what is wanted where that is looser. A mode by hand has no end of its owner's.
fn own(draft: &mut Draft, motion: &Motion, wanted: Wanted) {
    let owned = draft.after.owned.get(wanted.kind());
    let raised = loosest(&wanted.over(&owned), &owned);
    if raised != owned {
        let by = By::proposal(motion.proposal);
        draft.set_owned(raised, Direction::Looser, by, Some(motion.number));
        draft.fired(motion.proposal);
    }
    if wanted.kind() == Kind::Mode {
        draft.after.timed_mode = None;
    }
}

/// Puts the operator's hold on a value in place of the one that stood.
fn rehold(draft: &mut Draft, motion: &mut Motion, asked: Asked, direction: Direction) {
    let Some(mut hold) = earlier(draft.after, &motion.proposal.rule).cloned() else {
        return place(draft, motion, asked);
    };
    let renewed = hold.bound != asked.bound || asked.duration.is_some() || hold.duration.is_some();
    if !renewed {
        return;
    }
    hold.bound = asked.bound;
    hold.duration = asked.duration;
    hold.until = asked.duration.map(|duration| draft.now.after(duration));
    hold.person = asked.person;
    hold.reason = motion.proposal.reason();
    draft.hold_moved(&hold, direction, By::proposal(motion.proposal), Some(motion.number));
    draft.fired(motion.proposal);
    draft.after.holds.insert(hold.id, hold);
}

fn release(draft: &mut Draft, motion: &mut Motion, holds: &[HoldId]) {
    for hold in holds {
        draft.end_hold(*hold, By::proposal(motion.proposal), Some(motion.number));
        draft.fired(motion.proposal);
        motion.take();
    }
}

/// Whether this person may end these holds: a role's takes an approver, and a second one where the policy says so.
fn permit(draft: &Draft, command: &Command, holds: &[HoldId]) -> Result<(), Refusal> {
    let mut by_roles = false;
    for id in holds {
        let hold = draft.after.holds.get(id).ok_or_else(|| invalid(format!("there is no hold {id}")))?;
        by_roles |= hold.owner != Author::Manual;
    }
    if by_roles && command.by.rank < Rank::Approver {
        return Err(Refusal::NeedsApprover);
    }
    let second = command.approved_by.as_ref();
    let agreed = second.is_some_and(|other| other.name != command.by.name && other.rank >= Rank::Approver);
    if by_roles && draft.terms.two_person && !agreed {
        return Err(Refusal::NeedsSecondPerson);
    }
    Ok(())
}

fn earlier<'a>(ledger: &'a Ledger, rule: &RuleId) -> Option<&'a Hold> {
    ledger.holds.values().find(|hold| hold.owner == Author::Manual && hold.cause == *rule)
}

/// What bounds the fields that nobody names: the operator's hold that stands, or else nothing that matters.
fn unbound(ledger: &Ledger, terms: &Terms, kind: Kind) -> Value {
    let rule = if kind == Kind::Mode { MODE } else { LIMITS };
    match earlier(ledger, &rule).map(|hold| &hold.bound) {
        Some(Bound::Value { at }) => at.clone(),
        Some(Bound::Freeze { .. } | Bound::Loosening) | None => {
            loosest(&ledger.owned.get(kind), &terms.base.get(kind))
        }
    }
}

fn priority(ledger: &Ledger, order: &Order) -> Priority {
    let wanted = match order {
        Order::SetMode { mode, .. } => Wanted::Mode(*mode),
        Order::SetLimits { limits, .. } => Wanted::Limits(*limits),
        Order::Freeze { .. } => return Priority::Critical,
        Order::Release { .. } => return Priority::High,
    };
    let effective = ledger.effective.get(wanted.kind());
    if wanted.over(&effective).is_looser_than(&effective) { Priority::High } else { Priority::Critical }
}

fn facts(command: &Command) -> Vec<Fact> {
    let approved = command.approved_by.as_ref().map(|person| Fact::seen("approved_by", person.name.as_str()));
    let mut facts = vec![Fact::seen("operator", command.by.name.as_str())];
    facts.extend(approved);
    facts.push(Fact::seen("reason", command.reason.as_str()));
    facts
}

fn invalid(detail: String) -> Refusal {
    Refusal::Invalid { detail }
}
