//! What the mesh wrote is what the pure core says: every event ruled once, every verdict and ruling recomputed, byte for
//! byte, and every decision told to the backend once and in order.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use court::Matter;
use proto::case::{Case, Executive, ReviewCase};
use proto::chain::Chain;
use proto::event::Event;
use proto::id::{DecisionId, EventId, PortfolioId, Role, RulingHash};
use proto::policy::Policy;
use proto::ruling::{Heard, HeardReview, Ruling};
use proto::wire::{Message, Schema};

use crate::support::{World, wait_for};

/// Checks everything that this mesh wrote so far; `policy` is the file that it went by.
pub(crate) async fn check(world: &World, policy: Option<&Path>) -> Result<()> {
    let jetstream = world.jetstream().await?;
    let text = policy.map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    // The last event may still be on its way to its ruling, and the last decision to Redis.
    let settled = wait_for("a ruling for every event", || async {
        let read = Read::of(&jetstream).await?;
        Ok(read.open().is_empty().then_some(read.rulings))
    });
    let rulings = match settled.await {
        Ok(rulings) => rulings,
        Err(late) => return Err(late.context(Read::of(&jetstream).await?.open().join("; "))),
    };
    let mut before = BTreeMap::new();
    for (ruling, bytes) in &rulings {
        one_ruling(ruling, bytes, &text, &mut before)
            .with_context(|| format!("ruling {} of {}", ruling.version, ruling.portfolio))?;
    }
    told_once_and_in_order(world, &rulings).await
}

/// What the mesh was told and what it ruled, at one time.
struct Read {
    /// Each event, and where it was stored first.
    events: BTreeMap<EventId, u64>,
    /// The rulings on what was stored by then: timers go on, so that there may always be younger events.
    ruled: Vec<EventId>,
    rulings: Vec<(Ruling, Vec<u8>)>,
}

impl Read {
    async fn of(jetstream: &async_nats::jetstream::Context) -> Result<Self> {
        let mut events = BTreeMap::new();
        let mut last = 0;
        for (sequence, bytes) in messages(&jetstream.get_stream("EVENTS").await?).await? {
            last = sequence;
            events.entry(Event::from_bytes(&bytes)?.id).or_insert(sequence);
        }
        let rulings = counted(messages(&jetstream.get_stream("RULINGS").await?).await?)?;
        let read = rulings.iter().filter(|(ruling, _)| ruling.position.sequence.0 <= last);
        let ruled = read.map(|(ruling, _)| ruling.event.id).collect();
        Ok(Self { events, ruled, rulings })
    }

    /// What does not match yet: each event is ruled once, and nothing else is.
    fn open(&self) -> Vec<String> {
        let times = |id: &EventId| self.ruled.iter().filter(|ruled| *ruled == id).count();
        let events = self.events.iter().map(|(id, sequence)| (id, sequence, times(id)));
        let wrong = events.filter(|(_, _, times)| *times != 1);
        let wrong =
            wrong.map(|(id, sequence, times)| format!("event {sequence} {id} is ruled {times} times"));
        let unknown = self.ruled.iter().filter(|id| !self.events.contains_key(id));
        wrong.chain(unknown.map(|id| format!("a ruling is on {id}, which is no event"))).collect()
    }
}

/// Every message of a stream, in order.
pub(crate) async fn messages(stream: &Stream) -> Result<Vec<(u64, Vec<u8>)>> {
    let state = stream.get_info().await?.state;
    let mut messages = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        match stream.get_raw_message(sequence).await {
            Ok(message) => messages.push((sequence, message.payload.to_vec())),
            // Copies of a stream leave a number out when their leader changes; whether something is missing is for the caller.
            Err(failed) if failed.kind() == RawMessageErrorKind::NoMessageFound => {}
            Err(failed) => return Err(failed.into()),
        }
    }
    Ok(messages)
}

/// The rulings that count, by the fold.
pub(crate) fn counted(messages: Vec<(u64, Vec<u8>)>) -> Result<Vec<(Ruling, Vec<u8>)>> {
    let mut chains: BTreeMap<PortfolioId, Chain> = BTreeMap::new();
    let mut rulings = Vec::new();
    for (_, bytes) in messages {
        let ruling = Ruling::from_bytes(&bytes)?;
        let chain = chains.entry(ruling.portfolio.clone()).or_default();
        if chain.fold(ruling.version, ruling.previous, RulingHash::of(&bytes)) {
            rulings.push((ruling, bytes));
        }
    }
    Ok(rulings)
}

