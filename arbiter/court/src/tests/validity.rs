//! Step 1: malformed, out of bounds, outside the author's authority; two of one role for one subject.

use proto::decision::{DecisionType, Severity};
use proto::id::{HoldId, Role, RuleId};
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Finding, Refusal};
use proto::testing::base;
use proto::time::Period;
use proto::value::{Allocation, Cashflow, EssThresholds, Limits, Mode, Profile, Universe, Value};

use crate::testing::{Story, finding, freeze, leverage, mins, propose, refusal, research, set, types};
use crate::validity::PROPOSALS_MOST;

fn is_invalid(proposal: Proposal) -> bool {
    let rule = proposal.rule.as_str().to_owned();
    let ruling = Story::new().snapshot().says(proposal).rule();
    matches!(finding(&ruling, &rule), Finding::Refused { refusal: Refusal::Invalid { .. } })
}

#[test]
fn a_role_asks_only_for_what_its_seat_allows() {
    let held = Ask::Hold { bound: Bound::Value { at: leverage(5.0) } };
    let release = Ask::Release { hold: HoldId::derive(&["x"]) };
    let frozen = freeze("cro.x", Some(30), Severity::Medium).ask;
    let table = [
        (true, set(&Role::CRO, "cro.x", Value::Mode(Mode::Paused))),
        (true, set(&Role::CEO, "ceo.x", leverage(5.0))),
        (true, set(&Role::SUPERVISOR, "supervisor.x", leverage(5.0))),
        (true, propose(&Role::CRO, "cro.x", frozen)),
        (true, propose(&Role::CRO, "cro.x", held.clone())),
        (true, propose(&Role::SUPERVISOR, "supervisor.x", release)),
        (false, propose(&Role::SUPERVISOR, "supervisor.x", held)),
        (false, set(&Role::CEO, "ceo.x", Value::Profile(Profile::Micro))),
    ];
    for (expected, proposal) in table {
        assert_eq!(is_invalid(proposal.clone()), expected, "{proposal:?}");
    }
}

#[test]
fn nobody_speaks_for_somebody_else() {
    let mut story = Story::new();
    let forged = freeze("supervisor.x", None, Severity::Critical);
    let ruling = story.snapshot().says_as(&Role::CFO, forged).rule();
    assert!(matches!(refusal(&ruling, "supervisor.x"), Refusal::Invalid { .. }));
    assert!(is_invalid(set(&Role::CRO, "manual.limits", leverage(5.0))), "nor with somebody else's rule");
    let quant: Role = "quant".parse().unwrap();
    let ruling = story.snapshot().says(set(&quant, "quant.x", leverage(5.0))).rule();
    assert!(matches!(refusal(&ruling, "quant.x"), Refusal::Invalid { .. }), "nor without a seat");
    assert_eq!(ruling.after.effective, base());
}

#[test]
fn a_hold_is_cleared_by_its_owner_only() {
    let mut story = Story::new();
    let quant: Role = "quant".parse().unwrap();
    let mut seat = story.terms.seats[&Role::SUPERVISOR].clone();
    (seat.rank, seat.guardian, seat.reviews) = (7, false, false);
    story.terms.seats.insert(quant.clone(), seat);
    story.snapshot().says(freeze("supervisor.x", None, Severity::Critical)).rule();
    let foreign = Ask::Clear { cause: RuleId::new("supervisor.x"), kind: None };
    let ruling = story.snapshot().says(propose(&quant, "quant.x", foreign)).rule();
    assert!(matches!(refusal(&ruling, "quant.x"), Refusal::Invalid { .. }));
    let unknown = Ask::Clear { cause: RuleId::new("quant.y"), kind: None };
    let ruling = story.snapshot().says(propose(&quant, "quant.x", unknown)).rule();
    assert_eq!(*finding(&ruling, "quant.x"), Finding::Unchanged, "what nobody holds is clear");
}

