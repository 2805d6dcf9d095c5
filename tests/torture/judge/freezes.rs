//! No freeze is lost: what the supervisor saw is frozen, and what a person froze stays so.

use std::collections::BTreeMap;

use proto::event::Body;
use proto::id::{PortfolioId, Role};
use proto::ledger::Ledger;
use proto::number::Fraction;
use proto::ruling::{Heard, Ruling};

use super::Matter;

/// A drawdown past every threshold of the supervisor's.
const DEEP: Fraction = Fraction::lit(0.11);

pub(super) fn check(matter: &Matter<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut last: BTreeMap<&PortfolioId, &Ledger> = BTreeMap::new();
    for ruling in &matter.read.rulings {
        if must_freeze(ruling) && ruling.after.freeze.is_none() {
            let Ruling { portfolio, version, event, .. } = ruling;
            wrong.push(format!("ruling {version} of {portfolio} does not freeze on event {}", event.id));
        }
        last.insert(&ruling.portfolio, &ruling.after);
    }
    for frozen in &matter.sent.frozen {
        if frozen.stopped && matter.sent.is_rolled_back(frozen.at) && !is_stored(matter, frozen.event) {
            continue;
        }
        let (portfolio, event) = (&frozen.portfolio, frozen.event);
        let ledger = last.get(portfolio);
        let holds = |ledger: &&Ledger| ledger.holds.values().any(|hold| hold.event_id == event);
        if !ledger.is_some_and(|ledger| holds(ledger) && ledger.freeze.is_some()) {
            wrong.push(format!("the freeze by hand of {portfolio} (event {event}) is lost"));
        }
        if matter.tape.redis.documents.get(portfolio).is_none_or(|document| document["frozen"] != true) {
            wrong.push(format!(
                "{portfolio} was frozen by hand (event {event}), and its document says that it is free"
            ));
        }
    }
    wrong
}

/// What Redis alone knew of is gone with a roll-back.
fn is_stored(matter: &Matter<'_>, event: proto::id::EventId) -> bool {
    matter.read.events.values().any(|stored| stored.id == event)
}

fn must_freeze(ruling: &Ruling) -> bool {
    let heard = ruling.hearing.roles.get(&Role::SUPERVISOR);
    match &ruling.event.body {
        Body::Snapshot(snapshot) => {
            snapshot.drawdown_pct > DEEP && matches!(heard, Some(Heard::Verdict { .. }))
        }
        Body::Health(_) | Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => false,
    }
}
