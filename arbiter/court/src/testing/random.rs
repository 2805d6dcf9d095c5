//! Random stories: events of every kind, verdicts that ask for anything, losses, duplicates, stale and jumping input.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proto::case::Veto;
use proto::command::{Command, Order, Person, Rank, SomeLimits};
use proto::decision::{Priority, ResearchTask, Severity};
use proto::event::{Body, ClockDue, EssState, EventKind, SystemStatus};
use proto::id::{HoldId, PolicyRevision, Role, RuleId, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::number::{Fraction, Ratio, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
use proto::terms::Terms;
use proto::testing::{MONDAY, base, event, health, model, snapshot};
use proto::time::{Period, Time};
use proto::value::{Allocation, Cashflow, EssThresholds, Kind, Limits, Mode, Profile, Universe, Value};

use super::{heard, source};
use crate::{Matter, for_review, rule};

/// One event, and what would be said on it by those who are there.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) gap: Period,
    pub(crate) kind: EventKind,
    pub(crate) stale: bool,
    pub(crate) equity: f64,
    pub(crate) absent: BTreeSet<Role>,
    pub(crate) says: Vec<Proposal>,
    pub(crate) vetoes: Option<Vec<Kind>>,
    pub(crate) command: Wish,
}

/// An operator's order; a hold is named by its place among those that stand.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) what: Order,
    pub(crate) rank: Rank,
    pub(crate) hold: usize,
}

/// A story of so many steps. Few different things are asked in it, some early and others later, so that what is asked again
/// and again comes to be confirmed.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let asked = || vec(proposal(), 1..6);
    let told = vec((step(), vec(any::<Index>(), 0..4)), 1..most);
    (asked(), asked(), told).prop_map(|(early, late, told)| {
        let third = told.len() / 3;
        let chosen = told.into_iter().enumerate().map(|(number, (step, picks))| {
            let asked = if number < third { &early } else { &late };
            let says = picks.iter().map(|pick| pick.get(asked).clone()).collect();
            Step { says, ..step }
        });
        chosen.collect()
    })
}

/// The matter that a step makes of a ledger.
pub(crate) fn matter(terms: &Terms, before: &Ledger, step: &Step, number: u64) -> Matter {
    let at = before.at.max(MONDAY).after(step.gap);
    let mut event = event(at, body(step, before, at));
    event.id = proto::id::EventId::derive(&["random", &number.to_string()]);
    event.source = source(&event, number);
    event.stale = step.stale && step.kind != EventKind::Command;
    let interested = terms.seats.iter().filter(|(_, seat)| seat.interests.contains(&step.kind));
    let roles = interested.map(|(role, _)| (role.clone(), said(step, role))).collect();
    let stream = "2026-01-01T00:00:00Z".to_owned();
    let position = Position { stream, sequence: Sequence(number), through: Sequence(number) };
    let hearing = Hearing { roles, review: None };
    Matter { position, previous: RulingHash::default(), event, before: before.clone(), hearing }
}

/// Rules a matter, with the step's review where one is needed.
pub(crate) fn ruled(terms: &Terms, mut matter: Matter, step: &Step) -> Ruling {
    if !for_review(terms, &matter).is_empty() {
        let role = Role::SUPERVISOR;
        let veto =
            |kind: &Kind| Veto { kind: *kind, rule: RuleId::new("supervisor.veto"), facts: Vec::new() };
        matter.hearing.review = Some(match &step.vetoes {
            Some(kinds) => {
                let vetoes = kinds.iter().map(veto).collect();
                HeardReview::Opinion { role, policy: PolicyRevision::of("testing"), vetoes }
            }
            None => HeardReview::Absent { role, why: Absence::Timeout },
        });
    }
    rule(terms, matter)
}

fn said(step: &Step, role: &Role) -> Heard {
    if step.absent.contains(role) {
        return Heard::Absent { why: Absence::Timeout };
    }
    let own = step.says.iter().filter(|proposal| proposal.author == role.clone().into());
    heard(own.cloned().collect())
}

