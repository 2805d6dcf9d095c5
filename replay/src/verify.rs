//! Verification: rulings are checked as they were stored, one after another, against all that they have to obey.

use std::collections::{BTreeMap, BTreeSet};

use court::{Breach, Matter};
use proto::case::{Brief, ReviewCase, Statement, Verdict, Veto};
use proto::chain::Chain;
use proto::event::Source;
use proto::id::{EventId, PortfolioId, Role, RulingHash, Version};
use proto::ledger::Ledger;
use proto::ruling::{Heard, HeardReview, Ruling};
use proto::wire::{Message as _, ReadError};

use crate::policy::{Book, Policies};

/// Checks rulings in the order of the log, every portfolio from its first ruling on.
#[derive(Debug)]
pub struct Verifier {
    policies: Policies,
    portfolios: BTreeMap<PortfolioId, End>,
    trimmed: bool,
    verified: Verified,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Rulings that count, all sound.
    pub rulings: u64,
    /// Rulings that came after another of their version had counted: void, as law 4 says, and not looked at further.
    pub void: u64,
    /// Verdicts and reviews that the roles gave again, word by word.
    pub recomputed: u64,
    /// Verdicts and reviews under another policy than the one at hand: nobody could ask again.
    pub other_policy: u64,
    /// Portfolios whose first ruling is not in the log: the state that they begin with was taken on trust.
    pub trusted: u64,
}

/// A ruling that is not sound, and the first law that it breaks.
#[derive(Debug, thiserror::Error)]
#[error("ruling {version} of {portfolio} breaks {flaw}")]
pub struct Unsound {
    /// Whose ruling it is.
    pub portfolio: PortfolioId,
    /// Its number.
    pub version: Version,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// Why a stored line does not pass.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It is no ruling.
    #[error("this is no ruling: {0}")]
    Unreadable(#[from] ReadError),
    /// It is a ruling that is not sound.
    #[error(transparent)]
    Unsound(Box<Unsound>),
}

/// The law that a ruling breaks.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It does not follow from the ruling before it.
    #[error(
        "law 4: it does not follow ruling {after}, the last that counts; its version or previous hash is wrong"
    )]
    Unchained {
        /// The last ruling that counts.
        after: Version,
    },
    /// It was stored otherwise than it is written.
    #[error("P5: the stored bytes are not the ones that this ruling is written as")]
    OtherBytes,
    /// It begins from another state than the ruling before it ended with.
    #[error("law 7: it does not begin with the state that the ruling before it ended with")]
    OtherState,
    /// Its event was ruled before.
    #[error("P6: its event was ruled before")]
    Twice,
    /// Recomputed from itself it is not sound.
    #[error(transparent)]
    Breach(#[from] Breach),
    /// Its terms are not those of the policy that it names.
    #[error("law 1: its terms are not those of policy {0}, which it names", .policy)]
    OtherTerms {
        /// The policy.
        policy: String,
    },
    /// A role gives another verdict on the same case.
    #[error("law 1: on the same case and policy {role} says something else: {said}")]
    OtherVerdict {
        /// The role.
        role: Role,
        /// What it says.
        said: String,
    },
}

/// Where a portfolio ends so far.
#[derive(Debug)]
struct End {
    chain: Chain,
    ledger: Ledger,
    /// Every command and timer that was ruled: a ledger remembers the latest only.
    ruled: BTreeSet<EventId>,
}

