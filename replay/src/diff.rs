//! Two policies over the same events: which decisions one makes and the other does not, or makes at another time, and
//! how long what was in force.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proto::decision::{Decision, DecisionType, Payload};
use proto::event::Event;
use proto::id::{PortfolioId, RuleId};
use proto::ruling::Ruling;
use proto::time::{Period, Time};

use crate::tally::{Tallies, Tally};

/// Decisions further apart than this are two decisions, and not one that moved.
const SAME_WITHIN: Period = Period::from_hours(24);

/// Two runs over the same events, side by side, as they go on.
#[derive(Debug, Default)]
pub struct Comparison {
    a: Side,
    b: Side,
}

#[derive(Debug, Default)]
struct Side {
    tallies: Tallies,
    decided: BTreeMap<PortfolioId, BTreeMap<Subject, Vec<Time>>>,
}

/// What a decision is about, without its reason, its ids and its time: by this a decision is known again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The type.
    pub decision_type: DecisionType,
    /// The rule that fired.
    pub rule: RuleId,
    /// What is decided, as JSON.
    pub what: String,
}

/// What became of a decision of the first policy under the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the second makes it.
    Added,
    /// Only the first makes it.
    Removed,
    /// The second makes it earlier, by so much.
    Earlier(Period),
    /// The second makes it later, by so much.
    Later(Period),
}

/// How the second run differs from the first, for one portfolio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What changed, by time: of a decision that moved, the time under the second policy.
    pub changes: Vec<(Time, Change, Subject)>,
    /// The decisions that both make at the same time.
    pub same: usize,
    /// The counts under the first policy.
    pub a: Tally,
    /// The counts under the second.
    pub b: Tally,
}

/// How many decisions changed in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Only the second policy makes them.
    pub added: usize,
    /// Only the first makes them.
    pub removed: usize,
    /// The second makes them earlier.
    pub earlier: usize,
    /// The second makes them later.
    pub later: usize,
}

impl Difference {
    /// How many decisions changed in which way.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, change, _) in &self.changes {
            match change {
                Change::Added => counts.added += 1,
                Change::Removed => counts.removed += 1,
                Change::Earlier(_) => counts.earlier += 1,
                Change::Later(_) => counts.later += 1,
            }
        }
        counts
    }
}

impl Comparison {
    /// Takes an event and what each policy made of it.
    pub fn told(&mut self, event: &Event, a: &[Ruling], b: &[Ruling]) {
        self.a.told(event, a);
        self.b.told(event, b);
    }

    /// The differences, by portfolio.
    #[must_use]
    pub fn close(self) -> BTreeMap<PortfolioId, Difference> {
        let (mut decided_a, mut decided_b) = (self.a.decided, self.b.decided);
        let (mut a, mut b) = (self.a.tallies.close(), self.b.tallies.close());
        let portfolios: BTreeSet<PortfolioId> = a.keys().chain(b.keys()).cloned().collect();
        let difference = |portfolio: PortfolioId| {
            let decided_a = decided_a.remove(&portfolio).unwrap_or_default();
            let decided_b = decided_b.remove(&portfolio).unwrap_or_default();
            let (changes, same) = changes(&decided_a, &decided_b);
            let a = a.remove(&portfolio).unwrap_or_default();
            let b = b.remove(&portfolio).unwrap_or_default();
            (portfolio, Difference { changes, same, a, b })
        };
        portfolios.into_iter().map(difference).collect()
    }
}

impl Side {
    fn told(&mut self, event: &Event, rulings: &[Ruling]) {
        self.tallies.told(event, rulings);
        for decision in rulings.iter().flat_map(|ruling| &ruling.decisions) {
            let subjects = self.decided.entry(decision.portfolio.clone()).or_default();
            subjects.entry(Subject::of(decision)).or_default().push(decision.timestamp);
        }
    }
}

impl Subject {
    fn of(decision: &Decision) -> Self {
        Self {
            decision_type: decision.decision_type(),
            rule: decision.rule.clone(),
            what: what(&decision.payload),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.decision_type, self.rule, self.what)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("added"),
            Self::Removed => f.write_str("removed"),
            Self::Earlier(by) => write!(f, "earlier by {by}"),
            Self::Later(by) => write!(f, "later by {by}"),
        }
    }
}

