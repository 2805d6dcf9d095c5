//! The bench: asks the roles. One desk a role; when it is idle a case leaves at once, under load the cases that wait
//! meanwhile travel together in one request. A role that does not answer in time again and again is not asked, but for a
//! probe now and then.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::HeaderMap;
use bytes::Bytes;
use futures::future::{Either, select};
use mesh::broker::{NoReply, Reply};
use mesh::crash::{self, Step};
use mesh::nats::Nats;
use mesh::shutdown::Shutdown;
use proto::case::{Answer, Case, Cases, Opinion, ReviewCase, Verdict, Verdicts};
use proto::id::{PolicyRevision, Role};
use proto::ruling::Absence;
use proto::wire::Message as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::args::RoundArgs;
use crate::breaker::Breaker;
use crate::metrics::Metrics;

/// A role's verdict and the policy that it went by; or why there is none.
pub(crate) type Testimony = Result<(PolicyRevision, Verdict), Absence>;

/// Requests to one role that may be under way at once.
const REQUESTS_IN_FLIGHT: usize = 4;
/// Cases that may wait at one desk; more wait with their portfolios.
const CASES_WAITING: usize = 1024;
/// The most bytes of one request; well below what a server takes by default (1 MiB).
const REQUEST_BYTES: usize = 512 * 1024;
/// What a service sets when it could not answer.
const SERVICE_ERROR: &str = "Nats-Service-Error";

struct Ask {
    case: Vec<u8>,
    trace: HeaderMap,
    reply: oneshot::Sender<Testimony>,
}

/// Where the roles are asked.
#[derive(Clone)]
pub(crate) struct Bench {
    nats: Nats,
    desks: Arc<BTreeMap<Role, Reception>>,
    timeout: Duration,
}

/// Where one role is asked.
#[derive(Debug)]
struct Reception {
    desk: mpsc::Sender<Ask>,
    breaker: Arc<Breaker>,
}

impl Bench {
    /// Opens a desk for each of these roles; they are there as long as the process lives.
    pub(crate) fn open(
        nats: &Nats,
        roles: impl IntoIterator<Item = Role>,
        args: &RoundArgs,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Self {
        let desks = roles
            .into_iter()
            .map(|role| {
                let (sender, asks) = mpsc::channel(CASES_WAITING);
                let breaker = Arc::new(Breaker::new(role.clone(), args.fuse(), metrics.clone()));
                let desk = Desk {
                    nats: nats.clone(),
                    role: role.clone(),
                    timeout: args.ask_timeout(),
                    breaker: Arc::clone(&breaker),
                };
                shutdown.attend(format!("desk {role}"), desk.work(asks, args.batch_max()));
                (role, Reception { desk: sender, breaker })
            })
            .collect();
        Self { nats: nats.clone(), desks: Arc::new(desks), timeout: args.ask_timeout() }
    }

    /// Asks one role about one case.
    pub(crate) async fn ask(&self, role: &Role, case: &Case) -> Testimony {
        let span = tracing::info_span!(
            "ask",
            otel.name = format!("ask {role}"),
            otel.kind = "client",
            messaging.system = "nats",
            messaging.operation.name = "ask",
            fed.role = %role,
            fed.absent = tracing::field::Empty,
        );
        let testimony = self.ask_within(role, case).instrument(span.clone()).await;
        if let Err(why) = &testimony {
            span.record("fed.absent", tracing::field::debug(why));
        }
        testimony
    }

    async fn ask_within(&self, role: &Role, case: &Case) -> Testimony {
        let Reception { desk, breaker } = self.desks.get(role).ok_or(Absence::NoResponders)?;
        breaker.admit()?;
        let mut trace = HeaderMap::new();
        mesh::trace::inject(&tracing::Span::current(), &mut trace);
        let case = serde_json::to_vec(case).map_err(|error| invalid(&error))?;
        let (reply, answer) = oneshot::channel();
        let asked = async {
            desk.send(Ask { case, trace, reply }).await.ok()?;
            answer.await.ok()
        };
        // The request has a time-out of its own; this one bounds the wait at the desk as well.
        match tokio::time::timeout(self.timeout.saturating_mul(2), asked).await {
            Ok(Some(testimony)) => testimony,
            Ok(None) => Err(Absence::Invalid { error: "the desk is closed".to_owned() }),
            Err(_) => Err(Absence::Timeout),
        }
    }

    /// Asks the reviewer about what would loosen.
    pub(crate) async fn review(&self, role: &Role, case: &ReviewCase) -> Result<Opinion, Absence> {
        let span = tracing::info_span!(
            "review",
            otel.name = format!("review {role}"),
            otel.kind = "client",
            messaging.system = "nats",
            fed.role = %role,
        );
        let breaker = &self.desks.get(role).ok_or(Absence::NoResponders)?.breaker;
        async {
            breaker.admit()?;
            let mut trace = HeaderMap::new();
            mesh::trace::inject(&tracing::Span::current(), &mut trace);
            let bytes = case.to_bytes().map_err(|error| invalid(&error))?;
            let subject = self.nats.subjects.review(role);
            let reply = breaker.heed(request(&self.nats, subject, bytes, trace, self.timeout).await)?;
            let opinion = Opinion::from_bytes(&reply.payload).map_err(|error| invalid(&error))?;
            opinion.fits().map_err(|unfit| invalid(&unfit))?;
            if opinion.role == *role { Ok(opinion) } else { Err(invalid(&"another role answered")) }
        }
        .instrument(span)
        .await
    }
}

/// Collects what waits for one role and sends it.
struct Desk {
    nats: Nats,
    role: Role,
    timeout: Duration,
    breaker: Arc<Breaker>,
}

impl Desk {
    async fn work(self, mut asks: mpsc::Receiver<Ask>, batch_max: usize) -> anyhow::Result<()> {
        let desk = Arc::new(self);
        // They belong to the desk, and end with it.
        let mut under_way = JoinSet::new();
        let mut left_over: Option<Ask> = None;
        loop {
            while under_way.len() >= REQUESTS_IN_FLIGHT {
                under_way.join_next().await.transpose().context("a request died")?;
            }
            let Some(first) = (match left_over.take() {
                Some(ask) => Some(ask),
                None => asks.recv().await,
            }) else {
                return Ok(());
            };
            let mut bytes = first.case.len();
            let mut batch = vec![first];
            while batch.len() < batch_max {
                let Ok(ask) = asks.try_recv() else { break };
                bytes += ask.case.len();
                if bytes > REQUEST_BYTES {
                    left_over = Some(ask);
                    break;
                }
                batch.push(ask);
            }
            let desk = Arc::clone(&desk);
            under_way.spawn(async move { desk.send(batch).await });
        }
    }