impl Verifier {
    /// A verifier that asks roles again under this policy, where a ruling names it.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self { policies, portfolios: BTreeMap::new(), trimmed: false, verified: Verified::default() }
    }

    /// The log may have lost its oldest rulings: each portfolio is checked from the oldest that is there, and the state
    /// that it begins with is taken on trust.
    #[must_use]
    pub fn trimmed(self) -> Self {
        Self { trimmed: true, ..self }
    }

    /// What was checked so far.
    #[must_use]
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// Checks the next ruling of the log, as its bytes are stored.
    ///
    /// # Errors
    /// It is no ruling, or the first law that it breaks.
    pub fn check(&mut self, stored: &[u8]) -> Result<(), Rejected> {
        let ruling = Ruling::from_bytes(stored)?;
        self.sound(&ruling, stored).map_err(|flaw| {
            let (portfolio, version) = (ruling.portfolio.clone(), ruling.version);
            Rejected::Unsound(Box::new(Unsound { portfolio, version, flaw }))
        })
    }

    fn sound(&mut self, ruling: &Ruling, stored: &[u8]) -> Result<(), Flaw> {
        let end = self.portfolios.get(&ruling.portfolio);
        let on_trust = self.trimmed && end.is_none() && ruling.version > Version(1);
        let mut chain = match end {
            Some(end) => end.chain,
            None if on_trust => Chain { version: Version(ruling.version.0 - 1), hash: ruling.previous },
            None => Chain::default(),
        };
        let after = chain.version;
        if (Version(1)..=after).contains(&ruling.version) {
            self.verified.void += 1;
            return Ok(());
        }
        if !chain.fold(ruling.version, ruling.previous, RulingHash::of(stored)) {
            return Err(Flaw::Unchained { after });
        }
        if ruling.to_bytes().ok().as_deref() != Some(stored) {
            return Err(Flaw::OtherBytes);
        }
        let begins_well = match end {
            Some(end) => ruling.before == end.ledger,
            None if on_trust => true,
            None => ruling.before == court::genesis(&ruling.terms, ruling.portfolio.clone()),
        };
        if !begins_well {
            return Err(Flaw::OtherState);
        }
        let is_known = end.is_some_and(|end| end.ruled.contains(&ruling.event.id));
        if is_known || court::already_ruled(&ruling.before, &ruling.event) {
            return Err(Flaw::Twice);
        }
        court::audit(ruling)?;
        self.heard_right(ruling)?;
        self.verified.rulings += 1;
        self.verified.trusted += u64::from(on_trust);
        let mut ruled = self.portfolios.remove(&ruling.portfolio).map(|end| end.ruled).unwrap_or_default();
        if !matches!(ruling.event.source, Source::Redis { .. }) {
            ruled.insert(ruling.event.id);
        }
        self.portfolios.insert(ruling.portfolio.clone(), End { chain, ledger: ruling.after.clone(), ruled });
        Ok(())
    }

    /// Asks every role again that was heard under the policy at hand.
    fn heard_right(&mut self, ruling: &Ruling) -> Result<(), Flaw> {
        let (policies, verified) = (&self.policies, &mut self.verified);
        let book = policies.of(&ruling.portfolio);
        if ruling.terms.policy == *policies.revision() && ruling.terms != book.terms {
            return Err(Flaw::OtherTerms { policy: ruling.terms.policy.to_string() });
        }
        let mut same = |policy| {
            let same = policy == policies.revision();
            verified.recomputed += u64::from(same);
            verified.other_policy += u64::from(!same);
            same
        };
        for (role, heard) in &ruling.hearing.roles {
            match heard {
                Heard::Verdict { policy, verdict } if same(policy) => {
                    agrees(role, verdict, evaluate_again(book, role, ruling))?;
                }
                Heard::Verdict { .. } | Heard::Absent { .. } => {}
            }
        }
        match &ruling.hearing.review {
            Some(HeardReview::Opinion { role, policy, vetoes }) if same(policy) => {
                agrees(role, vetoes, review_again(book, role, ruling))
            }
            Some(HeardReview::Opinion { .. } | HeardReview::Absent { .. }) | None => Ok(()),
        }
    }
}

fn evaluate_again(book: &Book, role: &Role, ruling: &Ruling) -> Option<Result<Verdict, serde_json::Error>> {
    let mut desk = book.staff.get(role)?.desk();
    let brief = Brief { event: &ruling.event, ledger: &ruling.before, base: &ruling.terms.base };
    let mut evaluate = || {
        desk.recall(ruling.before.memories.get(role))?;
        let mut said = Statement::default();
        desk.hear(brief, &mut said);
        let Statement { proposals, wake_at } = said;
        Ok(Verdict { proposals, memory: desk.memory()?, wake_at })
    };
    Some(evaluate())
}

fn review_again(book: &Book, role: &Role, ruling: &Ruling) -> Option<Result<Vec<Veto>, serde_json::Error>> {
    let mut matter = Matter::from(ruling);
    matter.hearing.review = None;
    let proposals = court::for_review(&ruling.terms, &matter);
    let ReviewCase { memory, event, ledger, proposals, .. } =
        ReviewCase::of(role, &matter.event, &matter.before, &matter.hearing, proposals);
    let mut desk = book.staff.get(role)?.desk();
    Some(desk.recall(memory.as_ref()).map(|()| desk.object(&event, &ledger, &proposals)))
}

fn agrees<T: PartialEq + serde::Serialize>(
    role: &Role,
    heard: &T,
    again: Option<Result<T, serde_json::Error>>,
) -> Result<(), Flaw> {
    let said = match again {
        Some(Ok(said)) if said == *heard => return Ok(()),
        Some(Ok(said)) => serde_json::to_string(&said).unwrap_or_else(|error| error.to_string()),
        Some(Err(error)) => format!("nothing, because {error}"),
        None => "nothing, because nobody knows this role".to_owned(),
    };
    Err(Flaw::OtherVerdict { role: role.clone(), said })
}

#[cfg(test)]
mod tests;
