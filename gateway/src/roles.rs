//! Which roles answer: asked once a second, all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use mesh::nats::Nats;
use mesh::shutdown::Shutdown;
use proto::id::Role;
use proto::subject::Subjects;
use proto::time::Time;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::metrics::{Metrics, OfRole};
use crate::status::Status;

/// Where every service tells what it is.
const ASK: &str = "$SRV.INFO";
/// How often is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_millis(400);
/// How many answers are read at most.
const MAX_ANSWERS: usize = 10_000;

/// What answers for a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Serving {
    /// How many processes.
    pub replicas: usize,
    /// The versions that they are of.
    #[serde(rename = "version")]
    pub versions: Vec<String>,
    /// The revisions of the policy that they started with.
    #[serde(rename = "policy")]
    pub policies: Vec<String>,
    /// When one last answered.
    pub last_answer: Option<Time>,
}

/// What a service tells about itself, as much of it as matters here.
#[derive(Debug, Clone, Deserialize)]
struct Info {
    version: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, Deserialize)]
struct Endpoint {
    subject: String,
}

/// The latest answers.
#[derive(Debug, Clone)]
pub struct Census(watch::Receiver<BTreeMap<Role, Serving>>);

impl Census {
    /// Asks as long as the process lives; returns after the first answers.
    ///
    /// # Errors
    /// NATS takes no question.
    pub async fn watch(nats: &Nats, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let (latest, follow) = watch::channel(BTreeMap::new());
        let first = ask(nats).await?;
        latest.send_modify(|known| update(known, first));
        let nats = nats.clone();
        shutdown.attend("census", async move {
            let mut next = tokio::time::interval(EVERY);
            loop {
                next.tick().await;
                match ask(&nats).await {
                    Ok(answers) => latest.send_modify(|known| update(known, answers)),
                    Err(failed) => {
                        warn!("cannot ask who answers: {failed:#}");
                        latest.send_modify(|known| update(known, BTreeMap::new()));
                    }
                }
            }
        });
        Ok(Self(follow))
    }

    /// The latest answers.
    pub fn latest(&self) -> BTreeMap<Role, Serving> {
        self.0.borrow().clone()
    }

    /// Keeps the metrics of roles and portfolios as they are, as long as the process lives.
    pub fn count(status: std::sync::Arc<Status>, metrics: Metrics, shutdown: &Shutdown) {
        let mut answers = status.census.0.clone();
        shutdown.attend("census metrics", async move {
            loop {
                for (role, detail) in status.roles() {
                    let of_role = OfRole { role: role.to_string() };
                    metrics.role_enabled.get_or_create(&of_role).set(i64::from(detail.enabled));
                    let replicas = i64::try_from(detail.serving.replicas).unwrap_or(i64::MAX);
                    metrics.role_replicas.get_or_create(&of_role).set(replicas);
                }
                let counts = status.view.counts();
                metrics.frozen.set(i64::try_from(counts.frozen).unwrap_or(i64::MAX));
                metrics.disobeyed.set(i64::try_from(status.view.disobeyed().len()).unwrap_or(i64::MAX));
                metrics.halted.set(i64::try_from(status.view.halted().len()).unwrap_or(i64::MAX));
                metrics.holds.set(i64::try_from(counts.holds).unwrap_or(i64::MAX));
                answers.changed().await.context("nobody asks who answers any more")?;
            }
        });
    }
}

/// Asks everybody, and collects for a while.
async fn ask(nats: &Nats) -> anyhow::Result<BTreeMap<Role, Serving>> {
    let mut answers = nats.broker.ask_everybody(ASK).await?;
    let mut serving: BTreeMap<Role, Serving> = BTreeMap::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for _ in 0..MAX_ANSWERS {
        let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.next()).await else { break };
        if let Ok(info) = serde_json::from_slice::<Info>(&answer) {
            count(&mut serving, &nats.subjects, info, nats.clock.now());
        }
    }
    Ok(serving)
}

/// Counts an answer, where it is of a role of this mesh.
fn count(serving: &mut BTreeMap<Role, Serving>, subjects: &Subjects, info: Info, now: Time) {
    let Some(Ok(role)) = info.metadata.get("role").map(|name| name.parse::<Role>()) else { return };
    let subject = subjects.evaluate(&role);
    if !info.endpoints.iter().any(|endpoint| endpoint.subject == subject) {
        return;
    }
    let of_role = serving.entry(role).or_default();
    of_role.replicas += 1;
    of_role.last_answer = Some(now);
    add_new(&mut of_role.versions, info.version);
    if let Some(policy) = info.metadata.get("policy") {
        add_new(&mut of_role.policies, policy.clone());
    }
}

fn add_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
        list.sort();
    }
}

/// Takes the latest answers; whoever is silent is known without replicas.
fn update(known: &mut BTreeMap<Role, Serving>, answers: BTreeMap<Role, Serving>) {
    for (role, serving) in known.iter_mut() {
        if !answers.contains_key(role) && serving.replicas > 0 {
            warn!(%role, "nobody answers any more");
            serving.replicas = 0;
        }
    }
    for (role, serving) in answers {
        let before = known.insert(role.clone(), serving.clone()).map_or(0, |before| before.replicas);
        if before != serving.replicas {
            info!(%role, replicas = serving.replicas, "answers");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn info(role: &str, subject: &str, policy: &str) -> Info {
        serde_json::from_value(json!({
            "type": "io.nats.micro.v1.info_response", "name": "x", "id": "1", "version": "0.1.0",
            "metadata": {"role": role, "policy": policy},
            "endpoints": [{"name": "evaluate", "subject": subject, "queue_group": "q", "metadata": {}}]
        }))
        .unwrap()
    }

    #[test]
    fn replicas_of_this_mesh_are_counted_and_others_are_not() {
        let mut serving = BTreeMap::new();
        let subjects = Subjects::default();
        let now = Time::from_millis(1);
        for answer in [
            info("cro", "fed.role.cro.evaluate", "a"),
            info("cro", "fed.role.cro.evaluate", "b"),
            info("ceo", "other.role.ceo.evaluate", "a"),
            info("Not A Role", "fed.role.x.evaluate", "a"),
        ] {
            count(&mut serving, &subjects, answer, now);
        }
        assert_eq!(serving.len(), 1);
        let cro = &serving[&Role::CRO];
        assert_eq!((cro.replicas, cro.versions.len(), cro.policies.len()), (2, 1, 2));
    }

    #[test]
    fn whoever_falls_silent_has_no_replicas_and_is_remembered() {
        let serving = Serving { replicas: 1, last_answer: Some(Time::from_millis(5)), ..Serving::default() };
        let mut known = BTreeMap::new();
        update(&mut known, BTreeMap::from([(Role::CRO, serving)]));
        update(&mut known, BTreeMap::new());
        assert_eq!(
            (known[&Role::CRO].replicas, known[&Role::CRO].last_answer),
            (0, Some(Time::from_millis(5)))
        );
    }
}