fn body(step: &Step, before: &Ledger, at: Time) -> Body {
    match step.kind {
        EventKind::Snapshot => {
            let mut numbers = snapshot();
            numbers.total_equity = Usd::lit(step.equity);
            Body::Snapshot(numbers)
        }
        EventKind::Health => Body::Health(health(SystemStatus::Healthy, EssState::Nominal)),
        EventKind::Model => Body::Model(model("nhits")),
        EventKind::ClockDue => Body::ClockDue(ClockDue { due: at }),
        EventKind::Command => Body::Command(command(&step.command, before)),
    }
}

fn command(wish: &Wish, before: &Ledger) -> Command {
    let named: Vec<HoldId> =
        before.holds.keys().copied().cycle().skip(wish.hold).take(before.holds.len().min(1)).collect();
    let mut order = wish.what.clone();
    match &mut order {
        Order::SetMode { releases, .. } | Order::SetLimits { releases, .. } => *releases = named,
        Order::Release { hold } => *hold = named.first().copied().unwrap_or(*hold),
        Order::Freeze { .. } => {}
    }
    let by = Person { name: "ann".to_owned(), rank: wish.rank };
    Command { by, approved_by: None, reason: "because".to_owned(), order }
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![4 => 1_i64..40, 1 => 40_i64..4000].prop_map(Period::from_secs);
    let kind = prop_oneof![
        6 => Just(EventKind::Snapshot),
        3 => Just(EventKind::Health),
        1 => Just(EventKind::Model),
        2 => Just(EventKind::ClockDue),
        1 => Just(EventKind::Command),
    ];
    let equity = prop_oneof![30 => 9000.0..11_000.0, 1 => -10.0..20_000.0];
    let absent = prop_oneof![
        8 => Just(BTreeSet::new()),
        1 => btree_set(select(Role::ALL.to_vec()), 1..4),
    ];
    let vetoes = prop_oneof![
        4 => Just(Some(Vec::new())),
        1 => Just(Some(Kind::ALL.to_vec())),
        1 => Just(None),
    ];
    (gap, kind, prop::bool::weighted(0.05), equity, absent, vetoes, wish()).prop_map(
        |(gap, kind, stale, equity, absent, vetoes, command)| Step {
            gap,
            kind,
            stale,
            equity,
            absent,
            says: Vec::new(),
            vetoes,
            command,
        },
    )
}

fn wish() -> impl Strategy<Value = Wish> {
    let mode = (modes(), option_of(1..90)).prop_map(|(mode, duration)| Order::SetMode {
        mode,
        duration,
        releases: Vec::new(),
    });
    let limits = ((1_u32..12), option_of(1..90)).prop_map(|(max, duration)| Order::SetLimits {
        limits: SomeLimits { max_leverage: Some(Ratio::lit(f64::from(max))), ..SomeLimits::default() },
        duration,
        releases: Vec::new(),
    });
    let freeze = (option_of(1..90), severities()).prop_map(|(duration, severity)| Order::Freeze {
        duration,
        severity,
        affected_subsystems: vec!["trading".to_owned()],
    });
    let release = Just(Order::Release { hold: HoldId::derive(&["none"]) });
    let rank = select(vec![Rank::Viewer, Rank::Operator, Rank::Approver]);
    (prop_oneof![mode, limits, freeze, release], rank, 0_usize..4).prop_map(|(what, rank, hold)| Wish {
        what,
        rank,
        hold,
    })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let owner = |kind| match kind {
        Kind::Mode => (Role::CEO, "ceo.mode"),
        Kind::Profile => (Role::CEO, "ceo.profile"),
        Kind::Limits => (Role::CRO, "cro.limits"),
        Kind::Ess => (Role::CRO, "cro.ess"),
        Kind::Symbols => (Role::CIO, "cio.symbols"),
        Kind::Cashflow => (Role::CFO, "cfo.cashflow"),
        Kind::Allocation => (Role::CIO, "cio.allocation"),
    };
    let set = (value(), option_of(1..40)).prop_map(move |(value, duration)| {
        let (role, rule) = owner(value.kind());
        let duration = duration.filter(|_| value.kind() == Kind::Mode);
        (role, rule, Ask::Set { value, duration })
    });
    let cause = || select(vec!["supervisor.a", "supervisor.b", "supervisor.veto"]);
    let freeze = (cause(), option_of(1..40), severities(), any::<bool>()).prop_map(
        |(rule, duration, severity, requires_manual_review)| {
            let affected_subsystems = vec!["trading".to_owned()];
            let ask = Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review };
            (Role::SUPERVISOR, rule, ask)
        },
    );
    let bound = prop_oneof![
        3 => value().prop_map(|at| Bound::Value { at }),
        1 => Just(Bound::Loosening),
    ];
    let hold = (cause(), bound).prop_map(|(rule, bound)| (Role::SUPERVISOR, rule, Ask::Hold { bound }));
    let clear = cause()
        .prop_map(|rule| (Role::SUPERVISOR, rule, Ask::Clear { cause: RuleId::new(rule), kind: None }));
    let research = select(vec!["a", "b"]).prop_map(|model| {
        let task = ResearchTask {
            task_type: "tuning".to_owned(),
            description: String::new(),
            priority: Priority::Low,
            estimated_duration_hours: 1,
            expected_impact: String::new(),
            model_name: Some(model.to_owned()),
        };
        (Role::RESEARCHER, "researcher.tune", Ask::Research { task })
    });
    prop_oneof![10 => set, 1 => freeze, 1 => hold, 4 => clear, 1 => research].prop_map(|(role, rule, ask)| {
        Proposal {
            author: role.into(),
            rule: RuleId::new(rule),
            priority: Priority::High,
            ask,
            facts: Vec::new(),
        }
    })
}

