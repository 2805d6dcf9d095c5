//! What must hold of everything that passes: it reads back as it was written, and the court's ruling on it is sound.

use std::fmt::Debug;

use axum::response::IntoResponse as _;
use court::Matter;
use court::policy::CourtPolicy;
use gateway::api::problem::Problem;
use proto::decision::Author;
use proto::event::{Body, Event, EventKind, Snapshot, Source};
use proto::id::{EntryId, EventId, PolicyRevision, PortfolioId, Role, RulingHash, Sequence};
use proto::ledger::Ledger;
use proto::number::{Fraction, Usd};
use proto::policy::Mistake;
use proto::ruling::{Finding, Heard, HeardReview, Hearing, Position, Refusal, Ruling};
use proto::terms::Terms;
use proto::time::{Period, Time};
use proto::wire::{Message, Schema};
use replay::{Model, Policies};

use crate::Taken;

/// When what comes in is read: 2026-01-31T09:30:00Z.
pub(crate) const NOW: Time = Time::from_millis(1_769_851_800_000);
/// The most that a server takes in one message, unless it is told otherwise.
pub(crate) const MESSAGE_MOST_BYTES: usize = 1 << 20;

/// Reads a message, and checks that it is written and read as the same.
pub(crate) fn read<M: Message + PartialEq + Debug>(bytes: &[u8]) -> Option<M> {
    match M::from_bytes(bytes) {
        Ok(message) => {
            same_again(&message);
            Some(message)
        }
        Err(refused) => {
            assert!(!refused.to_string().is_empty(), "a refusal without a reason");
            None
        }
    }
}

/// A message is written and read as the same, and written again as the same bytes.
pub(crate) fn same_again<M: Message + PartialEq + Debug>(message: &M) -> Vec<u8> {
    let bytes = message.to_bytes().expect("every message has a JSON form");
    let again = M::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(again, *message, "what was written is read as the same");
    assert_eq!(again.to_bytes().expect("a JSON form"), bytes, "the same value has the same bytes");
    bytes
}

/// A refusal names something: every field, and what was expected of it.
pub(crate) fn told(mistakes: &[Mistake]) -> Taken {
    assert!(!mistakes.is_empty(), "a refusal that names nothing");
    for mistake in mistakes {
        // Only who sends a field without a name is told of one.
        let named = !mistake.field.is_empty() || mistake.expected.starts_with("one of");
        assert!(named && !mistake.expected.is_empty(), "{mistake:?}");
        assert!(mistake.seen.chars().count() <= 200, "what was seen is told at length: {mistake:?}");
    }
    Taken::No
}

/// A problem document, as the caller gets it: it says what the caller can act on.
pub(crate) fn told_over_http(problem: Problem) -> Taken {
    let status = problem.status();
    assert!(status.is_client_error(), "{problem:?}");
    let body = axum::body::to_bytes(problem.into_response().into_body(), MESSAGE_MOST_BYTES);
    let body = futures::executor::block_on(body).expect("a document of some size");
    let document: serde_json::Value = serde_json::from_slice(&body).expect("a document is JSON");
    assert_eq!(document["status"], status.as_u16());
    assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{document}");
    let errors = serde_json::from_value::<Vec<Mistake>>(document["errors"].clone());
    told(&errors.expect("every mistake, with its three fields"))
}

/// A share of one.
#[track_caller]
pub(crate) fn share(value: Fraction) {
    assert!((0.0..=1.0).contains(&value.get()), "{value:?} is no share");
}

/// A ruling reads back, can be stored, and passes its audit.
pub(crate) fn sound(ruling: &Ruling) {
    let bytes = same_again(ruling);
    assert!(bytes.len() <= MESSAGE_MOST_BYTES, "a ruling of {} bytes cannot be stored", bytes.len());
    if let Err(breach) = court::audit(ruling) {
        panic!("{breach}: {}", String::from_utf8_lossy(&bytes));
    }
}

/// Tells the whole mesh, under its defaults, a calm snapshot and then these events. Nothing that a role of ours proposes
/// on them may be invalid.
pub(crate) fn tell_the_mesh(portfolio: &PortfolioId, events: impl IntoIterator<Item = Event>) {
    let mut model = Model::new(Policies::defaults().expect("the defaults have no mistakes"));
    let calm = Event { portfolio: portfolio.clone(), ..calm(NOW.before(Period::from_mins(2))) };
    for event in std::iter::once(calm).chain(events) {
        for ruling in model.tell(event).expect("every ruling has a JSON form") {
            sound(&ruling);
            all_valid(&ruling);
        }
    }
}

