//! Random tales: any terms, and under them events of every kind, verdicts that ask for anything, orders, losses, late
//! timers, stale and jumping input.

mod asks;
mod orders;
mod terms;

use std::collections::BTreeSet;
use std::fmt;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proto::case::Veto;
use proto::event::{Body, ClockDue, EssState, EventKind, SystemStatus};
use proto::id::{DecisionId, EventId, PortfolioId, Role, RuleId, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::number::Usd;
use proto::proposal::Proposal;
use proto::receipt::ReceiptStatus;
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
use proto::terms::Terms;
use proto::testing::{MONDAY, event, health, model, receipt, snapshot};
use proto::time::{Period, Time};
use proto::value::Kind;

use super::{heard, needs_review, source, testing_policy};
use crate::{Matter, genesis, next_due, rule};
use orders::Wish;
pub(crate) use terms::{further, terms};

/// How long a tale is at most.
const STEPS: usize = 18;
/// A timer that is due later than this is not waited for.
const PATIENCE: Period = Period::from_hours(25);

/// Terms, and what happens under them.
#[derive(Clone)]
pub(crate) struct Tale {
    pub(crate) terms: Terms,
    pub(crate) steps: Vec<Step>,
}

/// One event, and what would be said on it by those who are there.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) gap: Period,
    pub(crate) what: What,
    pub(crate) stale: bool,
    pub(crate) absent: BTreeSet<Role>,
    pub(crate) says: Vec<Proposal>,
    /// When the reviewer wants to be woken, if it is heard.
    pub(crate) wake_in: Option<Period>,
    /// What the reviewer forbids; none when it is not heard.
    pub(crate) vetoes: Option<Vec<Kind>>,
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Snapshot {
        equity: f64,
    },
    Health,
    Model,
    Receipt,
    /// A timer at any time, so late that it may lie before the latest event.
    Clock {
        late: Period,
    },
    /// The timer that is due next, on time.
    Due,
    Command(Wish),
}

/// Any tale.
pub(crate) fn tales() -> impl Strategy<Value = Tale> {
    (terms(), steps()).prop_map(|(terms, steps)| Tale { terms, steps })
}

impl Tale {
    /// Tells the tale, and shows every ruling; the last of them, with its step.
    pub(crate) fn tell(&self, mut each: impl FnMut(&Ruling)) -> (&Step, Ruling) {
        let mut ledger = genesis(&self.terms, PortfolioId::main());
        let mut last = None;
        for (number, step) in (1..).zip(&self.steps) {
            let ruling = ruled(&self.terms, matter(&self.terms, ledger, step, number), step);
            each(&ruling);
            ledger = ruling.after.clone();
            last = Some((step, ruling));
        }
        last.expect("a tale has a step")
    }

    /// The end of the tale, for laws that take long to check: its last ruling, and what it was made from.
    pub(crate) fn end(&self) -> (&Step, Matter, Ruling) {
        let (step, ruling) = self.tell(|_| {});
        (step, Matter::from(&ruling), ruling)
    }
}

/// Terms are long: they are shown where they are not the defaults.
impl fmt::Debug for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tale = f.debug_struct("Tale");
        if self.terms != super::terms() {
            tale.field("terms", &self.terms);
        }
        tale.field("steps", &self.steps).finish()
    }
}

impl What {
    /// When it happens, that long after the latest event.
    fn at(&self, terms: &Terms, before: &Ledger, gap: Period) -> Time {
        let latest = before.at.max(MONDAY);
        match self {
            Self::Snapshot { .. } | Self::Health | Self::Model | Self::Receipt | Self::Command(_) => {
                latest.after(gap)
            }
            Self::Clock { late } => latest.after(gap).before(*late),
            Self::Due => {
                let due = next_due(terms, before).filter(|due| due.since(latest) <= PATIENCE);
                due.unwrap_or(latest.after(gap))
            }
        }
    }

    fn body(&self, before: &Ledger, at: Time) -> Body {
        match self {
            Self::Snapshot { equity } => {
                let mut numbers = snapshot();
                numbers.total_equity = Usd::lit(*equity);
                Body::Snapshot(numbers)
            }
            Self::Health => Body::Health(health(SystemStatus::Healthy, EssState::Nominal)),
            Self::Model => Body::Model(model("nhits")),
            Self::Receipt => Body::Receipt(receipt(DecisionId::derive(&["random"]), ReceiptStatus::Rejected)),
            Self::Clock { .. } | Self::Due => Body::ClockDue(ClockDue { due: at }),
            Self::Command(wish) => Body::Command(wish.command(before)),
        }
    }
}

