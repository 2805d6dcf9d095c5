//! Looking at the streams and buckets, as every service does at its start.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use proto::id::SlotCount;
use proto::subject::Stream;
use tracing::warn;

use super::spec::{MIN_LEASE_TTL, Options, fixed_differences};
use super::succession::Note;
use super::{Description, Predecessor, bucket_stream, wanted};
use crate::admin::Condition;
use crate::backoff::Backoff;
use crate::nats::Nats;
use crate::node::BadConfiguration;

/// The longest pause between looks while streams are missing.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the mesh is: fixed when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshConfig {
    /// How many slots it has.
    pub slots: SlotCount,
    /// How many copies of RULINGS the servers keep.
    pub replicas: usize,
    identities: BTreeMap<Stream, String>,
    predecessors: BTreeMap<Stream, Vec<Predecessor>>,
    roster: String,
    lease: String,
    lease_ttl: Duration,
}

impl MeshConfig {
    /// A stream's identity: when it was created, as the server tells it.
    pub fn identity(&self, stream: Stream) -> &str {
        self.identities.get(&stream).map_or("", String::as_str)
    }

    /// The stream that is gone and that this one stands for, by its identity; none when nobody has accepted that.
    pub fn predecessor(&self, stream: Stream, identity: &str) -> Option<&Predecessor> {
        self.predecessors.get(&stream)?.iter().find(|gone| gone.identity == identity)
    }

    /// Whether this is the stream of that identity, or stands for it.
    pub fn stands_for(&self, stream: Stream, identity: &str) -> bool {
        self.identity(stream) == identity || self.predecessor(stream, identity).is_some()
    }

    /// The identity of the roster's stream.
    pub(crate) fn roster_identity(&self) -> &str {
        &self.roster
    }

    /// The identity of the leases' stream.
    pub(crate) fn lease_identity(&self) -> &str {
        &self.lease
    }

    /// How long a lease lives without being renewed.
    pub const fn lease_ttl(&self) -> Duration {
        self.lease_ttl
    }
}

/// Looks at every stream and bucket; waits, saying so, while one is missing. Never makes any.
///
/// # Errors
/// A stream is there and is not what it must be ([`BadConfiguration`]).
pub async fn check(nats: &Nats) -> anyhow::Result<MeshConfig> {
    wait(nats, |_| {}).await
}

/// The same, and says in `/readyz` meanwhile what is waited for.
///
/// # Errors
/// A stream is there and is not what it must be ([`BadConfiguration`]).
pub async fn check_telling(nats: &Nats, condition: &Condition) -> anyhow::Result<MeshConfig> {
    let config = wait(nats, |why| condition.open(why)).await?;
    condition.hold();
    Ok(config)
}

async fn wait(nats: &Nats, tell: impl Fn(&str)) -> anyhow::Result<MeshConfig> {
    let mut backoff = Backoff::new(Duration::from_millis(200), LONGEST_PAUSE);
    loop {
        let why = match look(nats).await {
            Ok(Look::Complete(config)) => return Ok(config),
            Ok(Look::Missing(names)) => format!("waiting for {names}: run federation-provision"),
            Err(failed) if failed.is::<BadConfiguration>() => return Err(failed),
            Err(failed) => format!("waiting for JetStream: {failed:#}"),
        };
        warn!("{why}");
        tell(&why);
        backoff.wait().await;
    }
}

enum Look {
    Complete(MeshConfig),
    Missing(String),
}

async fn look(nats: &Nats) -> anyhow::Result<Look> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for name in names(nats) {
        match nats.broker.describe(&name).await? {
            Some(description) => {
                found.insert(name, description);
            }
            None => missing.push(name),
        }
    }
    if missing.is_empty() {
        judge(nats, &found).map(Look::Complete)
    } else {
        Ok(Look::Missing(missing.join(", ")))
    }
}

fn names(nats: &Nats) -> Vec<String> {
    wanted(&nats.subjects, &defaults(SlotCount::default())).into_iter().map(|config| config.name).collect()
}

fn judge(nats: &Nats, found: &BTreeMap<String, Description>) -> anyhow::Result<MeshConfig> {
    let events = found.get(&nats.subjects.stream(Stream::Events));
    let text = events.and_then(|events| events.config.description.as_deref()).unwrap_or_default();
    let Some(slots) = Note::read(Some(text)).and_then(|note| note.slots) else {
        bail!(BadConfiguration::new(format!(
            "the description of EVENTS is {text:?}, expected something like {{\"slots\":8}}: was it made by federation-provision?"
        )));
    };
    let wrong: Vec<String> = wanted(&nats.subjects, &defaults(slots))
        .iter()
        .filter_map(|config| Some((found.get(&config.name)?, config)))
        .flat_map(|(seen, config)| fixed_differences(&seen.config, config))
        .map(|difference| difference.to_string())
        .collect();
    if !wrong.is_empty() {
        bail!(BadConfiguration::new(format!(
            "the mesh's streams are not what they must be:\n  {}",
            wrong.join("\n  ")
        )));
    }
    let identity = |name: &str| found.get(name).map(|seen| seen.created.clone()).unwrap_or_default();
    let identities =
        Stream::ALL.into_iter().map(|kind| (kind, identity(&nats.subjects.stream(kind)))).collect();
    let gone =
        |kind| found.get(&nats.subjects.stream(kind)).map(Description::predecessors).unwrap_or_default();
    let predecessors = Stream::ALL.into_iter().map(|kind| (kind, gone(kind))).collect();
    let roster = identity(&bucket_stream(&nats.subjects.roster_bucket()));
    let leases = bucket_stream(&nats.subjects.lease_bucket());
    let lease_ttl = found.get(&leases).map(|seen| seen.config.max_age).unwrap_or_default();
    if lease_ttl < Duration::from(MIN_LEASE_TTL) {
        let wrong = format!("{leases}: max_age is {lease_ttl:?}, expected at least {MIN_LEASE_TTL}");
        bail!(BadConfiguration::new(wrong));
    }
    let rulings = found.get(&nats.subjects.stream(Stream::Rulings));
    let replicas = rulings.map_or(1, |seen| seen.config.num_replicas);
    Ok(MeshConfig { slots, replicas, identities, predecessors, roster, lease: identity(&leases), lease_ttl })
}

/// Limits may be anything here: only what is fixed is looked at.
fn defaults(slots: SlotCount) -> Options {
    let age = proto::time::Period::from_hours(1);
    Options {
        slots,
        replicas: 1,
        history: 1,
        events_age: age,
        events_bytes: 0,
        decisions_age: age,
        decisions_bytes: 0,
        dead_age: age,
        dead_bytes: 0,
        lease_ttl: age,
    }
}
