//! How it went: what was in force of each portfolio over time, and what was decided.

use std::collections::BTreeMap;

use proto::decision::{Author, Decision, DecisionType, Payload};
use proto::event::{Body, Event};
use proto::hold::Freeze;
use proto::id::{PortfolioId, RuleId};
use proto::ledger::Ledger;
use proto::ruling::Ruling;
use proto::time::Time;
use proto::value::{Kind, Limits, Mode, Profile};

use super::curve::Curve;

/// How it went for every portfolio, taken down ruling by ruling.
#[derive(Debug, Clone, Default)]
pub struct Courses {
    portfolios: BTreeMap<PortfolioId, Course>,
    /// When the first and the last thing happened, in any portfolio.
    span: Option<(Time, Time)>,
}

/// How it went for one portfolio.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// The mode in effect.
    pub mode: Steps<Mode>,
    /// The profile in effect.
    pub profile: Steps<Profile>,
    /// Whether trading was frozen, and whether a person had to end it.
    pub freeze: Steps<Frozen>,
    /// The limits in effect.
    pub limits: Steps<Limits>,
    /// The drawdown that snapshots told of.
    pub drawdown: Curve,
    /// What was decided.
    pub marks: Vec<Mark>,
}

/// A value over time: each change, and from when on it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps<T>(Vec<(Time, T)>);

/// Whether trading is frozen, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frozen {
    /// It goes on.
    No,
    /// For a time.
    ForATime,
    /// Until a person releases it.
    UntilReleased,
}

/// A decision, as much of it as is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// Its type.
    pub decision_type: DecisionType,
    /// Who proposed it.
    pub author: Author,
    /// The rule that fired.
    pub rule: RuleId,
    /// Why.
    pub reason: String,
    /// Which way it moves what is in effect.
    pub way: Way,
}

/// Which way a decision moves what is in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Less room.
    Tighter,
    /// More room, in part at least.
    Looser,
    /// Neither.
    Neither,
}

impl<T> Default for Steps<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq + Copy> Steps<T> {
    /// The changes, oldest first.
    pub(super) fn changes(&self) -> &[(Time, T)] {
        &self.0
    }

    fn hold(&mut self, at: Time, value: T) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((at, value));
        }
    }
}

impl Courses {
    /// Takes down an event and the rulings that followed from it.
    pub fn told(&mut self, event: &Event, rulings: &[Ruling]) {
        self.reach(event.at);
        if let Body::Snapshot(snapshot) = &event.body {
            let course = self.portfolios.entry(event.portfolio.clone()).or_default();
            course.drawdown.see(event.at, snapshot.drawdown_pct.get());
        }
        for ruling in rulings {
            self.reach(ruling.after.at);
            self.portfolios.entry(ruling.portfolio.clone()).or_default().ruled(ruling);
        }
    }

    /// The course of a portfolio.
    #[must_use]
    pub fn of(&self, portfolio: &PortfolioId) -> Option<&Course> {
        self.portfolios.get(portfolio)
    }

    /// When the first and the last thing happened; none when nothing did.
    #[must_use]
    pub const fn span(&self) -> Option<(Time, Time)> {
        self.span
    }

    fn reach(&mut self, at: Time) {
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }
}

impl Course {
    fn ruled(&mut self, ruling: &Ruling) {
        let after = &ruling.after;
        self.mode.hold(after.at, after.effective.mode);
        self.profile.hold(after.at, after.effective.profile);
        self.freeze.hold(after.at, Frozen::of(after.freeze.as_ref()));
        self.limits.hold(after.at, after.effective.limits);
        self.marks.extend(ruling.decisions.iter().map(|decision| Mark::of(decision, &ruling.before, after)));
    }
}

impl Frozen {
    const fn of(freeze: Option<&Freeze>) -> Self {
        match freeze {
            None => Self::No,
            Some(Freeze { requires_manual_review: false, until: Some(_), .. }) => Self::ForATime,
            Some(_) => Self::UntilReleased,
        }
    }
}

impl Mark {
    fn of(decision: &Decision, before: &Ledger, after: &Ledger) -> Self {
        Self {
            at: decision.timestamp,
            decision_type: decision.decision_type(),
            author: decision.role_source.clone(),
            rule: decision.rule.clone(),
            reason: decision.reason.clone(),
            way: Way::of(&decision.payload, before, after),
        }
    }
}

impl Way {
    fn of(payload: &Payload, before: &Ledger, after: &Ledger) -> Self {
        let kind = match payload {
            Payload::Freeze { .. } => return Self::Tighter,
            Payload::ModeChange { lifts, .. } if !lifts.is_empty() => return Self::Looser,
            Payload::Override { .. } | Payload::ResearchTask(_) => return Self::Neither,
            Payload::ModeChange { .. } => Kind::Mode,
            Payload::CapitalProfile { .. } => Kind::Profile,
            Payload::RiskAdjustment { .. } => Kind::Limits,
            Payload::EssPolicy { .. } => Kind::Ess,
            Payload::SymbolUniverse { .. } => Kind::Symbols,
            Payload::StrategyAllocation { .. } => Kind::Allocation,
            Payload::Cashflow { .. } => Kind::Cashflow,
        };
        let (was, is) = (before.effective.get(kind), after.effective.get(kind));
        if is.is_looser_than(&was) {
            Self::Looser
        } else if is.is_tighter_than(&was) {
            Self::Tighter
        } else {
            Self::Neither
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::event::Snapshot;
    use proto::number::Fraction;
    use proto::testing::{MONDAY, event, snapshot};
    use proto::time::Period;

    use super::*;
    use crate::{Model, Policies};

    #[test]
    fn a_course_holds_what_was_in_force_and_what_was_decided() {
        let mut model = Model::new(Policies::defaults().unwrap());
        let mut courses = Courses::default();
        for (minute, drawdown) in [(0, 0.01), (10, 0.12), (20, 0.12)] {
            let seen = Snapshot { drawdown_pct: Fraction::lit(drawdown), ..snapshot() };
            let event = event(MONDAY.after(Period::from_mins(minute)), Body::Snapshot(seen));
            courses.told(&event, &model.tell(event.clone()).unwrap());
        }
        let at = |minute| MONDAY.after(Period::from_mins(minute));
        assert_eq!(courses.span(), Some((at(0), at(20))));
        let course = courses.of(&PortfolioId::main()).unwrap();
        let frozen: Vec<_> = course.freeze.changes().to_vec();
        assert_eq!(frozen, [(at(0), Frozen::No), (at(10), Frozen::UntilReleased)]);
        assert_eq!(course.drawdown.stretches().len(), 3);
        let freeze = course.marks.iter().find(|mark| mark.decision_type == DecisionType::Freeze).unwrap();
        assert_eq!((freeze.at, freeze.way), (at(10), Way::Tighter));
        assert!(freeze.reason.contains("drawdown"), "{}", freeze.reason);
    }
}
