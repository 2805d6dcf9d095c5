//! From request bytes to answer bytes: each case on its own, so that a bad one never spoils its neighbours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use async_nats::HeaderMap;
use proto::case::{Answer, Case, Cases, Executive, Opinion, ReviewCase, Verdicts};
use proto::id::PortfolioId;
use proto::wire::{Message, Schema};
use tracing::{Span, field, info_span, warn};

use super::service::Metrics;
use crate::policy::{Current, Section};
use crate::trace;

/// A request that has no answer: told to the asker as a service error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What kind of refusal, as in HTTP.
    pub code: usize,
    /// Why.
    pub why: String,
}

const UNREADABLE: usize = 400;
const FAILED: usize = 500;

impl Refused {
    fn new(code: usize, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

/// Answers a list of cases.
pub(super) fn evaluate<E: Executive>(
    section: &Section<E::Policy>,
    metrics: &Metrics,
    headers: &HeaderMap,
    request: &[u8],
) -> Result<Vec<u8>, Refused> {
    let Cases { cases, .. } =
        Cases::from_bytes(request).map_err(|unread| Refused::new(UNREADABLE, unread.to_string()))?;
    let revision = section.common().revision;
    let answers = cases.into_iter().enumerate().map(|(nth, case)| {
        let span = span(E::ROLE.as_str(), &case.event.portfolio, case.event.trace_id);
        trace::adopt_nth(&span, headers, nth);
        let started = Instant::now();
        let answer = span.in_scope(|| answered::<E>(section, case));
        span.record("outcome", outcome(&answer));
        metrics.answered("evaluate", outcome(&answer), started.elapsed());
        answer
    });
    let verdicts =
        Verdicts { schema: Schema::Verdict, role: E::ROLE, policy: revision, answers: answers.collect() };
    verdicts.to_bytes().map_err(|failed| Refused::new(FAILED, failed.to_string()))
}

/// Answers a review.
pub(super) fn review<E: Executive>(
    section: &Section<E::Policy>,
    metrics: &Metrics,
    headers: &HeaderMap,
    request: &[u8],
) -> Result<Vec<u8>, Refused> {
    let case =
        ReviewCase::from_bytes(request).map_err(|unread| Refused::new(UNREADABLE, unread.to_string()))?;
    let span = span(E::ROLE.as_str(), &case.event.portfolio, case.event.trace_id);
    trace::adopt(&span, headers);
    let started = Instant::now();
    let answer = span.in_scope(|| reviewed::<E>(section, case));
    let outcome = if answer.is_ok() { "answered" } else { "failed" };
    span.record("outcome", outcome);
    metrics.answered("review", outcome, started.elapsed());
    answer?.to_bytes().map_err(|failed| Refused::new(FAILED, failed.to_string()))
}

fn answered<E: Executive>(section: &Section<E::Policy>, case: Case) -> Answer {
    let portfolio = case.event.portfolio.clone();
    let verdict = case
        .typed::<E::Memory>()
        .map_err(|unread| format!("memory cannot be read: {unread}"))
        .and_then(|case: Case<E::Memory>| {
            let Current { policy, .. } = section.of(&portfolio);
            let verdict = caught(|| E::evaluate(&policy, &case))?;
            verdict.untyped().map_err(|failed| format!("memory cannot be written: {failed}"))
        });
    match verdict {
        Ok(verdict) => Answer::Verdict(verdict),
        Err(why) => {
            warn!(%portfolio, "a case was not answered: {why}");
            Answer::Failed(why)
        }
    }
}

fn reviewed<E: Executive>(section: &Section<E::Policy>, case: ReviewCase) -> Result<Opinion, Refused> {
    let Current { policy, revision } = section.of(&case.event.portfolio);
    let case = case.typed::<E::Memory>();
    let case = case.map_err(|unread| Refused::new(UNREADABLE, format!("memory cannot be read: {unread}")))?;
    let vetoes = caught(|| E::review(&policy, &case)).map_err(|why| Refused::new(FAILED, why))?;
    Ok(Opinion { schema: Schema::Verdict, role: E::ROLE, policy: revision, vetoes })
}

/// A rule that panics loses its own answer, not the process.
fn caught<R>(rules: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(rules)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        format!("the role panicked: {}", text.unwrap_or_else(|| "no message".to_owned()))
    })
}

const fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Verdict(_) => "answered",
        Answer::Failed(_) => "failed",
    }
}

fn span(role: &str, portfolio: &PortfolioId, trace_id: proto::id::TraceId) -> Span {
    info_span!(
        parent: None,
        "evaluate",
        otel.kind = "server",
        role,
        %portfolio,
        %trace_id,
        outcome = field::Empty
    )
}