/// No role of ours asks for what the court does not allow.
fn all_valid(ruling: &Ruling) {
    for outcome in &ruling.outcomes {
        let by_role = outcome.proposal.author != Author::Manual;
        if let (true, Finding::Refused { refusal: Refusal::Invalid { detail } }) = (by_role, &outcome.result)
        {
            panic!("{detail}: {:?} on {:?}", outcome.proposal, ruling.event);
        }
    }
}

/// The terms of the defaults.
pub(crate) fn terms() -> Terms {
    CourtPolicy::default().terms(PolicyRevision::of("fuzz"))
}

/// A portfolio in court, one event after another, with every guardian heard.
pub(crate) struct Case {
    terms: Terms,
    pub(crate) ledger: Ledger,
    previous: RulingHash,
}

impl Case {
    /// A portfolio that begins.
    pub(crate) fn begin() -> Self {
        let terms = terms();
        let ledger = court::genesis(&terms, PortfolioId::main());
        Self { terms, ledger, previous: RulingHash::default() }
    }

    /// What is before the court when these roles answer this, and every guardian else has nothing to say.
    pub(crate) fn matter(&self, event: Event, heard: impl IntoIterator<Item = (Role, Heard)>) -> Matter {
        let silent = self.terms.seats.iter().filter(|(_, seat)| seat.guardian);
        let mut roles: std::collections::BTreeMap<Role, Heard> =
            silent.map(|(role, _)| (role.clone(), nothing())).collect();
        roles.extend(heard);
        let sequence = Sequence(self.ledger.version.0 + 1);
        Matter {
            position: Position { stream: "fuzz".to_owned(), sequence, through: sequence },
            previous: self.previous,
            event,
            before: self.ledger.clone(),
            hearing: Hearing { roles, review: None },
        }
    }

    /// What would loosen, and asks the reviewer.
    pub(crate) fn for_review(&self, matter: &Matter) -> Vec<proto::proposal::Proposal> {
        court::for_review(&self.terms, matter)
    }

    /// Rules; the ruling is sound, and its outcome is where the portfolio stands from now on.
    pub(crate) fn rule(&mut self, matter: Matter) -> Ruling {
        let ruling = court::rule(&self.terms, matter);
        sound(&ruling);
        self.previous = RulingHash::of(&ruling.to_bytes().expect("a JSON form"));
        self.ledger = ruling.after.clone();
        ruling
    }

    /// Rules with a reviewer that forbids nothing.
    pub(crate) fn rule_unvetoed(&mut self, mut matter: Matter) -> Ruling {
        if !self.for_review(&matter).is_empty() {
            let (role, policy) = (Role::SUPERVISOR, self.terms.policy.clone());
            matter.hearing.review = Some(HeardReview::Opinion { role, policy, vetoes: Vec::new() });
        }
        self.rule(matter)
    }
}

/// A role that has nothing to say.
pub(crate) fn nothing() -> Heard {
    let verdict =
        proto::case::Verdict { proposals: Vec::new(), memory: serde_json::Value::Null, wake_at: None };
    Heard::Verdict { policy: PolicyRevision::of("fuzz"), verdict }
}

/// A snapshot on which nobody has anything to say.
pub(crate) fn calm(at: Time) -> Event {
    event(
        at,
        Body::Snapshot(Snapshot {
            total_equity: Usd::lit(10_000.0),
            drawdown_pct: Fraction::lit(0.03),
            realized_pnl_today: Usd::ZERO,
            unrealized_pnl: Usd::ZERO,
            num_positions: 1,
            total_exposure_usd: Usd::lit(2000.0),
            max_drawdown_pct: None,
            win_rate_today: None,
            sharpe_ratio_7d: None,
            cash_balance: None,
            closed_trades_today: None,
            degraded: false,
            reported_at: None,
        }),
    )
}

/// An event of `main`, as the gateway would publish it.
pub(crate) fn event(at: Time, body: Body) -> Event {
    let stream = format!("quantum:stream:{}", body.kind());
    let entry = EntryId { millis: at.as_millis().unsigned_abs(), number: 0 };
    let id = EventId::derive(&["redis", &stream, &entry.to_string(), "main"]);
    let source = match body.kind() {
        EventKind::Snapshot | EventKind::Health | EventKind::Model | EventKind::Receipt => {
            Source::Redis { stream: stream.into(), entry, through: entry }
        }
        EventKind::ClockDue => Source::Clock,
        EventKind::Command => Source::Operator,
    };
    Event {
        schema: Schema::Event,
        id,
        portfolio: PortfolioId::main(),
        at,
        source,
        trace_id: id.into(),
        correlation_id: id.to_string(),
        stale: false,
        body,
    }
}
