//! Keeping the view: what the mesh has come to at the start, and every ruling after that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mesh::Node;
use mesh::admin::Condition;
use mesh::backoff::Backoff;
use mesh::nats::Nats;
use mesh::reader::Reader;
use mesh::rulings::{Damage, Followed, Head, follow, heads};
use mesh::streams::{MeshConfig, describe};
use proto::decision::Decision;
use proto::id::{PortfolioId, RulingHash, Sequence};
use proto::subject::Stream;
use proto::wire::Message as _;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::View;
use crate::emit::fold::{Fold, Standing};
use crate::retained::take_up;

/// How many of the latest decisions are read at the start.
const DECISIONS: u64 = 10_000;
/// How long the next of them may take.
const STALLED: Duration = Duration::from_secs(10);

/// What the view rests on.
struct Loaded {
    fold: Fold,
    heads: Vec<Head>,
    damaged: Vec<(PortfolioId, Damage)>,
    ever: u64,
    decisions: Vec<Decision>,
    /// The end of RULINGS before anything was read.
    through: Sequence,
}

/// Fills a view, and keeps it up as long as the process lives. Returns when it is filled.
///
/// # Errors
/// Shutdown was requested before.
pub async fn watch(node: &Node, config: &MeshConfig) -> anyhow::Result<Arc<View>> {
    let ready = node.admin.condition("view");
    let loaded = loaded(node, config, &ready).await?;
    let (portfolios, decisions) = (loaded.heads.len(), loaded.decisions.len());
    let view = Arc::new(View::default());
    view.begin(loaded.ever, loaded.decisions);
    for head in loaded.heads {
        view.take(head.ruling, head.sequence);
    }
    for (portfolio, damage) in loaded.damaged {
        view.halt(portfolio, damage.to_string());
    }
    info!(portfolios, decisions, "the view is filled");
    ready.hold();
    let keeper =
        Keeper { node: node.clone(), config: config.clone(), view: view.clone(), fold: loaded.fold, ready };
    node.shutdown.attend("view", keeper.run(loaded.through));
    Ok(view)
}

async fn loaded(node: &Node, config: &MeshConfig, ready: &Condition) -> anyhow::Result<Loaded> {
    let mut backoff = Backoff::usual();
    loop {
        match load(&node.nats, config).await {
            Ok(loaded) => return Ok(loaded),
            Err(failed) => {
                warn!("cannot read what the mesh has come to: {failed:#}");
                ready.open(format!("{failed:#}"));
            }
        }
        tokio::select! {
            () = backoff.wait() => {},
            () = node.shutdown.requested() => anyhow::bail!("shutdown was requested before the view was filled"),
        }
    }
}

async fn load(nats: &Nats, config: &MeshConfig) -> anyhow::Result<Loaded> {
    let rulings = describe(nats, &nats.subjects.stream(Stream::Rulings)).await?;
    let through = Sequence(rulings.state.last_sequence);
    let mut fold = Fold::default();
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for slot in config.slots.all() {
        let of_slot = heads(nats, slot).await.with_context(|| format!("slot {slot}"))?;
        for (subject, count) in of_slot.unreadable {
            warn!(subject, count, "messages in RULINGS that are no rulings");
        }
        damaged.extend(of_slot.damaged);
        for (portfolio, head) in of_slot.heads {
            fold.restart_at(&portfolio, head.chain);
            found.push(head);
        }
    }
    found.sort_by_key(|head| head.sequence);
    let (ever, decisions) = decisions(nats, config).await?;
    Ok(Loaded { fold, heads: found, damaged, ever, decisions, through })
}

/// How many decisions there ever were, and the latest of them.
async fn decisions(nats: &Nats, config: &MeshConfig) -> anyhow::Result<(u64, Vec<Decision>)> {
    let stream = nats.subjects.stream(Stream::Decisions);
    let state = describe(nats, &stream).await?.state;
    let last = state.last_sequence;
    let mut latest = Vec::new();
    if state.messages == 0 {
        return Ok((last, latest));
    }
    let from = Sequence(last.saturating_sub(DECISIONS) + 1);
    let all = nats.subjects.of_stream(Stream::Decisions);
    let mut reader = Reader::new(nats, stream, config.identity(Stream::Decisions), all, from);
    while reader.position().0 <= last {
        let record = timeout(STALLED, reader.next()).await.context("DECISIONS do not come")??;
        match Decision::from_bytes(&record.payload) {
            Ok(decision) => latest.push(decision),
            Err(failed) => {
                warn!(sequence = %record.sequence, "a message in DECISIONS is no decision: {failed}");
            }
        }
    }
    Ok((last, latest))
}

struct Keeper {
    node: Node,
    config: MeshConfig,
    view: Arc<View>,
    fold: Fold,
    ready: Condition,
}

impl Keeper {
    async fn run(mut self, through: Sequence) -> anyhow::Result<()> {
        let mut follower = follow(&self.node.nats, &self.config, Sequence(through.0 + 1));
        loop {
            let followed = follower.next().await?;
            self.take(followed).await;
        }
    }

    async fn take(&mut self, followed: Followed) {
        if self.view.passes_over(&self.node.nats.subjects, &followed) {
            return;
        }
        let hash = RulingHash::of(&followed.bytes);
        match followed.ruling {
            Ok(ruling) => {
                let counts = match self.fold.take(&ruling, hash) {
                    Standing::Counts => true,
                    Standing::Void => false,
                    Standing::Ahead => self.take_up(&ruling, followed.sequence, hash).await,
                };
                if counts {
                    self.view.take(ruling, followed.sequence);
                }
            }
            Err(failed) => {
                error!(sequence = %followed.sequence, "a ruling cannot be read: {failed}");
                self.ready.open(format!("ruling {} cannot be read by this version", followed.sequence));
            }
        }
    }

    async fn take_up(
        &mut self,
        ruling: &proto::ruling::Ruling,
        sequence: Sequence,
        hash: RulingHash,
    ) -> bool {
        let mut backoff = Backoff::usual();
        loop {
            match take_up(&self.node.nats, self.config.slots, &mut self.fold, ruling, sequence, hash).await {
                Ok(counts) => return counts,
                Err(failed) if failed.is::<Damage>() => {
                    self.view.halt(ruling.portfolio.clone(), failed.to_string());
                    return false;
                }
                Err(failed) => warn!(portfolio = %ruling.portfolio, "cannot read its rulings: {failed:#}"),
            }
            backoff.wait().await;
        }
    }
}