/// The matter that a step makes of a ledger.
fn matter(terms: &Terms, before: Ledger, step: &Step, number: u64) -> Matter {
    let at = step.what.at(terms, &before, step.gap);
    let mut event = event(at, step.what.body(&before, at));
    event.id = EventId::derive(&["random", &number.to_string()]);
    event.source = source(&before, &event, number);
    let kind = event.kind();
    event.stale = step.stale && kind != EventKind::Command;
    let interested = terms.seats.iter().filter(|(_, seat)| seat.interests.contains(kind));
    let wake_at = step.wake_in.map(|period| at.after(period));
    let roles =
        interested.map(|(role, seat)| (role.clone(), said(step, role, wake_at.filter(|_| seat.reviews))));
    let hearing = Hearing { roles: roles.collect(), review: None };
    let stream = "2026-01-01T00:00:00Z".to_owned();
    let position = Position { stream, sequence: Sequence(number), through: Sequence(number) };
    Matter { position, previous: RulingHash::default(), event, before, hearing }
}

/// Rules a matter, with the step's review where one is needed.
pub(crate) fn ruled(terms: &Terms, mut matter: Matter, step: &Step) -> Ruling {
    if needs_review(terms, &matter) {
        matter.hearing.review = Some(reviewed(terms, step));
    }
    rule(terms, matter)
}

/// The same hearing without what this role said.
pub(crate) fn without(mut matter: Matter, role: &Role) -> Matter {
    if let Some(heard) = matter.hearing.roles.get_mut(role) {
        *heard = Heard::Absent { why: Absence::Timeout };
    }
    matter
}

fn reviewed(terms: &Terms, step: &Step) -> HeardReview {
    let reviewer = terms.seats.iter().find(|(_, seat)| seat.reviews);
    let role = reviewer.expect("somebody reviews").0.clone();
    let veto = |kind: Kind| Veto { kind, rule: RuleId::new("supervisor.veto"), facts: Vec::new() };
    match &step.vetoes {
        Some(kinds) => {
            let vetoes = kinds.iter().copied().map(veto).collect();
            HeardReview::Opinion { role, policy: testing_policy(), vetoes }
        }
        None => HeardReview::Absent { role, why: Absence::Timeout },
    }
}

fn said(step: &Step, role: &Role, wake_at: Option<Time>) -> Heard {
    if step.absent.contains(role) {
        return Heard::Absent { why: Absence::Timeout };
    }
    let own = step.says.iter().filter(|proposal| proposal.author == role.clone().into());
    let mut heard = heard(own.cloned().collect());
    if let Heard::Verdict { verdict, .. } = &mut heard {
        verdict.wake_at = wake_at;
    }
    heard
}

/// Few different things are asked in a tale, some early and others later, so that what is asked again and again comes to
/// be confirmed.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let asked = || vec(asks::proposal(), 1..6);
    let told = vec((step(), vec(any::<Index>(), 0..4)), 1..STEPS);
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

fn step() -> impl Strategy<Value = Step> {
    let gap =
        prop_oneof![12 => 1_i64..40, 3 => 40_i64..4000, 1 => 4000_i64..100_000].prop_map(Period::from_secs);
    let everybody = [Role::ALL.to_vec(), vec![further()]].concat();
    let absent = prop_oneof![
        8 => Just(BTreeSet::new()),
        1 => btree_set(select(everybody), 1..4),
    ];
    let wake_in = prop::option::weighted(0.1, (-60_i64..600).prop_map(Period::from_secs));
    let vetoes = prop_oneof![
        4 => Just(Some(Vec::new())),
        1 => subsequence(Kind::ALL.to_vec(), 1..=7).prop_map(Some),
        1 => Just(None),
    ];
    (gap, what(), prop::bool::weighted(0.05), absent, wake_in, vetoes).prop_map(
        |(gap, what, stale, absent, wake_in, vetoes)| {
            let says = Vec::new();
            Step { gap, what, stale, absent, says, wake_in, vetoes }
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let equity = prop_oneof![30 => 9000.0..11_000.0, 1 => -10.0..20_000.0];
    let late = prop_oneof![3 => Just(0), 1 => 0_i64..120].prop_map(Period::from_secs);
    prop_oneof![
        12 => equity.prop_map(|equity| What::Snapshot { equity }),
        6 => Just(What::Health),
        2 => Just(What::Model),
        1 => Just(What::Receipt),
        2 => late.prop_map(|late| What::Clock { late }),
        3 => Just(What::Due),
        3 => orders::wish().prop_map(What::Command),
    ]
}
