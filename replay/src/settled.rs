//! What came of an event, for those who count and need no whole ruling.

use std::borrow::Cow;

use court::Judgement;
use proto::decision::Decision;
use proto::event::Event;
use proto::ledger::Ledger;
use proto::ruling::{Finding, Ruling};
use proto::value::{Kind, Values};

/// What came of an event: the ruling on it, but for what went in.
#[derive(Debug, Clone)]
pub struct Settled<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The state after it. Where no ruling was asked for, the memories in it are not up to date.
    pub ledger: &'a Ledger,
    /// What became of each proposal.
    pub findings: Cow<'a, [Finding]>,
    /// What the backend is told, in this order.
    pub decisions: &'a [Decision],
    /// What was in effect before it; none where nothing moved.
    was: Option<&'a Values>,
}

impl<'a> Settled<'a> {
    pub(crate) fn of(event: &'a Event, ledger: &'a Ledger, judgement: &'a Judgement) -> Self {
        let Judgement { findings, decisions, was } = judgement;
        Self { event, ledger, findings: Cow::Borrowed(findings), decisions, was: was.as_deref() }
    }

    /// The values that got looser.
    #[must_use]
    pub fn loosened(&self) -> Vec<Kind> {
        self.was.map(|was| self.ledger.effective.looser_than(was)).unwrap_or_default()
    }
}

impl<'a> From<&'a Ruling> for Settled<'a> {
    fn from(ruling: &'a Ruling) -> Self {
        let Ruling { event, before, after, outcomes, decisions, .. } = ruling;
        let findings = outcomes.iter().map(|outcome| outcome.result.clone()).collect();
        Self { event, ledger: after, findings, decisions, was: Some(&before.effective) }
    }
}