#[test]
fn values_have_bounds() {
    let limits = |change: fn(&mut Limits)| {
        let mut limits = base().limits;
        change(&mut limits);
        set(&Role::CRO, "cro.x", Value::Limits(limits))
    };
    let ess = |caution, warning, critical| {
        let (caution_threshold_pct, warning_threshold_pct, critical_threshold_pct) =
            (Fraction::lit(caution), Fraction::lit(warning), Fraction::lit(critical));
        let ess = EssThresholds { caution_threshold_pct, warning_threshold_pct, critical_threshold_pct };
        set(&Role::CRO, "cro.x", Value::Ess(ess))
    };
    let cashflow = |lock, reinvest, reserve| {
        let (profit_lock_pct, reinvest_pct, reserve_buffer_pct) =
            (Fraction::lit(lock), Fraction::lit(reinvest), Fraction::lit(reserve));
        set(
            &Role::CFO,
            "cfo.x",
            Value::Cashflow(Cashflow { profit_lock_pct, reinvest_pct, reserve_buffer_pct }),
        )
    };
    let symbols = |active: &[&str], excluded: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let universe = Universe { active_symbols: names(active), excluded_symbols: names(excluded) };
        set(&Role::CIO, "cio.x", Value::Symbols(universe.into()))
    };
    let weights = |weights: &[(&str, f64)]| {
        let model_weights =
            weights.iter().map(|(name, weight)| ((*name).to_owned(), Fraction::lit(*weight))).collect();
        let active_strategies = vec!["a".to_owned()];
        set(&Role::CIO, "cio.x", Value::Allocation(Allocation { model_weights, active_strategies }.into()))
    };
    let table = [
        (true, limits(|limits| limits.max_leverage = Ratio::ZERO)),
        (true, limits(|limits| limits.max_position_size_usd = Usd::lit(-1.0))),
        (true, limits(|limits| limits.max_drawdown_pct = Fraction::lit(8.0))),
        (true, limits(|limits| limits.max_exposure_pct = Fraction::lit(-0.1))),
        (true, limits(|limits| limits.stop_loss_multiplier = Ratio::ZERO)),
        (false, limits(|limits| limits.max_position_size_usd = Usd::ZERO)),
        (true, ess(0.03, 0.03, 0.08)),
        (true, ess(0.03, 0.09, 0.08)),
        (true, ess(-0.01, 0.05, 0.08)),
        (false, ess(0.0, 0.05, 1.0)),
        (true, cashflow(0.6, 0.6, 0.1)),
        (true, cashflow(-0.1, 0.6, 0.5)),
        (false, cashflow(0.6, 0.2, 0.2)),
        (true, symbols(&["A", "A"], &[])),
        (true, symbols(&["A"], &["A"])),
        (true, symbols(&[""], &[])),
        (false, symbols(&[], &["A"])),
        (true, weights(&[("a", 0.5), ("b", 0.6)])),
        (true, weights(&[])),
        (false, weights(&[("a", 0.5), ("b", 0.5)])),
    ];
    for (expected, proposal) in table {
        assert_eq!(is_invalid(proposal.clone()), expected, "{proposal:?}");
    }
}

#[test]
fn only_a_mode_has_a_time_and_none_is_nothing() {
    let timed = |role: &Role, rule, value, duration| {
        propose(role, rule, Ask::Set { value, duration: Some(duration) })
    };
    assert!(is_invalid(timed(&Role::CRO, "cro.x", leverage(5.0), mins(30))));
    assert!(is_invalid(timed(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused), Period::ZERO)));
    assert!(!is_invalid(timed(&Role::CEO, "ceo.x", Value::Mode(Mode::Paused), mins(30))));
    assert!(
        is_invalid(freeze("supervisor.x", Some(0), Severity::Critical)),
        "0 is neither a time nor for ever"
    );
}

#[test]
fn a_verdict_has_at_most_so_many_proposals() {
    let mut story = Story::new();
    let round = (0..PROPOSALS_MOST + 2)
        .fold(story.snapshot(), |round, number| round.says(research(Some(&number.to_string()))));
    let ruling = round.rule();
    assert_eq!(ruling.decisions.len(), PROPOSALS_MOST);
    let invalid = ruling
        .outcomes
        .iter()
        .filter(|outcome| matches!(&outcome.result, Finding::Refused { refusal: Refusal::Invalid { .. } }));
    assert_eq!(invalid.count(), 2);
}

#[test]
fn of_two_of_one_role_the_tighter_counts() {
    let (five, four) = (set(&Role::CRO, "cro.a", leverage(5.0)), set(&Role::CRO, "cro.b", leverage(4.0)));
    for order in [[five.clone(), four.clone()], [four.clone(), five.clone()]] {
        let mut story = Story::new();
        let [first, second] = order;
        let ruling = story.snapshot().says(first).says(second).rule();
        assert_eq!(types(&ruling), [DecisionType::RiskAdjustment]);
        assert_eq!(Value::Limits(ruling.after.effective.limits), leverage(4.0));
        let by = Role::CRO.into();
        assert_eq!(*refusal(&ruling, "cro.a"), Refusal::Outranked { by, rule: RuleId::new("cro.b") });
    }
}

#[test]
fn of_two_equal_ones_the_second_is_unchanged() {
    let mut story = Story::new();
    let equal = |rule| set(&Role::CEO, rule, Value::Profile(Profile::Micro));
    let ruling = story.snapshot().says(equal("ceo.emergency")).says(equal("ceo.downgrade")).rule();
    assert!(matches!(finding(&ruling, "ceo.emergency"), Finding::Decided { .. }));
    assert_eq!(*finding(&ruling, "ceo.downgrade"), Finding::Unchanged);
}

#[test]
fn a_freeze_counts_more_than_the_word_that_its_cause_is_gone() {
    let mut story = Story::new();
    story.snapshot().says(freeze("supervisor.x", None, Severity::Critical)).rule();
    let gone = Ask::Clear { cause: RuleId::new("supervisor.x"), kind: None };
    let round = story.snapshot().says(propose(&Role::SUPERVISOR, "supervisor.y", gone));
    let ruling = round.says(freeze("supervisor.x", None, Severity::Critical)).rule();
    assert!(matches!(refusal(&ruling, "supervisor.y"), Refusal::Outranked { .. }));
    assert_eq!(story.hold("supervisor.x").unwrap().standing, proto::hold::Standing::Present);
}