    async fn send(&self, batch: Vec<Ask>) {
        crash::at(Step::RoleAsked);
        let answers = self.answers(&batch).await;
        for (index, ask) in batch.into_iter().enumerate() {
            let testimony = match &answers {
                Ok((policy, answers)) => match answers.get(index) {
                    Some(Answer::Verdict(verdict)) => match verdict.fits() {
                        Ok(()) => Ok((policy.clone(), verdict.clone())),
                        Err(unfit) => Err(invalid(&unfit)),
                    },
                    Some(Answer::Failed(error)) => Err(invalid(error)),
                    None => Err(invalid(&"fewer answers than cases")),
                },
                Err(absence) => Err(absence.clone()),
            };
            // Nobody waits any more when the round has closed meanwhile.
            let _ = ask.reply.send(testimony);
        }
    }

    async fn answers(&self, batch: &[Ask]) -> Result<(PolicyRevision, Vec<Answer>), Absence> {
        let mut headers = HeaderMap::new();
        for ask in batch {
            for (name, values) in ask.trace.iter() {
                values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
            }
        }
        let subject = self.nats.subjects.evaluate(&self.role);
        let reply = request(&self.nats, subject, joined(batch), headers, self.timeout).await;
        let reply = self.breaker.heed(reply)?;
        let verdicts = Verdicts::from_bytes(&reply.payload).map_err(|error| invalid(&error))?;
        if verdicts.role != self.role {
            return Err(invalid(&format!("{} answered", verdicts.role)));
        }
        if verdicts.answers.len() != batch.len() {
            return Err(invalid(&format!("{} answers to {} cases", verdicts.answers.len(), batch.len())));
        }
        Ok((verdicts.policy, verdicts.answers))
    }
}

/// A [`Cases`] message of cases that are JSON already.
fn joined(batch: &[Ask]) -> Vec<u8> {
    let mut bytes = format!("{{\"schema\":\"{}\",\"cases\":[", Cases::SCHEMA).into_bytes();
    let size: usize = batch.iter().map(|ask| ask.case.len() + 1).sum();
    bytes.reserve(size + 2);
    for (index, ask) in batch.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(&ask.case);
    }
    bytes.extend_from_slice(b"]}");
    bytes
}

async fn request(
    nats: &Nats,
    subject: String,
    bytes: Vec<u8>,
    headers: HeaderMap,
    timeout: Duration,
) -> Result<Reply, Absence> {
    let bytes = Bytes::from(bytes);
    let send = |timeout| nats.broker.request(subject.clone(), headers.clone(), bytes.clone(), timeout);
    // A replica that dies takes its requests along. Roles are pure, so another may be asked the same again.
    let half = timeout / 2;
    let first = pin!(send(timeout));
    let reply = match select(first, pin!(tokio::time::sleep(half))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), first)) => select(first, pin!(send(half))).await.factor_first().0,
    };
    let reply = reply.map_err(|error| absence(&error))?;
    match reply.headers.get(SERVICE_ERROR) {
        Some(error) => Err(invalid(error)),
        None => Ok(reply),
    }
}

fn absence(error: &NoReply) -> Absence {
    match error {
        NoReply::NoResponders => Absence::NoResponders,
        NoReply::TimedOut => Absence::Timeout,
        NoReply::Failed(_) => invalid(error),
    }
}

fn invalid(error: &impl ToString) -> Absence {
    Absence::Invalid { error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use proto::event::{Body, ClockDue};
    use proto::testing;
    use proto::time::Time;

    use super::*;

    #[test]
    fn joined_cases_are_a_message_of_cases() {
        let case = Case {
            event: testing::event(testing::MONDAY, Body::ClockDue(ClockDue { due: Time::from_millis(1) })),
            ledger: testing::ledger(),
            base: testing::base(),
            memory: None,
        };
        let ask = || {
            let (reply, _) = oneshot::channel();
            Ask { case: serde_json::to_vec(&case).unwrap(), trace: HeaderMap::new(), reply }
        };
        let read = Cases::from_bytes(&joined(&[ask(), ask()])).unwrap();
        assert_eq!(read.cases, [case.clone(), case]);
    }
}
