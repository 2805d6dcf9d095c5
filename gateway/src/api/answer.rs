//! What became of an order, as the ruling on it says.

use std::fmt::Write as _;

use proto::command::{Command, Order};
use proto::decision::{Author, DecisionType};
use proto::event::Body;
use proto::hold::Freeze;
use proto::id::{DecisionId, EventId, PortfolioId, Version};
use proto::ruling::{Finding, Refusal, Ruling};
use proto::value::{Limits, Mode};
use serde::Serialize;
use serde_json::{Value, json};

use super::problem::{Kind, Problem};

/// What became of an order for one portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Whom it concerned.
    pub portfolio: PortfolioId,
    /// The event that it was.
    pub event_id: EventId,
    /// What became of it.
    #[serde(flatten)]
    pub result: Result,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Result {
    /// It was granted.
    Decided {
        /// The decision that says so.
        decision_id: DecisionId,
        /// What is in effect now.
        #[serde(flatten)]
        now: Now,
    },
    /// It is so already.
    Unchanged {
        /// The latest decision of its type, if there ever was one.
        decision_id: Option<DecisionId>,
        /// What is in effect now.
        #[serde(flatten)]
        now: Now,
    },
    /// It was not granted.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Nobody ruled it in time, so the backend was told to freeze without a ruling; the court will take that over.
    Stopped {
        /// The decision that it was told, as the court will make it; none when it is frozen as strictly already.
        decision_id: Option<DecisionId>,
    },
    /// It was not ruled in time; it will be.
    Pending,
}

/// What is in effect after the ruling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Now {
    /// The ruling.
    pub ruling: Version,
    /// The mode.
    pub mode: Mode,
    /// All five limits.
    pub limits: Limits,
    /// The freeze; null when trading is free.
    pub freeze: Option<Freeze>,
}

/// Reads what became of a command.
///
/// # Errors
/// The event was another command: its id was derived from a key that was used before.
pub fn of_ruling(command: &Command, ruling: &Ruling) -> std::result::Result<Result, Problem> {
    if ruling.event.body != Body::Command(command.clone()) {
        return Err(used_before());
    }
    let by_hand = ruling.outcomes.iter().filter(|outcome| outcome.proposal.author == Author::Manual);
    let mut decided = None;
    for outcome in by_hand {
        match &outcome.result {
            Finding::Refused { refusal } => return Ok(Result::Refused { refusal: refusal.clone() }),
            Finding::Decided { decision } => decided = decided.or(Some(*decision)),
            Finding::Unchanged => {}
        }
    }
    let now = Now {
        ruling: ruling.version,
        mode: ruling.after.effective.mode,
        limits: ruling.after.effective.limits,
        freeze: ruling.after.freeze.clone(),
    };
    Ok(match decided {
        Some(decision_id) => Result::Decided { decision_id, now },
        None => Result::Unchanged { decision_id: latest(&command.order, ruling), now },
    })
}

/// The problem of a key that stands for another order.
pub fn used_before() -> Problem {
    Problem::new(
        Kind::Invalid,
        "this Idempotency-Key was used for another order: use a new key for each order",
    )
}

fn latest(order: &Order, ruling: &Ruling) -> Option<DecisionId> {
    let kind = match order {
        Order::SetMode { .. } | Order::Release { .. } => DecisionType::ModeChange,
        Order::SetLimits { .. } => DecisionType::RiskAdjustment,
        Order::Freeze { .. } => DecisionType::Freeze,
    };
    ruling.after.latest.get(&kind).copied()
}

/// What all answers together come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// 200: all are granted, or are so already.
    Done(Value),
    /// 202: some are not ruled yet.
    Accepted(Value),
}

/// Puts the answers together: the first portfolio's own words stand at the top, all of them in `decisions`.
///
/// # Errors
/// A problem when one was refused.
pub fn together(answers: &[Answer]) -> std::result::Result<Told, Problem> {
    let refused: Vec<(&PortfolioId, &Refusal)> = answers
        .iter()
        .filter_map(|answer| match &answer.result {
            Result::Refused { refusal } => Some((&answer.portfolio, refusal)),
            Result::Decided { .. } | Result::Unchanged { .. } | Result::Stopped { .. } | Result::Pending => {
                None
            }
        })
        .collect();
    let all = json!(answers);
    if let Some((_, first)) = refused.first() {
        let told: Vec<String> =
            refused.iter().map(|(portfolio, refusal)| format!("{portfolio}: {}", words(refusal))).collect();
        let problem = Problem::new(Kind::Refused, told.join("; "));
        return Err(problem.with("refusal", json!(first)).with("decisions", all));
    }
    let pending = answers.iter().any(|answer| answer.result == Result::Pending);
    let stopped = answers.iter().any(|answer| matches!(answer.result, Result::Stopped { .. }));
    let unchanged = answers.iter().all(|answer| matches!(answer.result, Result::Unchanged { .. }));
    let mut document = answers.first().map(|first| json!(first)).unwrap_or_default();
    document["success"] = json!(!pending);
    document["decisions"] = all;
    if pending || stopped {
        document["pending"] = json!(true);
        return Ok(Told::Accepted(document));
    }
    document["unchanged"] = json!(unchanged);
    Ok(Told::Done(document))
}

