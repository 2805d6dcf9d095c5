//! What the audit finds: a good ruling with one thing changed, and the law that is named.

use proto::decision::Severity;
use proto::id::{DecisionId, Role};
use proto::ledger::Evidence;
use proto::number::Ratio;
use proto::proposal::Ask;
use proto::ruling::{Finding, Refusal, Ruling};
use proto::value::{Kind, Mode, Profile, Value};
use serde_json::Value as Json;

use crate::testing::{Story, freeze, hold_at, leverage, propose, research, secs, set, terms};
use crate::{Breach, Matter, audit, rule};

/// A ruling with something of everything: a freeze, a hold, a change, a refusal.
fn eventful(story: &mut Story) -> Ruling {
    let live = set(&Role::CEO, "ceo.x", Value::Mode(Mode::Live));
    let looser = set(&Role::CEO, "ceo.y", Value::Profile(Profile::Aggressive));
    story
        .snapshot()
        .says(hold_at("supervisor.x", Value::Mode(Mode::Paused)))
        .says(freeze("supervisor.y", Some(30), Severity::High))
        .says(set(&Role::CRO, "cro.x", leverage(5.0)))
        .says(live)
        .says(looser)
        .rule()
}

/// A ruling without the CRO, while a freeze and a hold stand.
fn unguarded() -> Ruling {
    let mut story = Story::new();
    eventful(&mut story);
    story.wait(secs(5)).snapshot().without(&Role::CRO).rule()
}

/// The number of the first law that is broken, if one is.
fn law(ruling: &Ruling) -> Option<String> {
    let breach = audit(ruling).err()?.to_string();
    breach.split_once(':').map(|(law, _)| law.to_owned())
}

/// What somebody changes in a good ruling.
type Forgery = fn(&mut Ruling);

#[test]
fn the_law_that_a_change_breaks_is_named() {
    let table: [(&str, &str, Forgery); 10] = [
        ("a value past its hold", "P1", |ruling| ruling.after.effective.mode = Mode::Live),
        ("an outcome that is missing", "P4", |ruling| drop(ruling.outcomes.pop())),
        ("an outcome too many", "P4", |ruling| ruling.outcomes.push(ruling.outcomes[0].clone())),
        ("an outcome without its decision", "P4", |ruling| {
            ruling.outcomes[0].result = Finding::Decided { decision: DecisionId::derive(&["none"]) };
        }),
        ("a decision that is missing", "P4", |ruling| ruling.decisions.clear()),
        ("another reason", "P9", |ruling| ruling.decisions[0].reason.push('!')),
        ("another order", "P9", |ruling| ruling.decisions.reverse()),
        ("another answer", "P9", |ruling| {
            ruling.outcomes[0].result = Finding::Refused { refusal: Refusal::StaleInput }
        }),
        ("a value that nobody holds", "P9", |ruling| {
            ruling.after.effective.limits.max_leverage = Ratio::lit(9.0);
        }),
        ("another number", "P9", |ruling| ruling.version = ruling.version.next()),
    ];
    let good = eventful(&mut Story::new());
    for (name, expected, forge) in table {
        let mut forged = good.clone();
        forge(&mut forged);
        assert_eq!(law(&forged).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn what_loosens_while_a_guardian_is_absent_is_named() {
    let table: [(&str, &str, Forgery); 3] = [
        ("a hold that is gone", "P7", |ruling| drop(ruling.after.holds.pop_first())),
        ("a looser value", "P7", |ruling| ruling.after.effective.limits.max_leverage = Ratio::lit(9.0)),
        ("a tighter one is only another", "P9", |ruling| {
            ruling.after.effective.limits.max_leverage = Ratio::lit(1.0);
        }),
    ];
    for (name, expected, forge) in table {
        let mut forged = unguarded();
        forge(&mut forged);
        assert_eq!(law(&forged).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn a_guardian_that_was_never_heard_is_absent() {
    let mut forged = Story::unheard().model().rule();
    forged.after.effective.limits.max_leverage = Ratio::lit(11.0);
    let role = Role::CRO;
    assert_eq!(audit(&forged), Err(Breach::LoosenedUnguarded { what: "limits".to_owned(), role }));
}

#[test]
fn an_event_that_was_ruled_before_is_named() {
    let mut story = Story::new();
    let mut matter = story.snapshot().matter();
    matter.before = rule(&terms(), matter.clone()).after;
    assert_eq!(audit(&rule(&terms(), matter)), Err(Breach::RuledTwice));
}

/// Every field of the new ledger is put in place of what another ledger has there.
#[test]
fn no_field_of_the_ledger_can_be_changed_unseen() {
    let mut story = Story::new();
    let good = serde_json::to_value(eventful(&mut story)).unwrap();
    let other = serde_json::to_value(elsewhere(story)).unwrap();
    for (field, value) in other.as_object().unwrap() {
        let mut forged = good.clone();
        let place = &mut forged["after"][field.as_str()];
        assert_ne!(place, value, "{field}: the ledgers agree");
        *place = value.clone();
        let forged: Ruling = serde_json::from_value(forged).unwrap();
        assert!(audit(&forged).is_err(), "{field}");
    }
}

/// A ledger that agrees with no other in anything.
fn elsewhere(mut story: Story) -> Json {
    let pause = Ask::Set { value: Value::Mode(Mode::Emergency), duration: Some(secs(600)) };
    let later = story.now.after(secs(60));
    let ruling = story
        .wait(secs(5))
        .snapshot()
        .equity(9999.0)
        .says(freeze("supervisor.z", None, Severity::Critical))
        .says(propose(&Role::CEO, "ceo.z", pause))
        .says(research(None))
        .wake_at(&Role::SUPERVISOR, later)
        .rule();
    let mut other = ruling.after;
    other.portfolio = "other".parse().unwrap();
    other.heard.clear();
    other.changes.clear();
    other.memories.insert(Role::CEO, Json::from(1));
    let evidence = Evidence { value: leverage(20.0), times: 1, since: other.at };
    other.evidence.insert(Kind::Limits, evidence);
    serde_json::to_value(other).unwrap()
}

#[test]
fn what_a_ruling_was_made_from_is_all_that_it_takes() {
    let good = eventful(&mut Story::new());
    assert_eq!(rule(&good.terms, Matter::from(&good)), good);
}
