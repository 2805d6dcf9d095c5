//! A desk that the supervisor watches, with as much of a court as these tests need: it places holds and ends them.

use proto::case::{Case, Executive, ReviewCase, Verdict, Veto};
use proto::decision::{Author, Priority};
use proto::event::{Body, EssState, Event, Snapshot, SystemStatus};
use proto::hold::{Freeze, Hold, Standing};
use proto::id::{DecisionId, HoldId, Role, RuleId};
use proto::ledger::{Changes, Direction, Fired, Ledger};
use proto::number::{Fraction, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::testing;
use proto::time::{Period, Time};
use proto::value::{Kind, Value};
use proto::wire::Schema;
use supervisor::{Memory, Policy, Supervisor};

/// A calm portfolio far from every threshold.
pub(crate) const CALM: Snapshot = Snapshot { drawdown_pct: Fraction::lit(0.01), ..testing::snapshot() };

/// The desk.
pub(crate) struct Desk {
    pub(crate) policy: Policy,
    pub(crate) ledger: Ledger,
    pub(crate) memory: Option<Memory>,
    pub(crate) now: Time,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { policy: Policy::default(), ledger: testing::ledger(), memory: None, now: testing::MONDAY }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, period: Period) -> &mut Self {
        self.now = self.now.after(period);
        self
    }

    pub(crate) fn verdict(&mut self, body: Body) -> Verdict<Memory> {
        self.hear(&testing::event(self.now, body))
    }

    pub(crate) fn hear(&mut self, event: &Event) -> Verdict<Memory> {
        let case = Case {
            event: event.clone(),
            ledger: self.ledger.clone(),
            base: testing::base(),
            memory: self.memory.take(),
        };
        let verdict = Supervisor::evaluate(&self.policy, &case);
        self.memory = Some(verdict.memory.clone());
        self.ledger.at = self.ledger.at.max(event.at);
        verdict
    }

    pub(crate) fn snapshot(&mut self, snapshot: Snapshot) -> Vec<Proposal> {
        self.verdict(Body::Snapshot(snapshot)).proposals
    }

    pub(crate) fn health(&mut self, status: SystemStatus, ess: EssState) -> Vec<Proposal> {
        self.verdict(Body::Health(testing::health(status, ess))).proposals
    }

    /// What the supervisor says to this, as the court would ask it after the latest snapshot.
    pub(crate) fn review(&self, value: &Value) -> Vec<Veto> {
        self.review_on(Body::Snapshot(CALM), value)
    }

    pub(crate) fn review_on(&self, body: Body, value: &Value) -> Vec<Veto> {
        let asked = Proposal {
            author: Role::CEO.into(),
            rule: RuleId::new("ceo.test"),
            priority: Priority::Normal,
            ask: Ask::Set { value: value.clone(), duration: None },
            facts: Vec::new(),
        };
        let case = ReviewCase {
            schema: Schema::Case,
            event: testing::event(self.now, body),
            ledger: self.ledger.clone(),
            memory: self.memory.clone(),
            proposals: vec![asked],
        };
        Supervisor::review(&self.policy, &case)
    }

    /// Places or extends the holds that are asked for, as the court does.
    pub(crate) fn place(&mut self, proposals: &[Proposal]) {
        for proposal in proposals {
            match &proposal.ask {
                Ask::Freeze { duration, severity, affected_subsystems, requires_manual_review } => {
                    let bound = Bound::Freeze {
                        severity: *severity,
                        affected_subsystems: affected_subsystems.clone(),
                    };
                    self.hold(&proposal.rule, bound, *duration, *requires_manual_review);
                }
                Ask::Hold { bound } => self.hold(&proposal.rule, bound.clone(), None, false),
                Ask::Set { .. } | Ask::Clear { .. } | Ask::Research { .. } | Ask::Release { .. } => {}
            }
            let fired = Fired { at: self.ledger.at, facts: proposal.facts.clone() };
            self.ledger.fired.insert(proposal.rule.clone(), fired);
        }
    }

    pub(crate) fn hold(&mut self, cause: &RuleId, bound: Bound, duration: Option<Period>, review: bool) {
        let event_id = testing::event(self.now, Body::Snapshot(CALM)).id;
        let hold = Hold {
            id: HoldId::derive(&[cause.as_str()]),
            cause: cause.clone(),
            owner: Author::Role(Role::SUPERVISOR),
            person: None,
            bound,
            requires_manual_review: review,
            placed_at: self.now,
            duration,
            until: duration.map(|duration| self.now.after(duration)),
            standing: Standing::Present,
            event_id,
            decision_id: None,
            reason: String::new(),
        };
        self.ledger.holds.insert(hold.id, hold);
        self.refreeze();
    }

    /// The court's own extension of a hold, without a proposal.
    pub(crate) fn extend(&mut self, cause: &'static str) {
        let now = self.now;
        for hold in self.ledger.holds.values_mut().filter(|hold| hold.cause.as_str() == cause) {
            hold.until = hold.duration.map(|duration| now.after(duration));
        }
    }

    /// Ends a hold.
    pub(crate) fn lift(&mut self, cause: &'static str) {
        self.ledger.holds.retain(|_, hold| hold.cause.as_str() != cause);
        self.refreeze();
    }

    /// A value that turned round at these times, tighter last.
    pub(crate) fn flapped(&mut self, kind: Kind, reversals: &[Time]) {
        let changes =
            Changes { reversals: reversals.to_vec(), last: Some(Direction::Tighter), ..Changes::default() };
        self.ledger.changes.insert(kind, changes);
    }

    fn refreeze(&mut self) {
        self.ledger.freeze = self.ledger.holds.values().find(|hold| hold.is_freeze()).map(|hold| Freeze {
            severity: proto::decision::Severity::Critical,
            until: hold.until,
            affected_subsystems: proto::subsystems::Subsystems::default(),
            requires_manual_review: hold.requires_manual_review,
            holds: vec![hold.id],
            announced: vec![DecisionId::derive(&["test"])],
        });
    }
}

pub(crate) const fn usd(value: f64) -> Usd {
    Usd::lit(value)
}

pub(crate) const fn pct(value: f64) -> Fraction {
    Fraction::lit(value)
}

/// What is asked, in a word and a rule: `freeze supervisor.drawdown`.
pub(crate) fn told(proposals: &[Proposal]) -> Vec<String> {
    let told = |proposal: &Proposal| {
        let word = match &proposal.ask {
            Ask::Freeze { .. } => "freeze",
            Ask::Hold { .. } => "hold",
            Ask::Clear { .. } => "clear",
            Ask::Set { .. } => "set",
            Ask::Research { .. } => "research",
            Ask::Release { .. } => "release",
        };
        let name = proposal.rule.as_str().trim_start_matches("supervisor.");
        format!("{word} {name}")
    };
    proposals.iter().map(told).collect()
}
