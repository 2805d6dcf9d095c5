//! Opinions: whatever a reviewer answers to something that would loosen, the ruling is sound.

use court::Matter;
use proto::case::{Opinion, Verdict, Veto};
use proto::decision::Priority;
use proto::id::{PolicyRevision, Role, RuleId};
use proto::number::Fraction;
use proto::proposal::{Ask, Fact, Proposal};
use proto::ruling::{Finding, Heard, HeardReview, Refusal};
use proto::time::Period;
use proto::value::{Kind, Profile, Value};
use proto::wire::{Message as _, Schema};

use crate::Taken;
use crate::judge::{Case, NOW, calm, read};

pub(crate) fn run(input: &[u8]) -> Taken {
    let Some(opinion) = read::<Opinion>(input) else { return Taken::No };
    if opinion.fits().is_err() {
        return Taken::Yes;
    }
    let (mut case, mut matter) = about_to_loosen();
    let vetoed = opinion.vetoes.iter().any(|veto| veto.kind == Kind::Profile);
    let Opinion { role, policy, vetoes, .. } = opinion;
    let by_reviewer = role == Role::SUPERVISOR;
    matter.hearing.review = Some(HeardReview::Opinion { role, policy, vetoes });
    let ruling = case.rule(matter);
    let loosened = ruling.after.effective.profile < ruling.before.effective.profile;
    if by_reviewer && vetoed {
        assert!(!loosened, "a veto was passed over: {ruling:?}");
        let said = ruling
            .outcomes
            .iter()
            .any(|outcome| matches!(outcome.result, Finding::Refused { refusal: Refusal::Vetoed { .. } }));
        assert!(said, "a veto shows nowhere: {ruling:?}");
    }
    Taken::Yes
}

/// A portfolio whose CEO asked for a looser profile often and long enough.
fn about_to_loosen() -> (Case, Matter) {
    let mut case = Case::begin();
    for minutes in [0, 1] {
        let matter = asked(&case, minutes);
        case.rule(matter);
    }
    let matter = asked(&case, 2);
    assert!(!case.for_review(&matter).is_empty(), "nothing would loosen");
    (case, matter)
}

fn asked(case: &Case, minutes: i64) -> Matter {
    let proposal = Proposal {
        author: Role::CEO.into(),
        rule: RuleId::new("ceo.upgrade"),
        priority: Priority::High,
        ask: Ask::Set { value: Value::Profile(Profile::Normal), duration: None },
        facts: vec![Fact::seen("profit_days", 5_u32)],
    };
    let verdict = Verdict { proposals: vec![proposal], memory: serde_json::Value::Null, wake_at: None };
    let heard = Heard::Verdict { policy: PolicyRevision::of("seed"), verdict };
    case.matter(calm(NOW.after(Period::from_mins(minutes))), [(Role::CEO, heard)])
}

/// A veto of each value, and none.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let veto = |kind| Veto {
        kind,
        rule: RuleId::new("supervisor.veto-drawdown"),
        facts: Fact::above("drawdown_pct", Fraction::lit(0.06), Fraction::lit(0.05)).into_iter().collect(),
    };
    let opinion = |vetoes| Opinion {
        schema: Schema::Verdict,
        role: Role::SUPERVISOR,
        policy: PolicyRevision::of("seed"),
        vetoes,
    };
    let all = Kind::ALL.map(veto);
    let single = all.iter().map(|veto| opinion(vec![veto.clone()]));
    let opinions = single.chain([opinion(Vec::new()), opinion(all.to_vec())]);
    opinions.filter_map(|opinion| opinion.to_bytes().ok()).collect()
}
