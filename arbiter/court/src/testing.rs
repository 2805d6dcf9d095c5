//! A portfolio before the court, told event after event: the plainest of everything, and every ruling is audited.

pub(crate) mod random;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proto::case::{Verdict, Veto};
use proto::command::{Command, Order, Person, Rank};
use proto::decision::{Author, Decision, DecisionType, Priority, ResearchTask, Severity};
use proto::event::{Body, ClockDue, EssState, Event, EventKind, Source, SystemStatus};
use proto::hold::Hold;
use proto::id::{EntryId, EventId, PolicyRevision, PortfolioId, Role, RuleId, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::number::{Ratio, Usd};
use proto::proposal::{Ask, Bound, Proposal};
use proto::ruling::{Absence, Finding, Heard, HeardReview, Hearing, Position, Refusal, Ruling};
use proto::terms::Terms;
use proto::testing::{MONDAY, base, event, health, model, snapshot};
use proto::time::{Period, Time};
use proto::value::{Kind, Limits, Value};

use crate::policy::CourtPolicy;
use crate::{Matter, audit, for_review, genesis, may_need_review, rule};

/// One portfolio, and the time.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) terms: Terms,
    pub(crate) ledger: Ledger,
    pub(crate) now: Time,
    told: u64,
}

/// One event and who says what on it; everybody with interest is heard unless told otherwise.
pub(crate) struct Round<'s> {
    story: &'s mut Story,
    event: Event,
    roles: BTreeMap<Role, Heard>,
    review: Review,
}

enum Review {
    Opinion(Vec<Veto>),
    Absent,
}

/// The revision that everybody in a test goes by.
pub(crate) fn testing_policy() -> PolicyRevision {
    static REVISION: LazyLock<PolicyRevision> = LazyLock::new(|| PolicyRevision::of("testing"));
    REVISION.clone()
}

pub(crate) fn terms() -> Terms {
    CourtPolicy::default().terms(testing_policy())
}

impl Story {
    /// A portfolio whose guardians were heard once.
    pub(crate) fn new() -> Self {
        Self::under(terms())
    }

    /// The same under other terms.
    pub(crate) fn under(terms: Terms) -> Self {
        let mut story = Self::begin(terms);
        story.snapshot().rule();
        story
    }

    /// A portfolio before its first ruling.
    pub(crate) fn unheard() -> Self {
        Self::begin(terms())
    }

    fn begin(terms: Terms) -> Self {
        let ledger = genesis(&terms, PortfolioId::main());
        Self { terms, ledger, now: MONDAY, told: 0 }
    }

    pub(crate) fn wait(&mut self, period: Period) -> &mut Self {
        self.now = self.now.after(period);
        self
    }

    pub(crate) fn snapshot(&mut self) -> Round<'_> {
        self.round(Body::Snapshot(snapshot()))
    }

    pub(crate) fn health(&mut self) -> Round<'_> {
        self.round(Body::Health(health(SystemStatus::Healthy, EssState::Nominal)))
    }

    pub(crate) fn model(&mut self) -> Round<'_> {
        self.round(Body::Model(model("lightgbm")))
    }

    pub(crate) fn clock(&mut self) -> Round<'_> {
        let due = self.now;
        self.round(Body::ClockDue(ClockDue { due }))
    }

    /// What an operator orders, with the rank that it takes.
    pub(crate) fn operator(&mut self, order: Order) -> Ruling {
        self.person(Rank::Operator, None, order)
    }

    pub(crate) fn person(&mut self, rank: Rank, second: Option<(&str, Rank)>, order: Order) -> Ruling {
        let by = Person { name: "ann".to_owned(), rank };
        let approved_by = second.map(|(name, rank)| Person { name: name.to_owned(), rank });
        let reason = "because".to_owned();
        self.round(Body::Command(Command { by, approved_by, reason, order })).rule()
    }

    /// A proposal three times over the time that a confirmation takes; the last ruling.
    pub(crate) fn confirm(&mut self, proposal: &Proposal) -> Ruling {
        self.snapshot().says(proposal.clone()).rule();
        self.wait(Period::from_secs(30)).snapshot().says(proposal.clone()).rule();
        self.wait(Period::from_secs(30)).snapshot().says(proposal.clone()).rule()
    }

    pub(crate) fn hold(&self, cause: &'static str) -> Option<&Hold> {
        self.ledger.hold_of(&RuleId::new(cause))
    }

    pub(crate) fn round(&mut self, body: Body) -> Round<'_> {
        self.told += 1;
        let mut event = event(self.now, body);
        event.id = EventId::derive(&["story", &self.told.to_string()]);
        event.source = source(&self.ledger, &event, self.told);
        let kind = event.kind();
        let interested = self.terms.seats.iter().filter(|(_, seat)| seat.interests.contains(kind));
        let roles = interested.map(|(role, _)| (role.clone(), heard(Vec::new()))).collect();
        Round { story: self, event, roles, review: Review::Opinion(Vec::new()) }
    }
}