/// A payload without what differs from run to run: reasons, and the ids of other decisions.
fn what(payload: &Payload) -> String {
    match payload {
        Payload::Freeze { duration_minutes, severity, requires_manual_review, .. } => {
            format!("severity={severity} duration_minutes={duration_minutes} review={requires_manual_review}")
        }
        Payload::Override { overridden_role, new_directive, .. } => {
            let stays = new_directive.as_ref().map(|value| format!(" {}", value.kind()));
            format!("overridden_role={overridden_role}{}", stays.unwrap_or_default())
        }
        Payload::ModeChange { mode, duration_minutes: None, lifts } => {
            format!("mode={mode}{}", if lifts.is_empty() { "" } else { " lifts a freeze" })
        }
        Payload::ModeChange { mode, duration_minutes: Some(minutes), .. } => {
            format!("mode={mode} duration_minutes={minutes}")
        }
        Payload::CapitalProfile { profile, .. } => format!("profile={profile}"),
        Payload::ResearchTask(task) => task.subject(),
        Payload::RiskAdjustment { .. }
        | Payload::EssPolicy { .. }
        | Payload::SymbolUniverse { .. }
        | Payload::StrategyAllocation { .. }
        | Payload::Cashflow { .. } => numbers(payload),
    }
}

/// The numbers of a payload, by name.
fn numbers(payload: &Payload) -> String {
    let json = serde_json::to_value(payload).unwrap_or_default();
    let fields = json.get("payload").and_then(serde_json::Value::as_object).into_iter().flatten();
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

type Decided = BTreeMap<Subject, Vec<Time>>;

fn changes(a: &Decided, b: &Decided) -> (Vec<(Time, Change, Subject)>, usize) {
    let (mut changes, mut same) = (Vec::new(), 0);
    let subjects: BTreeSet<&Subject> = a.keys().chain(b.keys()).collect();
    for subject in subjects {
        let times = |side: &Decided| side.get(subject).cloned().unwrap_or_default();
        let (found, unmoved) = moves(&times(a), &times(b));
        same += unmoved;
        changes.extend(found.into_iter().map(|(at, change)| (at, change, subject.clone())));
    }
    changes.sort();
    (changes, same)
}

/// What became of the decisions of one subject, and how many stayed. Equal times are paired first, and what is left in
/// order of time.
fn moves(a: &[Time], b: &[Time]) -> (Vec<(Time, Change)>, usize) {
    let (left_a, left_b) = (without(a, b), without(b, a));
    let same = a.len() - left_a.len();
    let (mut a, mut b) = (left_a.into_iter().peekable(), left_b.into_iter().peekable());
    let mut found = Vec::new();
    while let (Some(was), Some(is)) = (a.peek().copied(), b.peek().copied()) {
        if was.since(is).max(is.since(was)) <= SAME_WITHIN {
            let earlier = is < was;
            let change = if earlier { Change::Earlier(was.since(is)) } else { Change::Later(is.since(was)) };
            found.push((is, change));
            a.next();
            b.next();
        } else if was < is {
            found.extend(a.next().map(|was| (was, Change::Removed)));
        } else {
            found.extend(b.next().map(|is| (is, Change::Added)));
        }
    }
    found.extend(a.map(|was| (was, Change::Removed)));
    found.extend(b.map(|is| (is, Change::Added)));
    (found, same)
}

/// The times of `these`, in order, that have no equal left in `those`.
fn without(these: &[Time], those: &[Time]) -> Vec<Time> {
    let mut those = those.iter().peekable();
    let unmatched = |time: &&Time| {
        while those.next_if(|other| other < time).is_some() {}
        those.next_if(|other| other == time).is_none()
    };
    these.iter().filter(unmatched).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Time {
        Time::from_millis(0).after(Period::from_mins(minutes))
    }

    #[test]
    fn decisions_are_paired_by_time() {
        use Change::{Added, Earlier, Later, Removed};
        let day = 24 * 60;
        let mins = Period::from_mins;
        type Case = (&'static str, &'static [i64], &'static [i64], Vec<(i64, Change)>, usize);
        let cases: [Case; 8] = [
            ("nothing", &[], &[], vec![], 0),
            ("the same", &[1, 1, 5], &[1, 1, 5], vec![], 3),
            ("added", &[1], &[1, 7], vec![(7, Added)], 1),
            ("removed", &[1, 7], &[7], vec![(1, Removed)], 1),
            ("earlier", &[9], &[4], vec![(4, Earlier(mins(5)))], 0),
            ("later, beside one that stays", &[3, 9], &[3, 11], vec![(11, Later(mins(2)))], 1),
            ("one of two at the same time", &[4, 4], &[4], vec![(4, Removed)], 1),
            ("too far apart to be one", &[1], &[3000], vec![(1, Removed), (3000, Added)], 0),
        ];
        assert!(3000 > day);
        for (name, a, b, expected, same) in cases {
            let times = |minutes: &[i64]| minutes.iter().map(|minute| at(*minute)).collect::<Vec<_>>();
            let expected: Vec<_> =
                expected.into_iter().map(|(minute, change)| (at(minute), change)).collect();
            assert_eq!(moves(&times(a), &times(b)), (expected, same), "{name}");
        }
    }
}