/// Any value; few of each kind, so that the same is proposed again and confirmed.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let limits =
        (select(vec![2.0, 5.0, 10.0]), select(vec![500.0, 10_000.0])).prop_map(|(leverage, size)| {
            Value::Limits(Limits {
                max_leverage: Ratio::lit(leverage),
                max_position_size_usd: Usd::lit(size),
                ..base().limits
            })
        });
    let ess = select(vec![0.02, 0.03, 0.04]).prop_map(|caution| {
        Value::Ess(EssThresholds { caution_threshold_pct: Fraction::lit(caution), ..base().ess })
    });
    let symbols = select(vec![1_usize, 3, 5]).prop_map(|active| {
        let all = base().symbols;
        let (active_symbols, rest) = all.active_symbols.split_at(active);
        let excluded_symbols = [rest, &all.excluded_symbols].concat();
        Value::Symbols(Universe { active_symbols: active_symbols.to_vec(), excluded_symbols })
    });
    let cashflow = select(vec![0.25, 0.5, 0.75]).prop_map(|reinvest| {
        Value::Cashflow(Cashflow {
            profit_lock_pct: Fraction::lit(0.25),
            reinvest_pct: Fraction::lit(reinvest),
            reserve_buffer_pct: Fraction::lit(0.75 - reinvest),
        })
    });
    let weights = select(vec![0.25, 0.5]).prop_map(|weight| {
        let model_weights = [("a", weight), ("b", 1.0 - weight)]
            .map(|(name, weight)| (name.to_owned(), Fraction::lit(weight)))
            .into();
        Value::Allocation(Allocation { model_weights, active_strategies: vec!["a".to_owned()] })
    });
    prop_oneof![
        4 => modes().prop_map(Value::Mode),
        2 => select(Profile::ALL.to_vec()).prop_map(Value::Profile),
        2 => limits,
        1 => ess,
        1 => symbols,
        1 => cashflow,
        1 => weights,
    ]
}

fn modes() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Live, Mode::Live, Mode::Shadow, Mode::Paused, Mode::Emergency])
}

fn severities() -> impl Strategy<Value = Severity> {
    select(vec![Severity::Medium, Severity::High, Severity::Critical])
}

fn option_of(minutes: std::ops::Range<i64>) -> impl Strategy<Value = Option<Period>> {
    prop::option::of(minutes.prop_map(Period::from_mins))
}

/// The same hearing without what this role said.
pub(crate) fn without(mut matter: Matter, role: &Role) -> Matter {
    if let Some(heard) = matter.hearing.roles.get_mut(role) {
        *heard = Heard::Absent { why: Absence::Timeout };
    }
    matter
}
