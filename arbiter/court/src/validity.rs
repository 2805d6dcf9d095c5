//! Step 1: what is malformed, out of bounds or outside the author's authority is refused; of two that one role asks for
//! the same subject, the tighter counts.

use std::collections::BTreeSet;

use proto::decision::{Author, DecisionType};
use proto::id::RuleId;
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::Refusal;
use proto::terms::Seat;
use proto::time::Period;
use proto::value::{Allocation, Cashflow, EssThresholds, Kind, Limits, Universe, Value};

use crate::draft::Draft;
use crate::motion::Motion;

/// The most proposals of one verdict.
pub(crate) const PROPOSALS_MOST: usize = 64;
/// How far from one shares may add up: rounding, not a mistake.
const SUM_TOLERANCE: f64 = 1e-6;

/// What two proposals of one role may have in common, so that one of them is too many.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Value(Kind),
    Research(String),
    Cause(RuleId, Option<Kind>),
}

/// Refuses what is not valid, and all but the tightest of what one role asks for one subject.
pub(crate) fn drop_invalid(draft: &mut Draft) {
    draft.each_open(|draft, motion| {
        if let Err(detail) = check(draft, motion) {
            motion.refuse(Refusal::Invalid { detail });
        }
    });
    drop_doubles(&mut draft.motions);
}

/// What a proposal is about; none for a release, which is about one hold.
pub(crate) fn subject(proposal: &Proposal) -> Option<Subject> {
    match &proposal.ask {
        Ask::Set { value, .. } => Some(Subject::Value(value.kind())),
        Ask::Research { task } => Some(Subject::Research(task.subject())),
        Ask::Freeze { .. } => Some(Subject::Cause(proposal.rule.clone(), None)),
        Ask::Hold { bound } => Some(Subject::Cause(proposal.rule.clone(), bounded(bound))),
        Ask::Clear { cause, kind } => Some(Subject::Cause(cause.clone(), *kind)),
        Ask::Release { .. } => None,
    }
}

/// The kind of value that a bound bounds, if it bounds one.
pub(crate) const fn bounded(bound: &Bound) -> Option<Kind> {
    match bound {
        Bound::Value { at } => Some(at.kind()),
        Bound::Freeze { .. } | Bound::Loosening => None,
    }
}

/// What is wrong with a value in itself.
pub(crate) fn check_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Mode(_) | Value::Profile(_) => Ok(()),
        Value::Limits(limits) => check_limits(limits),
        Value::Ess(ess) => check_ess(ess),
        Value::Symbols(universe) => check_symbols(universe),
        Value::Cashflow(cashflow) => check_cashflow(cashflow),
        Value::Allocation(allocation) => check_allocation(allocation),
    }
}

fn check(draft: &Draft, motion: &Motion) -> Result<(), String> {
    let proposal = &motion.proposal;
    expect(proposal.author == motion.from, || {
        format!("{} may not speak for {}", motion.from, proposal.author)
    })?;
    match &motion.from {
        Author::Manual => {}
        Author::Role(role) => {
            let seat = draft.terms.seats.get(role).ok_or_else(|| format!("{role} has no seat"))?;
            let most = PROPOSALS_MOST;
            expect(motion.place < most, || format!("more than {most} proposals in one verdict"))?;
            let own =
                proposal.rule.as_str().strip_prefix(role.as_str()).is_some_and(|id| id.starts_with('.'));
            expect(own, || format!("{} is no rule of {role}", proposal.rule))?;
            check_authority(draft, proposal, seat)?;
        }
    }
    check_ask(&proposal.ask)
}

fn check_authority(draft: &Draft, proposal: &Proposal, seat: &Seat) -> Result<(), String> {
    let may = |of: DecisionType| {
        expect(seat.authority.contains(&of), || format!("{} has no authority over {of}", proposal.author))
    };
    match &proposal.ask {
        Ask::Set { value, .. } => may(DecisionType::of_value(value)),
        Ask::Research { .. } => may(DecisionType::ResearchTask),
        Ask::Freeze { .. } | Ask::Hold { .. } if seat.reviews => Ok(()),
        Ask::Freeze { .. } | Ask::Hold { .. } => may(DecisionType::Freeze),
        Ask::Clear { cause, kind } => {
            let mut holds = draft.after.holds.values().filter(|hold| hold.cause == *cause);
            let others = holds.find(|hold| {
                hold.owner != proposal.author && (kind.is_none() || bounded(&hold.bound) == *kind)
            });
            others.map_or(Ok(()), |hold| Err(format!("the hold of {cause} is {}'s", hold.owner)))?;
            if seat.reviews { Ok(()) } else { may(DecisionType::Freeze) }
        }
        Ask::Release { .. } => Err("only an operator releases a hold".to_owned()),
    }
}

fn check_ask(ask: &Ask) -> Result<(), String> {
    match ask {
        Ask::Set { value, duration } => {
            let timeless = duration.is_none() || value.kind() == Kind::Mode;
            expect(timeless, || format!("only a mode is set for a time, not {}", value.kind()))?;
            check_duration(*duration)?;
            check_value(value)
        }
        Ask::Freeze { duration, .. } => check_duration(*duration),
        Ask::Hold { bound: Bound::Freeze { .. } } => Err("a freeze is asked for as a freeze".to_owned()),
        Ask::Hold { bound: Bound::Value { at } } => {
            expect(at.kind() != Kind::Allocation, || "model weights have no order to hold".to_owned())?;
            check_value(at)
        }
        Ask::Hold { bound: Bound::Loosening }
        | Ask::Clear { .. }
        | Ask::Research { .. }
        | Ask::Release { .. } => Ok(()),
    }
}

