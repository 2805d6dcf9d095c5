//! Vetoes: what must not loosen now, and when a veto's hold may end.

use std::collections::BTreeMap;

use proto::case::Veto;
use proto::decision::{Author, Priority};
use proto::event::{EssState, EventKind, SystemStatus};
use proto::id::{Role, RuleId};
use proto::ledger::Direction;
use proto::proposal::{Ask, Bound, Fact, Proposal, Relation};
use proto::value::{Kind, Mode, Profile, Value};

use crate::{View, freeze, proposal};

/// Why a value may not loosen.
struct Rule {
    id: RuleId,
    /// The values that it is about.
    concerns: fn(&Value) -> bool,
    /// What speaks against loosening this kind of value.
    objects: fn(&View<'_>, Kind) -> Option<Vec<Fact>>,
    /// What keeps its hold standing, once placed.
    stands: fn(&View<'_>, Kind) -> Option<Vec<Fact>>,
    /// The events on which the end of its hold can be seen.
    ends_on: &'static [EventKind],
}

const SNAPSHOT: &[EventKind] = &[EventKind::Snapshot];
const HEALTH: &[EventKind] = &[EventKind::Health];
const EITHER: &[EventKind] = &[EventKind::Snapshot, EventKind::Health];

/// All rules; of those that object to one value, the first counts.
static RULES: [Rule; 7] = [
    Rule {
        id: RuleId::new("supervisor.veto-profile"),
        concerns: |value| matches!(value, Value::Profile(_)),
        objects: losing,
        stands: losing,
        ends_on: SNAPSHOT,
    },
    Rule {
        id: RuleId::new("supervisor.veto-aggressive"),
        concerns: |value| *value == Value::Profile(Profile::Aggressive),
        objects: unfit,
        stands: unfit,
        ends_on: HEALTH,
    },
    Rule {
        id: RuleId::new("supervisor.veto-symbols"),
        concerns: |value| matches!(value, Value::Symbols(_)),
        objects: degraded,
        stands: degraded,
        ends_on: HEALTH,
    },
    Rule {
        id: RuleId::new("supervisor.veto-limits"),
        concerns: |value| matches!(value, Value::Limits(_)),
        objects: losses,
        stands: losses,
        ends_on: SNAPSHOT,
    },
    Rule {
        id: RuleId::new("supervisor.veto-ess"),
        concerns: |value| matches!(value, Value::Ess(_)),
        objects: losses,
        stands: losses,
        ends_on: SNAPSHOT,
    },
    Rule {
        id: RuleId::new("supervisor.veto-live"),
        concerns: |value| *value == Value::Mode(Mode::Live),
        objects: frozen,
        stands: frozen,
        ends_on: EITHER,
    },
    Rule {
        id: RuleId::new("supervisor.veto-flapping"),
        concerns: |_| true,
        objects: one_reversal_too_many,
        stands: not_quiet,
        ends_on: EITHER,
    },
];

/// One veto for each kind of value that must not loosen now.
pub(crate) fn vetoes(view: &View<'_>, proposals: &[Proposal]) -> Vec<Veto> {
    let mut vetoes: BTreeMap<Kind, Veto> = BTreeMap::new();
    for asked in proposals {
        if let Ask::Set { value, .. } = &asked.ask
            && let Some(veto) = veto(view, value)
        {
            vetoes.entry(veto.kind).or_insert(veto);
        }
    }
    vetoes.into_values().collect()
}

fn veto(view: &View<'_>, value: &Value) -> Option<Veto> {
    let kind = value.kind();
    let concerned = RULES.iter().filter(|rule| (rule.concerns)(value));
    let mut objections = concerned.filter_map(|rule| Some((rule, (rule.objects)(view, kind)?)));
    objections.next().map(|(rule, facts)| Veto { kind, rule: rule.id.clone(), facts })
}

/// The ends of this role's veto holds whose reasons are gone.
pub(crate) fn clearances(view: &View<'_>) -> Vec<Proposal> {
    let own = Author::Role(Role::SUPERVISOR);
    let held = view.ledger.holds.values().filter(|hold| hold.owner == own);
    held.filter_map(|hold| clearance(view, &hold.cause, &hold.bound)).collect()
}

fn clearance(view: &View<'_>, cause: &RuleId, bound: &Bound) -> Option<Proposal> {
    let kind = match bound {
        Bound::Value { at } => at.kind(),
        Bound::Freeze { .. } | Bound::Loosening => return None,
    };
    let rule = RULES.iter().find(|rule| rule.id == *cause)?;
    let over = rule.ends_on.contains(&view.event.kind()) && (rule.stands)(view, kind).is_none();
    over.then(|| {
        let ask = Ask::Clear { cause: cause.clone(), kind: Some(kind) };
        let facts = vec![Fact::seen("vetoed_value", kind.to_string())];
        proposal(cause.clone(), Priority::Normal, ask, facts)
    })
}

/// A bad drawdown, or losing trades in a row.
fn losing(view: &View<'_>, kind: Kind) -> Option<Vec<Fact>> {
    let worst = view.policy.veto.drawdown_above_pct;
    let seen = view.memory.last.as_ref().map(|last| last.drawdown_pct).filter(|seen| *seen > worst);
    let drawdown = seen.map(|seen| vec![Fact::met("drawdown_pct", seen, Relation::Above, worst)]);
    drawdown.or_else(|| losses(view, kind))
}

/// Losing trades in a row.
fn losses(view: &View<'_>, _: Kind) -> Option<Vec<Fact>> {
    view.memory.losses.at_least(view.policy.veto.losses)
}

/// Health that is unknown, old, or anything but good.
fn unfit(view: &View<'_>, _: Kind) -> Option<Vec<Fact>> {
    let Some(health) = &view.memory.health else {
        return Some(vec![Fact::seen("system_status", "unknown")]);
    };
    let (age, oldest) = (view.now.since(health.at), view.policy.veto.health_max_age);
    if age > oldest {
        return Some(vec![Fact::met("health_age", age, Relation::Above, oldest)]);
    }
    let well = health.system_status <= SystemStatus::Healthy && health.ess_state == EssState::Nominal;
    (!well).then(|| {
        vec![
            Fact::seen("system_status", health.system_status.as_str()),
            Fact::seen("ess_state", health.ess_state.as_str()),
        ]
    })
}

/// A system that is DEGRADED or worse, as last heard.
fn degraded(view: &View<'_>, _: Kind) -> Option<Vec<Fact>> {
    let status = view.memory.health.as_ref()?.system_status;
    (status >= SystemStatus::Degraded).then(|| vec![Fact::seen("system_status", status.as_str())])
}

/// A freeze that stands, or that this very event brings.
fn frozen(view: &View<'_>, _: Kind) -> Option<Vec<Fact>> {
    let frozen = view.ledger.freeze.is_some() || freeze::freezes(view);
    frozen.then(|| vec![Fact::seen("trading", "frozen")])
}

/// Loosening now would turn this value round once too often.
fn one_reversal_too_many(view: &View<'_>, kind: Kind) -> Option<Vec<Fact>> {
    let most = view.policy.veto.reversals;
    let last = view.ledger.changes.get(&kind)?.last?;
    let would_be = reversals(view, kind).saturating_add(1);
    (last == Direction::Tighter && would_be >= most)
        .then(|| vec![Fact::met("reversals", would_be, Relation::AtLeast, most)])
}

/// The value turned round within the window.
fn not_quiet(view: &View<'_>, kind: Kind) -> Option<Vec<Fact>> {
    let seen = reversals(view, kind);
    (seen > 0).then(|| vec![Fact::seen("reversals", seen)])
}

fn reversals(view: &View<'_>, kind: Kind) -> u32 {
    let window = view.policy.veto.reversal_window;
    let recent = view
        .ledger
        .changes
        .get(&kind)
        .map_or(0, |changes| changes.reversals.iter().filter(|at| view.now.since(**at) < window).count());
    u32::try_from(recent).unwrap_or(u32::MAX)
}
