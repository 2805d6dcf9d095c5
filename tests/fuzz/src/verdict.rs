//! Verdicts: whatever a role answers, the court's rulings on it are sound.

use proto::case::{Answer, Verdict, Verdicts};
use proto::decision::{Priority, ResearchTask, Severity};
use proto::id::{PolicyRevision, Role, RuleId};
use proto::number::Fraction;
use proto::proposal::{Ask, Bound, Fact, Proposal};
use proto::ruling::Heard;
use proto::time::Period;
use proto::value::{Mode, Profile, Value};
use proto::wire::{Message as _, Schema};

use crate::Taken;
use crate::judge::{Case, NOW, calm, read, terms};

/// How many answers of one message are tried.
const ANSWERS: usize = 4;
/// When the same is said again, so that it is confirmed, then runs out.
const AFTER: [Period; 5] = [
    Period::ZERO,
    Period::from_secs(5),
    Period::from_secs(61),
    Period::from_secs(122),
    Period::from_hours(25),
];

pub(crate) fn run(input: &[u8]) -> Taken {
    let Some(verdicts) = read::<Verdicts>(input) else { return Taken::No };
    for answer in verdicts.answers.iter().take(ANSWERS) {
        match answer {
            Answer::Verdict(verdict) => rule_on(&verdicts.role, &verdicts.policy, verdict),
            Answer::Failed(why) => assert!(why.len() <= input.len()),
        }
    }
    Taken::Yes
}

fn rule_on(role: &Role, policy: &PolicyRevision, verdict: &Verdict) {
    // What does not fit is no answer: the arbiter counts the role as absent.
    if let Err(unfit) = verdict.fits() {
        assert!(!unfit.to_string().is_empty());
        return;
    }
    let mut case = Case::begin();
    for after in AFTER {
        let heard = Heard::Verdict { policy: policy.clone(), verdict: verdict.clone() };
        let event = calm(NOW.after(after));
        let matter = case.matter(event, [(role.clone(), heard)]);
        case.rule_unvetoed(matter);
    }
}

/// One message with every kind of thing that can be asked, by each of the six.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    Role::ALL.into_iter().filter_map(|role| everything(role).to_bytes().ok()).collect()
}

fn everything(role: Role) -> Verdicts {
    let asks = values().map(|value| Ask::Set { value, duration: None }).chain(others(&role));
    let proposals = asks.map(|ask| proposal(&role, ask)).collect();
    let wake_at = Some(NOW.after(Period::from_mins(1)));
    let verdict = Verdict { proposals, memory: serde_json::json!({"seen": [1, {"deep": 0.5}]}), wake_at };
    let answers = vec![Answer::Verdict(verdict), Answer::Failed("memory cannot be read".to_owned())];
    Verdicts { schema: Schema::Verdict, policy: PolicyRevision::of("seed"), role, answers }
}

fn values() -> impl Iterator<Item = Value> {
    let base = terms().base;
    let looser = [Value::Profile(Profile::Normal), Value::Mode(Mode::Paused), Value::Profile(Profile::Micro)];
    proto::value::Kind::ALL.into_iter().map(move |kind| base.get(kind)).chain(looser)
}

fn others(role: &Role) -> impl Iterator<Item = Ask> {
    let rule = RuleId::from(format!("{role}.seed"));
    let freeze = Ask::Freeze {
        duration: Some(Period::from_mins(120)),
        severity: Severity::Critical,
        affected_subsystems: ["trading", "risk"].into(),
        requires_manual_review: true,
    };
    let task = ResearchTask {
        task_type: "risk_analysis".to_owned(),
        description: "Look into it.".to_owned(),
        priority: Priority::High,
        estimated_duration_hours: 4,
        expected_impact: "Less of it.".to_owned(),
        model_name: Some("xgboost".to_owned()),
    };
    [
        Ask::Set { value: Value::Mode(Mode::Paused), duration: Some(Period::from_mins(30)) },
        freeze,
        Ask::Hold { bound: Bound::Loosening },
        Ask::Hold { bound: Bound::Value { at: Value::Profile(Profile::Low) } },
        Ask::Clear { cause: rule, kind: None },
        Ask::Research { task: task.into() },
    ]
    .into_iter()
}

fn proposal(role: &Role, ask: Ask) -> Proposal {
    let facts = Fact::above("drawdown_pct", Fraction::lit(0.12), Fraction::lit(0.1)).into_iter().collect();
    let rule = RuleId::from(format!("{role}.seed"));
    Proposal { author: role.clone().into(), rule, priority: Priority::High, ask, facts }
}
