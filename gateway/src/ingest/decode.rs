//! From a Redis entry to what happened: a pure function, with everything that is wrong named at once.

mod health;
mod json;
mod model;
mod receipt;
mod shape;
mod snapshot;

use proto::event::Body;
use proto::id::{EntryId, PortfolioId, TraceId};
use proto::time::{Period, Time};

use crate::feed::{Feed, FeedKind};
use crate::fields::{Fault, Fields, Reason, shown};
use shape::Shaped;

/// The largest payload that is read.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;
/// The longest correlation id that is kept; the rest is cut off.
const MAX_CORRELATION_CHARS: usize = 256;

/// An entry as it stands in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// A field as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name's bytes.
    pub name: Vec<u8>,
    /// The value's bytes.
    pub value: Vec<u8>,
}

/// What time it is, and how far from it an event may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// Now, by the clock that gives entries their ids.
    pub now: Time,
    /// An older event builds memory, but may not loosen.
    pub max_event_age: Period,
    /// A time further ahead than this is not believed.
    pub max_skew: Period,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Whom it concerns; none is everybody, but for a receipt: that one concerns whose the decision is.
    pub portfolio: Option<PortfolioId>,
    /// The producer's trace.
    pub trace_id: Option<TraceId>,
    /// The producer's correlation id.
    pub correlation_id: Option<String>,
    /// Too old to loosen on.
    pub stale: bool,
    /// What happened.
    pub body: Body,
}

/// What is wrong with an entry; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
}

impl Defect {
    /// The kind that names the whole letter.
    pub fn reason(&self) -> Reason {
        self.faults.iter().map(|fault| fault.reason).min().unwrap_or(Reason::NotJson)
    }
}

impl From<Fault> for Defect {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

/// Reads an entry.
///
/// # Errors
/// Everything that is wrong with it.
pub fn decode(feed: &Feed, entry: &Entry, age: &Age) -> Result<Decoded, Defect> {
    let shaped = shape::shape(&entry.fields)?;
    let mut fields = Fields::new(&shaped.data, shaped.numbers);
    let portfolio = portfolio(feed.kind, &mut fields);
    let reported_at = fields.optional_time(&["timestamp"]);
    let body = match feed.kind {
        FeedKind::Snapshot => snapshot::read(&mut fields, feed.drawdown, reported_at).map(Body::Snapshot),
        FeedKind::Health => health::read(&mut fields, reported_at).map(Body::Health),
        FeedKind::Model => model::read(&mut fields, reported_at).map(Body::Model),
        FeedKind::Receipt => receipt::read(&mut fields, reported_at).map(Body::Receipt),
    };
    check_future(&mut fields, entry.id, reported_at, age);
    let faults = fields.into_faults();
    match body {
        Some(body) if faults.is_empty() => {
            Ok(decoded(&shaped, portfolio, is_stale(entry.id, reported_at, age), body))
        }
        _ => Err(Defect { faults }),
    }
}

fn decoded(shaped: &Shaped, portfolio: Option<PortfolioId>, stale: bool, body: Body) -> Decoded {
    Decoded {
        portfolio,
        trace_id: shaped.trace_id.as_deref().and_then(|text| text.parse().ok()),
        correlation_id: shaped
            .correlation_id
            .as_deref()
            .map(|text| text.chars().take(MAX_CORRELATION_CHARS).collect()),
        stale,
        body,
    }
}

/// A snapshot that names nobody is of `main`; whom anything else concerns that names nobody is known later.
fn portfolio(kind: FeedKind, fields: &mut Fields<'_>) -> Option<PortfolioId> {
    const EXPECTED: &str = "a portfolio id: 1 to 64 letters, digits, '_' or '-'";
    let Some((name, value)) = fields.find(&["portfolio_id"]) else {
        return (kind == FeedKind::Snapshot).then(PortfolioId::main);
    };
    let id = value.as_str().and_then(|text| text.parse().ok());
    if id.is_none() {
        fields.fault(Fault::new(Reason::BadPortfolio, name, shown(value), EXPECTED));
    }
    id
}

fn check_future(fields: &mut Fields<'_>, entry: EntryId, reported_at: Option<Time>, age: &Age) {
    let latest = age.now.after(age.max_skew);
    let expected = format!("a time not after {latest}");
    if entry.time() > latest {
        fields.fault(Fault::new(Reason::FutureTime, "entry id", entry, expected.clone()));
    }
    if let Some(reported_at) = reported_at.filter(|at| *at > latest) {
        fields.fault(Fault::new(Reason::FutureTime, "timestamp", reported_at, expected));
    }
}

/// Producers' buffers replay late under a new entry id: the producer's own time counts too, where there is one.
fn is_stale(entry: EntryId, reported_at: Option<Time>, age: &Age) -> bool {
    let oldest = age.now.before(age.max_event_age);
    entry.time() < oldest || reported_at.is_some_and(|at| at < oldest)
}

#[cfg(test)]
mod tests;
