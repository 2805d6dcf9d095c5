//! The service itself: endpoints, bounded work, metrics, and an orderly end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use async_nats::HeaderMap;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{self, Request, Service, ServiceExt};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use proto::case::Executive;
use proto::event::EventKind;
use proto::id::Role;
use proto::wire::Schema;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::answer::Refused;
use super::office::Office;
use crate::admin::Admin;
use crate::backoff::Backoff;
use crate::metric;
use crate::node::Node;
use crate::policy::BadPolicy;

/// What a role counts.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    cases: Family<Answered, Counter>,
    seconds: Histogram,
    pub(super) unreadable: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    request: &'static str,
    outcome: &'static str,
}

impl Metrics {
    pub(super) fn new(admin: &Admin) -> Self {
        let metrics =
            Self { cases: Family::default(), seconds: metric::seconds(), unreadable: Counter::default() };
        admin.register(|registry| {
            registry.register(
                metric::ROLE_CASES,
                "Cases answered, by request and outcome",
                metrics.cases.clone(),
            );
            registry.register(
                metric::ROLE_EVALUATE_SECONDS,
                "Seconds to answer a case",
                metrics.seconds.clone(),
            );
            registry.register(
                metric::ROLE_UNREADABLE,
                "Requests that were refused",
                metrics.unreadable.clone(),
            );
        });
        metrics
    }

    pub(super) fn answered(&self, request: &'static str, outcome: &'static str, took: Duration) {
        self.cases.get_or_create(&Answered { request, outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// What is asked at an endpoint.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Evaluate,
    Review,
}

/// A role, as what serves it sees it. All of that is the same for every role, and compiled once.
pub(super) trait Answers: Send + Sync {
    fn evaluate(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused>;
    fn review(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused>;
    /// Counts a request that had no answer.
    fn refused(&self);
}

/// Which role is served.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) role: Role,
    interests: &'static [EventKind],
    reviews: bool,
    open: fn(&Node) -> Result<Arc<dyn Answers>, BadPolicy>,
}

/// Serves a role until shutdown is requested: then it takes no more, finishes what it has in hand, and returns.
///
/// # Errors
/// The policy's section holds mistakes, or NATS does not take the service.
pub fn serve<E: Executive>(node: &Node, concurrency: usize) -> BoxFuture<'_, anyhow::Result<()>> {
    Served::of::<E>().serve(node, concurrency)
}

impl Served {
    pub(super) const fn of<E: Executive>() -> Self {
        let open: fn(&Node) -> Result<Arc<dyn Answers>, BadPolicy> =
            |node| Ok(Arc::new(Office::<E>::open(node)?));
        Self { role: E::ROLE, interests: E::INTERESTS, reviews: E::REVIEWS, open }
    }

    pub(super) fn serve(self, node: &Node, concurrency: usize) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(self.attend(node, concurrency))
    }

    async fn attend(self, node: &Node, concurrency: usize) -> anyhow::Result<()> {
        let work = Work { office: (self.open)(node)?, slots: Arc::new(Semaphore::new(concurrency)) };
        let service = self.start(node).await?;
        let evaluate = endpoint(&service, "evaluate", node.nats.subjects.evaluate(&self.role)).await?;
        let mut attending = JoinSet::new();
        if self.reviews {
            let review = endpoint(&service, "review", node.nats.subjects.review(&self.role)).await?;
            attending.spawn(work.clone().attend(review, Asked::Review));
        }
        attending.spawn(work.attend(evaluate, Asked::Evaluate));
        if announced(node).await? {
            node.ready.hold();
            info!(role = %self.role, "serving");
        }
        tokio::select! {
            () = node.shutdown.requested() => {}
            Some(_) = attending.join_next() => bail!("an endpoint of the service ended"),
        }
        service.stop().await.map_err(|failed| anyhow!(failed)).context("cannot stop the service")?;
        // Each ends when what it has in hand is answered; the process bounds the wait.
        while attending.join_next().await.is_some() {}
        Ok(())
    }

    async fn start(&self, node: &Node) -> anyhow::Result<Service> {
        let role = &self.role;
        let interests: Vec<&str> = self.interests.iter().map(|kind| kind.as_str()).collect();
        let metadata = BTreeMap::from([
            ("role".to_owned(), role.to_string()),
            ("schema".to_owned(), Schema::Case.to_string()),
            ("policy".to_owned(), node.policy.revision().to_string()),
            ("interests".to_owned(), interests.join(",")),
        ]);
        let builder = node.nats.connection()?.client.service_builder();
        let started = builder
            .description(format!("The {role} of the mesh"))
            .metadata(metadata.into_iter().collect())
            .start(format!("federation-{role}"), env!("CARGO_PKG_VERSION"))
            .await;
        started.map_err(|failed| anyhow!(failed)).context("cannot start the service")
    }
}

/// Subscribing returns before the server knows: ready is only who can be found. However long the server is away until then;
/// false when shutdown was requested meanwhile.
async fn announced(node: &Node) -> anyhow::Result<bool> {
    let connection = node.nats.connection()?;
    let mut backoff = Backoff::usual();
    loop {
        let trip = tokio::select! {
            biased;
            () = node.shutdown.requested() => return Ok(false),
            trip = connection.round_trip() => trip,
        };
        let Err(failed) = trip else { return Ok(true) };
        warn!("the service is not announced yet: {failed:#}");
        node.ready.open(format!("the service is not announced yet: {failed:#}"));
        tokio::select! { biased; () = node.shutdown.requested() => {}, () = backoff.wait() => {} }
    }
}

async fn endpoint(service: &Service, name: &str, subject: String) -> anyhow::Result<Endpoint> {
    let added = service.endpoint_builder().name(name).add(subject).await;
    added.map_err(|failed| anyhow!(failed)).with_context(|| format!("cannot serve {name}"))
}

/// All that a request needs to be answered.
#[derive(Clone)]
struct Work {
    office: Arc<dyn Answers>,
    slots: Arc<Semaphore>,
}

impl Work {
    /// Takes requests as long as the endpoint is served, a bounded number at once.
    async fn attend(self, mut endpoint: Endpoint, asked: Asked) {
        let in_hand = TaskTracker::new();
        while let Some(request) = endpoint.next().await {
            let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await else { break };
            let work = self.clone();
            in_hand.spawn(async move {
                work.answer(&request, asked).await;
                drop(permit);
            });
        }
        in_hand.close();
        in_hand.wait().await;
    }

    async fn answer(&self, request: &Request, asked: Asked) {
        let none = HeaderMap::new();
        let headers = request.message.headers.as_ref().unwrap_or(&none);
        let payload = &request.message.payload;
        let answer = match asked {
            Asked::Evaluate => self.office.evaluate(headers, payload),
            Asked::Review => self.office.review(headers, payload),
        };
        let answer = answer.map(Bytes::from).map_err(|refused| self.refused(refused));
        if let Err(failed) = request.respond(answer).await {
            warn!("an answer could not be sent: {failed}");
        }
    }

    fn refused(&self, Refused { code, why }: Refused) -> service::error::Error {
        warn!(code, "a request was refused: {why}");
        self.office.refused();
        // The text travels in a header, which ends at the end of its line.
        let status = why.replace(['\r', '\n'], " ").chars().take(500).collect();
        service::error::Error { code, status }
    }
}
