//! Tells what happened, for people: every decision with its reason, every refusal, every hold that came or went.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proto::decision::{Decision, Payload};
use proto::event::EventKind;
use proto::hold::Hold;
use proto::id::{DecisionId, HoldId, RuleId};
use proto::proposal::Bound;
use proto::ruling::{Finding, Heard, HeardReview, Outcome, Refusal, Ruling};
use proto::testing::MONDAY;
use proto::time::Time;

use crate::play::Played;
use crate::script::Script;

/// Ids as the story names them: decisions by number, holds by cause.
#[derive(Default)]
struct Names {
    decisions: BTreeMap<DecisionId, usize>,
    holds: BTreeMap<HoldId, RuleId>,
}

/// The whole story of a script.
pub(crate) fn story(script: &Script, played: &[Played]) -> String {
    let mut names = Names::default();
    let mut story = String::new();
    for (step, played) in script.steps.iter().zip(played) {
        let _ = writeln!(story, "{}", step.text);
        let mut told: Vec<(EventKind, String, String, usize)> = Vec::new();
        for ruling in &played.rulings {
            let (kind, body) = (ruling.event.kind(), names.ruling(ruling));
            // What says the same as the last of its kind is counted, not told again.
            match told.iter_mut().rev().find(|(of, ..)| *of == kind) {
                Some((_, _, last, more)) if *last == body => *more += 1,
                Some(_) | None => told.push((kind, heading(ruling), body, 0)),
            }
        }
        for (_, heading, body, more) in told {
            let repeated = if more > 0 { format!(" and {more} more alike") } else { String::new() };
            let _ = writeln!(story, "  {heading}{repeated}");
            story.push_str(&body);
        }
    }
    story
}

fn heading(ruling: &Ruling) -> String {
    let what = match ruling.event.kind() {
        EventKind::Snapshot => "snapshot",
        EventKind::Health => "health",
        EventKind::Model => "model",
        EventKind::Receipt => "receipt",
        EventKind::ClockDue => "clock",
        EventKind::Command => "command",
    };
    format!("{} {what}", clock(ruling.event.at))
}

/// A decision in one line, for messages.
pub(crate) fn plain(decision: &Decision) -> String {
    let what = decision.decision_type();
    format!("{what} {} {} at {}", decision.rule, payload(decision), clock(decision.timestamp))
}

fn clock(at: Time) -> String {
    let day = at.day().0 - MONDAY.day().0 + 1;
    let text = at.to_string();
    let time = text.get(11..23).unwrap_or(&text).trim_end_matches(".000");
    format!("day {day} {time}")
}

fn payload(decision: &Decision) -> String {
    let value = serde_json::to_value(&decision.payload).unwrap();
    let mut fields = value["payload"].as_object().unwrap().clone();
    // Told beside it: ids by their names, the reason in the decision's own.
    for told in ["lifts", "overridden_decision_id", "reason"] {
        fields.remove(told);
    }
    serde_json::Value::Object(fields).to_string()
}

impl Names {
    fn ruling(&mut self, ruling: &Ruling) -> String {
        let mut body = String::new();
        let mut line = |text: String| {
            let _ = writeln!(body, "    {text}");
        };
        for (role, heard) in &ruling.hearing.roles {
            if let Heard::Absent { why } = heard {
                line(format!("{role} is absent: {why:?}"));
            }
        }
        if let Some(HeardReview::Absent { role, why }) = &ruling.hearing.review {
            line(format!("{role} does not review: {why:?}"));
        }
        for decision in &ruling.decisions {
            for told in self.decision(decision) {
                line(told);
            }
        }
        self.holds.extend(ruling.after.holds.iter().map(|(id, hold)| (*id, hold.cause.clone())));
        for outcome in &ruling.outcomes {
            if let Some(told) = self.refused(outcome) {
                line(told);
            }
        }
        for hold in ruling.after.holds.values() {
            if let Some(told) = came(ruling.before.holds.get(&hold.id), hold) {
                line(told);
            }
        }
        for hold in ruling.before.holds.values().filter(|hold| !ruling.after.holds.contains_key(&hold.id)) {
            line(format!("hold of {} ends", hold.cause));
        }
        body
    }

    fn decision(&mut self, decision: &Decision) -> Vec<String> {
        let number = self.decisions.len() + 1;
        self.decisions.insert(decision.decision_id, number);
        let what = decision.decision_type();
        let lifts = self.lifts(&decision.payload);
        let priority = u8::from(decision.priority);
        vec![
            format!(
                "#{number} {what} by {}, priority {priority}: {}{lifts}",
                decision.role_source,
                payload(decision)
            ),
            format!("   because {}", decision.reason),
        ]
    }

    fn lifts(&self, payload: &Payload) -> String {
        let Payload::ModeChange { lifts, .. } = payload else { return String::new() };
        let names: Vec<String> = lifts.iter().map(|id| self.decision_name(id)).collect();
        if names.is_empty() { String::new() } else { format!(" lifts {}", names.join(", ")) }
    }

    fn decision_name(&self, id: &DecisionId) -> String {
        self.decisions.get(id).map_or_else(|| "an unknown decision".to_owned(), |number| format!("#{number}"))
    }

    fn hold_name(&self, id: &HoldId) -> String {
        self.holds.get(id).map_or_else(|| "an unknown hold".to_owned(), ToString::to_string)
    }

    fn refused(&self, outcome: &Outcome) -> Option<String> {
        let Finding::Refused { refusal } = &outcome.result else { return None };
        let details = match refusal {
            Refusal::Invalid { detail } => format!(": {detail}"),
            Refusal::Outranked { by, rule } | Refusal::SeniorTightens { by, rule } => {
                format!(" ({by}, {rule})")
            }
            Refusal::Held { hold, .. } | Refusal::ManualHold { hold } | Refusal::NeedsReview { hold } => {
                format!(" ({})", self.hold_name(hold))
            }
            Refusal::GuardianAbsent { role } => format!(" ({role})"),
            Refusal::Unconfirmed { times, needed, since } => {
                format!(" ({times} of {needed} since {})", clock(*since))
            }
            Refusal::CoolingDown { until } => format!(" (until {})", clock(*until)),
            Refusal::Vetoed { rule, decision } => format!(" ({rule}, {})", self.decision_name(decision)),
            Refusal::StaleInput
            | Refusal::SuspectInput
            | Refusal::NeedsApprover
            | Refusal::NeedsSecondPerson => String::new(),
        };
        Some(format!("refused {}: {}{details}", outcome.proposal.rule, refusal.as_str()))
    }
}

/// A hold that was placed, or that stands otherwise than before.
fn came(before: Option<&Hold>, hold: &Hold) -> Option<String> {
    let until =
        hold.until.map_or_else(|| "until released".to_owned(), |until| format!("until {}", clock(until)));
    let bounds = match &hold.bound {
        Bound::Freeze { severity, affected_subsystems } => {
            format!("freeze {severity:?} of {}", affected_subsystems.iter().collect::<Vec<_>>().join(" "))
        }
        Bound::Loosening => "no loosening".to_owned(),
        Bound::Value { at } => {
            format!("{} no looser than {}", at.kind(), serde_json::to_value(at).unwrap()["value"])
        }
    };
    let review = if hold.requires_manual_review { ", to be reviewed" } else { "" };
    match before {
        None => Some(format!("hold of {} comes: {bounds}, {until}{review}", hold.cause)),
        Some(before) if before.until != hold.until || before.bound != hold.bound => {
            Some(format!("hold of {} goes on: {bounds}, {until}{review}", hold.cause))
        }
        Some(_) => None,
    }
}