impl Round<'_> {
    /// A proposal of its author.
    pub(crate) fn says(self, proposal: Proposal) -> Self {
        let Author::Role(role) = proposal.author.clone() else { panic!("operators order") };
        self.says_as(&role, proposal)
    }

    /// A proposal in somebody's verdict, whoever its author is.
    pub(crate) fn says_as(mut self, role: &Role, proposal: Proposal) -> Self {
        let entry = self.roles.entry(role.clone()).or_insert_with(|| heard(Vec::new()));
        let Heard::Verdict { verdict, .. } = entry else { panic!("{role} is absent") };
        verdict.proposals.push(proposal);
        self
    }

    pub(crate) fn wake_at(mut self, role: &Role, at: Time) -> Self {
        if let Some(Heard::Verdict { verdict, .. }) = self.roles.get_mut(role) {
            verdict.wake_at = Some(at);
        }
        self
    }

    pub(crate) fn without(mut self, role: &Role) -> Self {
        self.roles.insert(role.clone(), Heard::Absent { why: Absence::NoResponders });
        self
    }

    pub(crate) fn stale(mut self) -> Self {
        self.event.stale = true;
        self
    }

    pub(crate) fn equity(mut self, equity: f64) -> Self {
        if let Body::Snapshot(snapshot) = &mut self.event.body {
            snapshot.total_equity = Usd::lit(equity);
        }
        self
    }

    pub(crate) fn veto(mut self, kind: Kind, rule: &'static str) -> Self {
        self.review = Review::Opinion(vec![Veto { kind, rule: RuleId::new(rule), facts: Vec::new() }]);
        self
    }

    pub(crate) fn unreviewed(mut self) -> Self {
        self.review = Review::Absent;
        self
    }

    /// Whether a review may come of this.
    pub(crate) fn may_need_review(&self) -> bool {
        let (matter, terms) = (self.matter(), &self.story.terms);
        may_need_review(terms, &matter.before, &matter.voices(terms))
    }

    /// What the reviewer would be asked about.
    pub(crate) fn for_review(&self) -> Vec<Proposal> {
        for_review(&self.story.terms, &self.matter())
    }

    pub(crate) fn matter(&self) -> Matter {
        let sequence = Sequence(self.story.told);
        let stream = "2026-01-01T00:00:00Z".to_owned();
        Matter {
            position: Position { stream, sequence, through: sequence },
            previous: RulingHash::default(),
            event: self.event.clone(),
            before: self.story.ledger.clone(),
            hearing: Hearing { roles: self.roles.clone(), review: None },
        }
    }

    /// Rules, audits the ruling, and goes on from it.
    pub(crate) fn rule(self) -> Ruling {
        let ruling = self.pass();
        audit(&ruling).unwrap();
        ruling
    }

    /// Rules, and goes on from it, where so many rulings are made that to audit each would take long.
    pub(crate) fn pass(self) -> Ruling {
        let mut matter = self.matter();
        if needs_review(&self.story.terms, &matter) {
            matter.hearing.review = Some(self.review.heard());
        }
        let ruling = rule(&self.story.terms, matter);
        self.story.ledger = ruling.after.clone();
        ruling
    }
}

/// Whether a review is needed. One that is has to be foreseen.
pub(crate) fn needs_review(terms: &Terms, matter: &Matter) -> bool {
    let needed = !for_review(terms, matter).is_empty();
    let foreseen = may_need_review(terms, &matter.before, &matter.voices(terms));
    assert!(foreseen || !needed, "a review that was not foreseen: {matter:?}");
    needed
}