fn one_ruling(
    ruling: &Ruling,
    bytes: &[u8],
    policy: &str,
    ledgers: &mut BTreeMap<PortfolioId, proto::ledger::Ledger>,
) -> Result<()> {
    court::audit(ruling)?;
    let expected = ledgers
        .remove(&ruling.portfolio)
        .unwrap_or_else(|| court::genesis(&ruling.terms, ruling.portfolio.clone()));
    ensure!(ruling.before == expected, "it does not start from where the one before ended");
    for (role, heard) in &ruling.hearing.roles {
        if let Heard::Verdict { verdict, .. } = heard {
            let said = evaluated(role, policy, ruling)?;
            ensure!(serde_json::to_value(verdict)? == said, "{role} would have said {said}");
        }
    }
    if let Some(HeardReview::Opinion { vetoes, .. }) = &ruling.hearing.review {
        let said = reviewed::<supervisor::Supervisor>(policy, ruling)?;
        ensure!(serde_json::to_value(vetoes)? == said, "the supervisor would have said {said}");
    }
    let again = court::rule(&ruling.terms, Matter::from(ruling));
    ensure!(again.to_bytes()? == bytes, "the court would have written other bytes");
    ledgers.insert(ruling.portfolio.clone(), ruling.after.clone());
    Ok(())
}

fn evaluated(role: &Role, policy: &str, ruling: &Ruling) -> Result<serde_json::Value> {
    match role.as_str() {
        "supervisor" => verdict::<supervisor::Supervisor>(policy, ruling),
        "cro" => verdict::<cro::Cro>(policy, ruling),
        "ceo" => verdict::<ceo::Ceo>(policy, ruling),
        "cio" => verdict::<cio::Cio>(policy, ruling),
        "cfo" => verdict::<cfo::Cfo>(policy, ruling),
        "researcher" => verdict::<researcher::Researcher>(policy, ruling),
        other => anyhow::bail!("nobody knows the role {other}"),
    }
}

fn section<P: Policy>(policy: &str, role: &Role) -> Result<P> {
    let mut table: toml::Table = policy.parse()?;
    let section = table.remove(role.as_str()).unwrap_or_else(|| toml::Table::new().into());
    Ok(section.try_into()?)
}

fn verdict<E: Executive>(policy: &str, ruling: &Ruling) -> Result<serde_json::Value> {
    let case = Case {
        event: ruling.event.clone(),
        ledger: ruling.before.without_memories(),
        base: ruling.terms.base.clone(),
        memory: ruling.before.memories.get(&E::ROLE).cloned(),
    };
    let verdict = E::evaluate(&section(policy, &E::ROLE)?, &case.typed()?);
    Ok(serde_json::to_value(verdict.untyped()?)?)
}

fn reviewed<E: Executive>(policy: &str, ruling: &Ruling) -> Result<serde_json::Value> {
    let case = ReviewCase {
        schema: Schema::Case,
        event: ruling.event.clone(),
        ledger: ruling.before.without_memories(),
        memory: ruling.after.memories.get(&E::ROLE).cloned(),
        proposals: court::for_review(&ruling.terms, &Matter::from(ruling)),
    };
    let vetoes = E::review(&section(policy, &E::ROLE)?, &case.typed()?);
    Ok(serde_json::to_value(vetoes)?)
}

/// Redis has every decision of every counted ruling, once, in order per portfolio.
async fn told_once_and_in_order(world: &World, rulings: &[(Ruling, Vec<u8>)]) -> Result<()> {
    let mut expected: BTreeMap<PortfolioId, Vec<DecisionId>> = BTreeMap::new();
    for decision in rulings.iter().flat_map(|(ruling, _)| &ruling.decisions) {
        expected.entry(decision.portfolio.clone()).or_default().push(decision.decision_id);
    }
    let redis = crate::support::connect_redis(world.mesh.redis_url()).await?;
    wait_for("every decision in Redis, once and in order", || async {
        let mut told: BTreeMap<PortfolioId, Vec<DecisionId>> = BTreeMap::new();
        for decision in crate::support::decisions(&mut redis.clone()).await? {
            told.entry(decision.decision.portfolio).or_default().push(decision.decision.decision_id);
        }
        Ok((told == expected).then_some(()))
    })
    .await
}
