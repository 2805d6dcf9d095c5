//! Cases and reviews: whatever a role is asked, it answers each on its own, and its answer can be read.

use ceo::Ceo;
use cfo::Cfo;
use cio::Cio;
use cro::Cro;
use proto::case::{Answer, Cases, Executive, Opinion, ReviewCase, Verdicts};
use proto::id::PolicyRevision;
use proto::policy::Policy as _;
use proto::wire::{Message as _, Schema};
use replay::{Model, Policies, Synthetic};
use researcher::Researcher;
use supervisor::Supervisor;

use crate::Taken;
use crate::judge::{read, same_again};

/// How many cases of one message are tried.
const CASES: usize = 4;
/// How many made-up events the seeds come from.
const TOLD: usize = 40;

pub(crate) fn run(input: &[u8]) -> Taken {
    if let Some(cases) = read::<Cases>(input) {
        ask_all(&cases);
        return Taken::Yes;
    }
    let Some(case) = read::<ReviewCase>(input) else { return Taken::No };
    review::<Supervisor>(&case);
    Taken::Yes
}

fn ask_all(cases: &Cases) {
    ask::<Supervisor>(cases);
    ask::<Cro>(cases);
    ask::<Ceo>(cases);
    ask::<Cio>(cases);
    ask::<Cfo>(cases);
    ask::<Researcher>(cases);
}

/// What the service of this role does with a request, but for the spans: a panic is not caught here.
fn ask<E: Executive>(cases: &Cases) {
    let policy = E::Policy::default();
    assert!(policy.mistakes().is_empty());
    let answers = cases.cases.iter().take(CASES).map(|case| match case.clone().typed::<E::Memory>() {
        Ok(case) => {
            let verdict = E::evaluate(&policy, &case);
            let again = E::evaluate(&policy, &case);
            assert_eq!(verdict.proposals, again.proposals, "the same case gives the same verdict");
            Answer::Verdict(verdict.untyped().expect("a memory has a JSON form"))
        }
        Err(why) => Answer::Failed(why.to_string()),
    });
    let verdicts = Verdicts {
        schema: Schema::Verdict,
        role: E::ROLE,
        policy: PolicyRevision::of("fuzz"),
        answers: answers.collect(),
    };
    same_again(&verdicts);
}

fn review<E: Executive>(case: &ReviewCase) {
    if let Ok(case) = case.clone().typed::<E::Memory>() {
        let vetoes = E::review(&E::Policy::default(), &case);
        let policy = PolicyRevision::of("fuzz");
        same_again(&Opinion { schema: Schema::Verdict, role: E::ROLE, policy, vetoes });
    }
}

/// The cases of a made-up day's first minutes, each role with what it remembers by then.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut model = Model::new(Policies::defaults().expect("the defaults have no mistakes"));
    for event in Synthetic::new(7, 1).expect("a portfolio's name").take(TOLD) {
        let last = model.tell(event).expect("a JSON form").pop();
        seeds.extend(last.into_iter().flat_map(|ruling| cases_of(&ruling)));
    }
    // The last of them remember the most.
    seeds.split_off(seeds.len().saturating_sub(18))
}

fn cases_of(ruling: &proto::ruling::Ruling) -> Vec<Vec<u8>> {
    let (event, before, base) = (&ruling.event, &ruling.before, &ruling.terms.base);
    let heard = ruling.hearing.roles.keys();
    let cases = heard.filter_map(|role| {
        let cases = vec![proto::case::Case::of(role, event, before, base)];
        Cases { schema: Schema::Case, cases }.to_bytes().ok()
    });
    let proposals = ruling.outcomes.iter().map(|outcome| outcome.proposal.clone()).collect();
    let review = ReviewCase::of(&Supervisor::ROLE, event, before, &ruling.hearing, proposals);
    cases.chain(review.to_bytes().ok()).collect()
}