/// A refusal in words.
pub fn words(refusal: &Refusal) -> String {
    let mut text = format!("refused ({})", refusal.as_str());
    let more = match refusal {
        Refusal::Invalid { detail } => detail.clone(),
        Refusal::Outranked { by, rule } => format!("{by} asked for something else with {rule}"),
        Refusal::SeniorTightens { by, rule } => format!("{by} tightens with {rule}"),
        Refusal::Held { hold, cause } => {
            format!("hold {hold} of {cause} stands against it: name it in `releases`, or release it first")
        }
        Refusal::ManualHold { hold } => format!("hold {hold} by hand stands against it: release it first"),
        Refusal::GuardianAbsent { role } => format!("{role} was not heard"),
        Refusal::StaleInput => "the event is too old".to_owned(),
        Refusal::SuspectInput => "the snapshot is not believed yet".to_owned(),
        Refusal::Unconfirmed { times, needed, since } => {
            format!("asked {times} of {needed} times since {since}")
        }
        Refusal::CoolingDown { until } => format!("cooling down until {until}"),
        Refusal::Vetoed { rule, .. } => format!("vetoed with {rule}"),
        Refusal::NeedsReview { hold } => format!("hold {hold} needs a person's release"),
        Refusal::NeedsApprover => "it takes an approver".to_owned(),
        Refusal::NeedsSecondPerson => "it takes a second person".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = write!(text, ": {more}");
    text
}

#[cfg(test)]
mod tests {
    use proto::command::{Person, Rank};
    use proto::decision::Priority;
    use proto::id::{HoldId, RuleId, RulingHash};
    use proto::proposal::{Ask, Proposal};
    use proto::ruling::Outcome;

    use super::*;
    use crate::testing::{portfolio, ruling, snapshot_event};

    fn command() -> Command {
        Command {
            by: Person { name: "local".to_owned(), rank: Rank::Approver },
            approved_by: None,
            reason: "news".to_owned(),
            order: Order::SetMode { mode: Mode::Paused, duration: None, releases: Vec::new() },
        }
    }

    fn ruled(finding: Option<Finding>) -> Ruling {
        let mut event = snapshot_event(&portfolio("main"), 1);
        event.body = Body::Command(command());
        let mut ruling = ruling(event, 1, RulingHash::default(), Mode::Paused);
        ruling.outcomes = finding
            .map(|result| Outcome {
                proposal: Proposal {
                    author: Author::Manual,
                    rule: RuleId::new("manual.mode"),
                    priority: Priority::High,
                    ask: Ask::Release { hold: HoldId::derive(&["x"]) },
                    facts: Vec::new(),
                },
                result,
            })
            .into_iter()
            .collect();
        ruling
    }

    fn answer(id: &str, finding: Option<Finding>) -> Answer {
        let ruling = ruled(finding);
        let result = of_ruling(&command(), &ruling).unwrap();
        Answer { portfolio: portfolio(id), event_id: ruling.event.id, result }
    }

    #[test]
    fn a_granted_order_names_its_decision_and_what_is_in_effect() {
        let decision = DecisionId::derive(&["d"]);
        let Told::Done(told) = together(&[answer("main", Some(Finding::Decided { decision }))]).unwrap()
        else {
            panic!("not done")
        };
        assert_eq!((&told["success"], &told["unchanged"]), (&json!(true), &json!(false)));
        assert_eq!((&told["decision_id"], &told["mode"]), (&json!(decision), &json!("PAUSED")));
        assert_eq!(told["limits"].as_object().unwrap().len(), 5);
        assert_eq!(told["decisions"][0]["portfolio"], "main");
    }

    #[test]
    fn what_is_so_already_is_a_success_without_a_new_decision() {
        let Told::Done(told) = together(&[answer("main", Some(Finding::Unchanged))]).unwrap() else {
            panic!("not done")
        };
        assert_eq!(
            (&told["success"], &told["unchanged"], &told["decision_id"]),
            (&json!(true), &json!(true), &Value::Null)
        );
    }

    #[test]
    fn one_refusal_is_told_with_its_reason() {
        let hold = HoldId::derive(&["h"]);
        let refusal = Refusal::Held { hold, cause: RuleId::new("supervisor.drawdown") };
        let decision = DecisionId::derive(&["d"]);
        let answers = [
            answer("alpha", Some(Finding::Decided { decision })),
            answer("main", Some(Finding::Refused { refusal })),
        ];
        let problem = together(&answers).unwrap_err();
        assert_eq!(problem.status().as_u16(), 409);
        let text = format!("{problem:?}");
        assert!(text.contains("main: refused (held)") && text.contains(&hold.to_string()), "{text}");
    }

    #[test]
    fn what_is_not_ruled_yet_is_accepted() {
        let pending = Answer { result: Result::Pending, ..answer("main", None) };
        let Told::Accepted(told) = together(std::slice::from_ref(&pending)).unwrap() else {
            panic!("not accepted")
        };
        assert_eq!((&told["success"], &told["event_id"]), (&json!(false), &json!(pending.event_id)));
    }

    #[test]
    fn a_key_of_another_order_is_refused() {
        let mut other = command();
        other.reason = "another".to_owned();
        assert_eq!(of_ruling(&other, &ruled(None)).unwrap_err().status().as_u16(), 422);
    }
}
