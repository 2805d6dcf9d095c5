//! What roles ask for; few different things of each kind, so that the same is asked again.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proto::decision::{Priority, ResearchTask, Severity};
use proto::id::{Role, RuleId};
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::subsystems::Subsystems;
use proto::testing::base;
use proto::time::Period;
use proto::value::{Allocation, Cashflow, EssThresholds, Kind, Limits, Mode, Profile, Universe, Value};

use super::terms::further;

/// Any proposal: mostly of the role whose matter it is, sometimes of the further role.
pub(super) fn proposal() -> impl Strategy<Value = Proposal> {
    let asked = prop_oneof![10 => set(), 2 => freeze(), 1 => hold(), 4 => clear(), 1 => research()];
    (asked, prop::bool::weighted(0.1)).prop_map(|((role, rule, ask), by_further)| {
        let (author, rule) = if by_further { (further(), "quant.x") } else { (role, rule) };
        let priority = Priority::High;
        Proposal { author: author.into(), rule: RuleId::new(rule), priority, ask, facts: Vec::new() }
    })
}

/// Any value, some of them out of bounds.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => modes().prop_map(Value::Mode),
        4 => profiles().prop_map(Value::Profile),
        4 => limits().prop_map(Value::Limits),
        2 => ess().prop_map(Value::Ess),
        2 => symbols().prop_map(|universe| Value::Symbols(universe.into())),
        2 => cashflow().prop_map(Value::Cashflow),
        2 => allocation().prop_map(|weights| Value::Allocation(weights.into())),
        1 => Just(Value::Limits(Limits { max_leverage: Ratio::ZERO, ..base().limits })),
    ]
}

pub(super) fn modes() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Live, Mode::Live, Mode::Shadow, Mode::Paused, Mode::Emergency])
}

pub(super) fn profiles() -> impl Strategy<Value = Profile> {
    select(Profile::ALL.to_vec())
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let stop = select(vec![1.0, 1.0, 1.5]);
    (select(vec![2.0, 5.0, 10.0]), select(vec![500.0, 10_000.0]), stop).prop_map(|(leverage, size, stop)| {
        Limits {
            max_leverage: Ratio::lit(leverage),
            max_position_size_usd: Usd::lit(size),
            stop_loss_multiplier: Ratio::lit(stop),
            ..base().limits
        }
    })
}

pub(super) fn ess() -> impl Strategy<Value = EssThresholds> {
    select(vec![0.02, 0.03, 0.04])
        .prop_map(|caution| EssThresholds { caution_threshold_pct: Fraction::lit(caution), ..base().ess })
}

pub(super) fn symbols() -> impl Strategy<Value = Universe> {
    select(vec![1_usize, 3, 5]).prop_map(|active| {
        let all = base().symbols;
        let (active_symbols, rest) = all.active_symbols.split_at(active);
        let excluded_symbols = [rest, &all.excluded_symbols].concat();
        Universe { active_symbols: active_symbols.to_vec(), excluded_symbols }
    })
}

pub(super) fn cashflow() -> impl Strategy<Value = Cashflow> {
    select(vec![0.25, 0.5, 0.75]).prop_map(|reinvest| Cashflow {
        profit_lock_pct: Fraction::lit(0.25),
        reinvest_pct: Fraction::lit(reinvest),
        reserve_buffer_pct: Fraction::lit(0.75 - reinvest),
    })
}

pub(super) fn allocation() -> impl Strategy<Value = Allocation> {
    select(vec![0.25, 0.5]).prop_map(|weight| {
        let weights = [("a", weight), ("b", 1.0 - weight)];
        let model_weights = weights.map(|(name, weight)| (name.to_owned(), Fraction::lit(weight))).into();
        Allocation { model_weights, active_strategies: vec!["a".to_owned()] }
    })
}

pub(super) fn severities() -> impl Strategy<Value = Severity> {
    select(vec![Severity::Medium, Severity::High, Severity::Critical])
}

pub(super) fn subsystems() -> impl Strategy<Value = Subsystems> {
    subsequence(vec!["trading", "execution"], 1..=2).prop_map(Subsystems::from_iter)
}

pub(super) fn minutes(range: std::ops::Range<i64>) -> impl Strategy<Value = Option<Period>> {
    prop::option::of(range.prop_map(Period::from_mins))
}

type Asked = (Role, &'static str, Ask);

fn set() -> impl Strategy<Value = Asked> {
    let owner = |kind| match kind {
        Kind::Mode => (Role::CEO, "ceo.mode"),
        Kind::Profile => (Role::CEO, "ceo.profile"),
        Kind::Limits => (Role::CRO, "cro.limits"),
        Kind::Ess => (Role::CRO, "cro.ess"),
        Kind::Symbols => (Role::CIO, "cio.symbols"),
        Kind::Cashflow => (Role::CFO, "cfo.cashflow"),
        Kind::Allocation => (Role::CIO, "cio.allocation"),
    };
    (value(), minutes(0..40)).prop_map(move |(value, duration)| {
        let (role, rule) = owner(value.kind());
        let duration = duration.filter(|_| value.kind() == Kind::Mode);
        (role, rule, Ask::Set { value, duration })
    })
}

fn freeze() -> impl Strategy<Value = Asked> {
    (cause(), minutes(1..40), severities(), subsystems(), any::<bool>()).prop_map(
        |(rule, duration, severity, affected_subsystems, requires_manual_review)| {
            let ask = Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review };
            (Role::SUPERVISOR, rule, ask)
        },
    )
}

fn hold() -> impl Strategy<Value = Asked> {
    let bound = prop_oneof![
        3 => value().prop_map(|at| Bound::Value { at }),
        1 => Just(Bound::Loosening),
    ];
    (cause(), bound).prop_map(|(rule, bound)| (Role::SUPERVISOR, rule, Ask::Hold { bound }))
}

fn clear() -> impl Strategy<Value = Asked> {
    let kind = prop::option::weighted(0.2, select(Kind::ALL.to_vec()));
    (cause(), kind).prop_map(|(rule, kind)| {
        let cause = RuleId::new(rule);
        (Role::SUPERVISOR, rule, Ask::Clear { cause, kind })
    })
}

fn research() -> impl Strategy<Value = Asked> {
    select(vec!["a", "b"]).prop_map(|model| {
        let task = ResearchTask {
            task_type: "tuning".to_owned(),
            description: String::new(),
            priority: Priority::Low,
            estimated_duration_hours: 1,
            expected_impact: String::new(),
            model_name: Some(model.to_owned()),
        };
        (Role::RESEARCHER, "researcher.tune", Ask::Research { task: task.into() })
    })
}

fn cause() -> impl Strategy<Value = &'static str> {
    select(vec!["supervisor.a", "supervisor.b", "supervisor.veto"])
}
