//! Which messages are within the limits.

use proto::event::Event;
use proto::id::{PortfolioId, Sequence};
use proto::time::Time;
use serde::Deserialize;

use crate::args::{Limit, Limits};

/// What a message is about: as much of it as limits ask for. What does not say so is not left out by them: reading it
/// says what is wrong with it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct About {
    portfolio: Option<PortfolioId>,
    /// An event's and a dead letter's time.
    at: Option<Time>,
    /// A decision's.
    timestamp: Option<Time>,
    /// A ruling's event.
    event: Option<Happened>,
}

#[derive(Debug, Deserialize)]
struct Happened {
    at: Time,
}

/// What a message is about.
pub(super) fn about(bytes: &[u8]) -> About {
    serde_json::from_slice(bytes).unwrap_or_default()
}

impl About {
    /// What an event is about.
    pub(crate) fn of(event: &Event) -> Self {
        Self { portfolio: Some(event.portfolio.clone()), at: Some(event.at), ..Self::default() }
    }

    fn time(&self) -> Option<Time> {
        self.at.or(self.timestamp).or(self.event.as_ref().map(|event| event.at))
    }
}

impl Limits {
    /// Whether nothing from here on is wanted.
    pub(super) fn is_past(&self, sequence: Sequence) -> bool {
        matches!(self.to, Some(Limit::Sequence(to)) if sequence > to)
    }

    /// Whether a message is wanted; what it is about is asked only where a limit depends on it.
    pub(crate) fn wants(&self, sequence: Sequence, about: impl FnOnce() -> About) -> bool {
        let after = |from: Limit, time: Option<Time>| match from {
            Limit::Sequence(from) => sequence >= from,
            Limit::Time(from) => time.is_none_or(|time| time >= from),
        };
        let before = |to: Limit, time: Option<Time>| match to {
            Limit::Sequence(to) => sequence <= to,
            Limit::Time(to) => time.is_none_or(|time| time <= to),
        };
        if !self.depends_on_content() {
            return self.from.is_none_or(|from| after(from, None))
                && self.to.is_none_or(|to| before(to, None));
        }
        let about = about();
        let time = about.time();
        self.from.is_none_or(|from| after(from, time))
            && self.to.is_none_or(|to| before(to, time))
            && self
                .portfolio
                .as_ref()
                .is_none_or(|wanted| about.portfolio.is_none_or(|whose| whose == *wanted))
    }

    fn depends_on_content(&self) -> bool {
        let is_time = |limit: &Limit| matches!(limit, Limit::Time(_));
        self.portfolio.is_some() || self.from.iter().chain(&self.to).any(is_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(from: Option<&str>, to: Option<&str>, portfolio: Option<&str>) -> Limits {
        Limits {
            from: from.map(|text| text.parse().unwrap()),
            to: to.map(|text| text.parse().unwrap()),
            portfolio: portfolio.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn every_kind_of_message_has_its_time_and_its_portfolio() {
        let event = r#"{"portfolio":"main","at":"2026-01-05T10:00:00Z"}"#;
        let ruling = r#"{"portfolio":"main","event":{"at":"2026-01-05T10:00:00Z"}}"#;
        let decision = r#"{"portfolio":"main","timestamp":"2026-01-05T10:00:00Z"}"#;
        for message in [event, ruling, decision] {
            let wants = |limits: Limits| limits.wants(Sequence(1), || about(message.as_bytes()));
            assert!(wants(limits(Some("2026-01-05T10:00:00Z"), Some("2026-01-05T10:00:00Z"), Some("main"))));
            assert!(!wants(limits(Some("2026-01-05T10:00:01Z"), None, None)), "{message}");
            assert!(!wants(limits(None, Some("2026-01-05T09:59:59Z"), None)), "{message}");
            assert!(!wants(limits(None, None, Some("other"))), "{message}");
        }
    }

    #[test]
    fn sequences_are_limits_that_need_no_look_inside() {
        let limits = limits(Some("3"), Some("5"), None);
        let wanted: Vec<u64> =
            (1..=8).filter(|at| limits.wants(Sequence(*at), || unreachable!("nobody has to look"))).collect();
        assert_eq!(wanted, [3, 4, 5]);
        assert!(limits.is_past(Sequence(6)) && !limits.is_past(Sequence(5)));
    }

    #[test]
    fn what_cannot_be_read_is_not_left_out() {
        assert!(
            limits(Some("2026-01-05T10:00:00Z"), None, Some("main")).wants(Sequence(1), || about(b"what?"))
        );
    }
}
