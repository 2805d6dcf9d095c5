//! `[silence]`: while trading is LIVE, a portfolio that nobody hears of must not get more room.

use proto::decision::Priority;
use proto::event::Body;
use proto::id::RuleId;
use proto::proposal::{Ask, Bound, Fact, Proposal, Relation};
use proto::time::{Period, Time};
use proto::value::{Mode, Value};

use crate::View;
use crate::policy::OnSilence;

const RULE: RuleId = RuleId::new("supervisor.silence");

/// The first instant that is longer after a snapshot than the silence allowed.
const JUST_LONGER: Period = Period::from_millis(1);

/// The hold while the feed is silent; its end once a snapshot came.
pub(crate) fn proposal(view: &View<'_>) -> Option<Proposal> {
    let last = view.memory.last.as_ref()?;
    let silence = view.now.since(last.at);
    let allowed = view.policy.feed_silence;
    if silence > allowed {
        let fact = Fact::met("silence", silence, Relation::Above, allowed);
        let live = view.ledger.effective.mode == Mode::Live;
        return live.then(|| crate::proposal(RULE, Priority::High, hold(view), vec![fact]));
    }
    let heard = matches!(view.event.body, Body::Snapshot(_)) && view.ledger.hold_of(&RULE).is_some();
    heard.then(|| {
        let fact = Fact::met("silence", silence, Relation::AtMost, allowed);
        let ask = Ask::Clear { cause: RULE, kind: None };
        crate::proposal(RULE, Priority::Normal, ask, vec![fact])
    })
}

/// When the feed will have been silent for too long. While it is, and nothing is held because the mode is not LIVE:
/// again and again, because the mode may become LIVE without the supervisor being asked, by an operator or by time.
pub(crate) fn wake_at(view: &View<'_>) -> Option<Time> {
    let last = view.memory.last.as_ref()?;
    let allowed = view.policy.feed_silence;
    let due = last.at.after(allowed).after(JUST_LONGER);
    if due > view.now {
        return Some(due);
    }
    let held = view.ledger.hold_of(&RULE).is_some() || view.ledger.effective.mode == Mode::Live;
    (!held).then(|| view.now.after(allowed))
}

fn hold(view: &View<'_>) -> Ask {
    let bound = match view.policy.on_silence {
        OnSilence::Hold => Bound::Loosening,
        OnSilence::Pause => Bound::Value { at: Value::Mode(Mode::Paused) },
    };
    Ask::Hold { bound }
}
