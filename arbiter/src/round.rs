//! A round: everybody with interest in an event is heard, and the court rules.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::anyhow;
use court::Matter;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mesh::crash::{self, Step};
use mesh::planted::{self, Bug};
use mesh::roster::Roster;
use proto::case::{Case, ReviewCase, Verdict};
use proto::decision::DecisionType;
use proto::event::Event;
use proto::id::{Role, RulingHash};
use proto::ledger::Ledger;
use proto::proposal::{Ask, Proposal};
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
use proto::terms::{Seat, Terms};

use crate::args::RoundArgs;
use crate::bench::Bench;
use crate::metrics::Metrics;

/// What a round needs besides the event.
#[derive(Clone)]
pub(crate) struct Court {
    pub(crate) bench: Bench,
    pub(crate) roster: Roster,
    pub(crate) args: RoundArgs,
    pub(crate) metrics: Metrics,
}

impl Court {
    /// Hears the roles on an event and rules it.
    pub(crate) async fn hold(
        &self,
        terms: &Terms,
        event: &Event,
        before: &Ledger,
        position: Position,
        previous: RulingHash,
    ) -> anyhow::Result<Ruling> {
        let roles = self.hear(terms, event, before).await;
        crash::at(Step::RolesHeard);
        let hearing = Hearing { roles, review: None };
        let mut matter = Matter { position, previous, event: event.clone(), before: before.clone(), hearing };
        matter.hearing.review = self.review(terms, &matter).await?;
        let span = tracing::info_span!("rule", portfolio = %event.portfolio);
        span.in_scope(|| guarded(|| court::rule(terms, matter)))
    }

    /// Asks everybody with interest, side by side. Once trading is frozen the round closes early.
    async fn hear(&self, terms: &Terms, event: &Event, before: &Ledger) -> BTreeMap<Role, Heard> {
        let mut heard = BTreeMap::new();
        let roster = self.roster.roles();
        let mut asked = FuturesUnordered::new();
        for (role, seat) in &terms.seats {
            if !seat.interests.contains(event.kind()) {
                continue;
            }
            if roster.is_enabled(role) {
                heard.insert(role.clone(), Heard::Absent { why: Absence::Timeout });
                asked.push(self.ask(role, seat, Case::of(role, event, before, &terms.base)));
            } else {
                heard.insert(role.clone(), Heard::Absent { why: Absence::Disabled });
            }
        }
        let mut closes: Option<tokio::time::Instant> = None;
        loop {
            let answer = match closes {
                None => asked.next().await,
                Some(at) => tokio::time::timeout_at(at, asked.next()).await.unwrap_or(None),
            };
            let Some((role, seat, answer)) = answer else { break };
            if closes.is_none() && freezes(seat, &answer) {
                closes = Some(tokio::time::Instant::now() + self.args.freeze_close());
            }
            let answer = if planted::is(Bug::AbsenceIsConsent) {
                consent(terms, role, before, answer)
            } else {
                answer
            };
            heard.insert(role.clone(), answer);
        }
        heard.iter().for_each(|(role, heard)| self.metrics.answered(role.as_str(), heard));
        heard
    }

    async fn ask<'a>(&self, role: &'a Role, seat: &'a Seat, case: Case) -> (&'a Role, &'a Seat, Heard) {
        let asked = Instant::now();
        let heard = match self.bench.ask(role, &case).await {
            Ok((policy, verdict)) => Heard::Verdict { policy, verdict },
            Err(why) => Heard::Absent { why },
        };
        self.metrics.took(role.as_str(), asked.elapsed().as_secs_f64());
        (role, seat, heard)
    }

    /// Asks the reviewer about what would still loosen; nobody is asked when nothing would.
    async fn review(&self, terms: &Terms, matter: &Matter) -> anyhow::Result<Option<HeardReview>> {
        let proposals = guarded(|| court::for_review(terms, matter))?;
        let reviewer = terms.seats.iter().find(|(_, seat)| seat.reviews);
        match reviewer {
            Some((role, _)) if !proposals.is_empty() => {
                let opinion = self.opinion(role, matter, proposals).await;
                crash::at(Step::ReviewHeard);
                Ok(Some(opinion))
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn opinion(&self, role: &Role, matter: &Matter, proposals: Vec<Proposal>) -> HeardReview {
        let absent = |why| HeardReview::Absent { role: role.clone(), why };
        if !self.roster.roles().is_enabled(role) {
            return absent(Absence::Disabled);
        }
        let case = ReviewCase::of(role, &matter.event, &matter.before, &matter.hearing, proposals);
        match self.bench.review(role, &case).await {
            Ok(opinion) => {
                HeardReview::Opinion { role: opinion.role, policy: opinion.policy, vetoes: opinion.vetoes }
            }
            Err(why) => absent(why),
        }
    }
}

/// The court does not panic; where it did, one portfolio would halt and not the others with it.
fn guarded<R>(ruling: impl FnOnce() -> R) -> anyhow::Result<R> {
    catch_unwind(AssertUnwindSafe(ruling)).map_err(|_| anyhow!("the court panicked on this event"))
}

/// What a role is taken to have said that said nothing: see [`Bug::AbsenceIsConsent`].
fn consent(terms: &Terms, role: &Role, before: &Ledger, heard: Heard) -> Heard {
    match heard {
        Heard::Absent { .. } => {
            let memory = before.memories.get(role).cloned().unwrap_or_default();
            let verdict = Verdict { proposals: Vec::new(), memory, wake_at: None };
            Heard::Verdict { policy: terms.policy.clone(), verdict }
        }
        Heard::Verdict { .. } => heard,
    }
}

/// Whether a role that may freeze asks for it.
fn freezes(seat: &Seat, heard: &Heard) -> bool {
    let Heard::Verdict { verdict, .. } = heard else { return false };
    seat.authority.contains(DecisionType::Freeze)
        && verdict.proposals.iter().any(|proposal| matches!(proposal.ask, Ask::Freeze { .. }))
}