impl Review {
    fn heard(self) -> HeardReview {
        let role = Role::SUPERVISOR;
        match self {
            Self::Opinion(vetoes) => HeardReview::Opinion { role, policy: testing_policy(), vetoes },
            Self::Absent => HeardReview::Absent { role, why: Absence::Timeout },
        }
    }
}

pub(crate) fn heard(proposals: Vec<Proposal>) -> Heard {
    let verdict = Verdict { proposals, memory: serde_json::Value::Null, wake_at: None };
    Heard::Verdict { policy: testing_policy(), verdict }
}

/// Where an event of this kind comes from. A stream's entries come in order, whatever the time of the event.
pub(crate) fn source(before: &Ledger, event: &Event, number: u64) -> Source {
    match event.kind() {
        EventKind::Command => Source::Operator,
        EventKind::ClockDue => Source::Clock,
        EventKind::Snapshot | EventKind::Health | EventKind::Model | EventKind::Receipt => {
            let millis = u64::try_from(event.at.as_millis()).unwrap();
            let stream = event.kind().as_str();
            let latest = before.ruled.entries.get(stream).copied().unwrap_or_default();
            let next = EntryId { number: latest.number + 1, ..latest };
            let entry = next.max(EntryId { millis, number });
            Source::Redis { stream: stream.into(), entry, through: entry }
        }
    }
}

pub(crate) fn propose(role: &Role, rule: &'static str, ask: Ask) -> Proposal {
    let (author, rule) = (role.clone().into(), RuleId::new(rule));
    Proposal { author, rule, priority: Priority::High, ask, facts: Vec::new() }
}

pub(crate) fn set(role: &Role, rule: &'static str, value: Value) -> Proposal {
    propose(role, rule, Ask::Set { value, duration: None })
}

pub(crate) fn freeze(rule: &'static str, minutes: Option<i64>, severity: Severity) -> Proposal {
    let ask = Ask::Freeze {
        duration: minutes.map(Period::from_mins),
        severity,
        affected_subsystems: ["trading"].into(),
        requires_manual_review: false,
    };
    propose(&Role::SUPERVISOR, rule, ask)
}

pub(crate) fn research(model: Option<&str>) -> Proposal {
    let task = ResearchTask {
        task_type: "risk_analysis".to_owned(),
        description: "d".to_owned(),
        priority: Priority::Low,
        estimated_duration_hours: 4,
        expected_impact: "i".to_owned(),
        model_name: model.map(str::to_owned),
    };
    propose(&Role::RESEARCHER, "researcher.risk", Ask::Research { task: task.into() })
}

pub(crate) fn clear(cause: &'static str) -> Proposal {
    propose(&Role::SUPERVISOR, cause, Ask::Clear { cause: RuleId::new(cause), kind: None })
}

pub(crate) fn hold_at(rule: &'static str, at: Value) -> Proposal {
    propose(&Role::SUPERVISOR, rule, Ask::Hold { bound: Bound::Value { at } })
}

/// Base limits with another leverage.
pub(crate) fn leverage(max: f64) -> Value {
    Value::Limits(Limits { max_leverage: Ratio::lit(max), ..base().limits })
}

pub(crate) fn secs(seconds: i64) -> Period {
    Period::from_secs(seconds)
}

pub(crate) fn mins(minutes: i64) -> Period {
    Period::from_mins(minutes)
}

pub(crate) fn types(ruling: &Ruling) -> Vec<DecisionType> {
    ruling.decisions.iter().map(Decision::decision_type).collect()
}

/// What became of the only proposal with this rule.
pub(crate) fn finding<'r>(ruling: &'r Ruling, rule: &str) -> &'r Finding {
    let mut outcomes = ruling.outcomes.iter().filter(|outcome| outcome.proposal.rule.as_str() == rule);
    &outcomes.next().unwrap().result
}

/// Why the only proposal with this rule was refused.
pub(crate) fn refusal<'r>(ruling: &'r Ruling, rule: &str) -> &'r Refusal {
    match finding(ruling, rule) {
        Finding::Refused { refusal } => refusal,
        other @ (Finding::Decided { .. } | Finding::Unchanged) => panic!("not refused: {other:?}"),
    }
}