fn check_duration(duration: Option<Period>) -> Result<(), String> {
    expect(duration != Some(Period::ZERO), || "a duration of nothing: none is until released".to_owned())
}

fn check_limits(limits: &Limits) -> Result<(), String> {
    expect(limits.max_leverage > Ratio::ZERO, || format!("max_leverage {}", limits.max_leverage))?;
    let size = limits.max_position_size_usd;
    expect(size >= Usd::ZERO, || format!("max_position_size_usd {size}"))?;
    check_share("max_drawdown_pct", limits.max_drawdown_pct)?;
    check_share("max_exposure_pct", limits.max_exposure_pct)?;
    let stop = limits.stop_loss_multiplier;
    expect(stop > Ratio::ZERO, || format!("stop_loss_multiplier {stop}"))
}

fn check_ess(ess: &EssThresholds) -> Result<(), String> {
    let (caution, warning, critical) =
        (ess.caution_threshold_pct, ess.warning_threshold_pct, ess.critical_threshold_pct);
    check_share("caution_threshold_pct", caution)?;
    check_share("critical_threshold_pct", critical)?;
    let rising = caution < warning && warning < critical;
    expect(rising, || format!("thresholds {caution}, {warning}, {critical} do not rise"))
}

fn check_symbols(universe: &Universe) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for symbol in universe.active_symbols.iter().chain(&universe.excluded_symbols) {
        expect(!symbol.is_empty(), || "a symbol without a name".to_owned())?;
        expect(seen.insert(symbol), || format!("symbol {symbol:?} twice"))?;
    }
    Ok(())
}

fn check_cashflow(cashflow: &Cashflow) -> Result<(), String> {
    let shares = [cashflow.profit_lock_pct, cashflow.reinvest_pct, cashflow.reserve_buffer_pct];
    check_sum("cashflow", &shares)
}

fn check_allocation(allocation: &Allocation) -> Result<(), String> {
    let shares: Vec<Fraction> = allocation.model_weights.values().copied().collect();
    // No weights at all is where a portfolio begins.
    if *allocation == Allocation::default() { Ok(()) } else { check_sum("model weights", &shares) }
}

fn check_sum(what: &str, shares: &[Fraction]) -> Result<(), String> {
    shares.iter().try_for_each(|share| check_share(what, *share))?;
    let sum: f64 = shares.iter().map(|share| share.get()).sum();
    expect((sum - 1.0).abs() <= SUM_TOLERANCE, || format!("{what} add up to {sum}, not to 1"))
}

fn check_share(what: &str, share: Fraction) -> Result<(), String> {
    let whole = Fraction::lit(1.0);
    expect(share >= Fraction::ZERO && share <= whole, || format!("{what} {} is not in [0, 1]", share.get()))
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Of two that one role asks for one subject the tighter counts, and of equals the first.
fn drop_doubles(motions: &mut [Motion]) {
    for later in 0..motions.len() {
        let (earlier, rest) = motions.split_at_mut(later);
        let Some(motion) = rest.first_mut().filter(|motion| motion.is_open()) else { continue };
        let about = subject(&motion.proposal);
        let rival = earlier.iter_mut().find(|other| {
            other.is_open()
                && other.from == motion.from
                && about.is_some()
                && subject(&other.proposal) == about
        });
        let Some(rival) = rival else { continue };
        let (winner, loser) = if is_tighter(&motion.proposal.ask, &rival.proposal.ask) {
            (motion, rival)
        } else {
            (rival, motion)
        };
        outdo(winner, loser);
    }
}

fn outdo(winner: &Motion, loser: &mut Motion) {
    if winner.proposal.ask == loser.proposal.ask {
        loser.take();
    } else {
        let (by, rule) = (winner.from.clone(), winner.proposal.rule.clone());
        loser.refuse(Refusal::Outranked { by, rule });
    }
}

/// Whether one is tighter than the other in something and looser in nothing. Asking to stop beats saying that the
/// reason to stop is gone.
fn is_tighter(one: &Ask, other: &Ask) -> bool {
    match (one, other) {
        (Ask::Set { value: a, .. }, Ask::Set { value: b, .. })
        | (Ask::Hold { bound: Bound::Value { at: a } }, Ask::Hold { bound: Bound::Value { at: b } }) => {
            a.is_tighter_than(b) && !a.is_looser_than(b)
        }
        (
            Ask::Freeze { duration: a, severity: bad_a, .. },
            Ask::Freeze { duration: b, severity: bad_b, .. },
        ) => {
            let longer = |a: &Option<Period>, b: &Option<Period>| b.is_some() && (a.is_none() || a > b);
            (bad_a, longer(a, b)) > (bad_b, longer(b, a))
        }
        (Ask::Freeze { .. } | Ask::Hold { .. }, Ask::Clear { .. }) => true,
        _ => false,
    }
}
