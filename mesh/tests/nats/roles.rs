//! The role service: how a role answers, is announced, and ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use mesh::Node;
use mesh::args::Cli as _;
use mesh::role::serve;
use proto::case::{Answer, Brief, Case, Cases, Executive, Statement, Verdicts};
use proto::event::{Body, ClockDue, EventKind};
use proto::id::Role;
use proto::policy::{Mistake, Policy};
use proto::testing::{MONDAY, base, event, ledger};
use proto::wire::{Message, Schema};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::server::{PATIENCE, Server, until};

/// Remembers how many cases it saw; panics on a number that it does not like.
struct Clerk;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClerkPolicy {
    unlucky: u64,
    pause_ms: u64,
}

impl Default for ClerkPolicy {
    fn default() -> Self {
        Self { unlucky: 13, pause_ms: 0 }
    }
}

impl Policy for ClerkPolicy {
    fn mistakes(&self) -> Vec<Mistake> {
        Vec::new()
    }
}

impl Executive for Clerk {
    const ROLE: Role = Role::CFO;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot];
    type Policy = ClerkPolicy;
    type Memory = u64;

    fn hear(policy: &ClerkPolicy, _: Brief<'_>, seen: &mut u64) -> Statement {
        assert!(*seen != policy.unlucky, "{seen} is unlucky");
        std::thread::sleep(Duration::from_millis(policy.pause_ms));
        *seen += 1;
        Statement::default()
    }
}

fn case(memory: serde_json::Value) -> Case {
    let event = event(MONDAY, Body::ClockDue(ClockDue { due: MONDAY }));
    Case { event, ledger: ledger(), base: base(), memory: Some(memory) }
}

fn request(memories: impl IntoIterator<Item = serde_json::Value>) -> Bytes {
    let cases = Cases { schema: Schema::Case, cases: memories.into_iter().map(case).collect() };
    cases.to_bytes().unwrap().into()
}

/// The clerk at work on this node, until it is told to end.
fn serving(node: &Node) -> JoinHandle<anyhow::Result<()>> {
    let node = node.clone();
    tokio::spawn(async move { serve::<Clerk>(&node, 4).await })
}

async fn until_ready(node: &Node, serving: &JoinHandle<anyhow::Result<()>>) {
    until("the role is ready", async || serving.is_finished() || node.admin.open_conditions().is_empty())
        .await;
}

/// How many messages the node's connection has received.
fn messages_in(node: &Node) -> u64 {
    let statistics = node.nats.connection().unwrap().client.statistics();
    statistics.in_messages.load(Ordering::Relaxed)
}

#[test]
fn help_names_the_role() {
    let about = mesh::role::RoleArgs::about("cro").unwrap();
    assert!(about.starts_with("Serves the cro,"), "{about}");
}

#[tokio::test]
async fn a_role_answers_each_case_on_its_own_and_tells_who_it_is() {
    let server = Server::start();
    let node = server.node("cfo", "[cfo]\nunlucky = 7\n").await;
    let asker = server.nats("asker").await;
    let serving = serving(&node);
    until_ready(&node, &serving).await;

    let subject = asker.subjects.evaluate(&Role::CFO);
    let answer = asker
        .connection()
        .unwrap()
        .client
        .request(subject.clone(), request([1.into(), 7.into(), "?".into()]))
        .await
        .unwrap();
    let Verdicts { role, policy, answers, .. } = Verdicts::from_bytes(&answer.payload).unwrap();
    assert_eq!((role, policy), (Role::CFO, node.policy.revision()));
    assert!(matches!(&answers[0], Answer::Verdict(verdict) if verdict.memory == 2), "{answers:?}");
    assert!(matches!(&answers[1], Answer::Failed(why) if why.contains("7 is unlucky")), "{answers:?}");
    assert!(
        matches!(&answers[2], Answer::Failed(why) if why.contains("memory cannot be read")),
        "{answers:?}"
    );

    let refused = asker.connection().unwrap().client.request(subject, "not a case".into()).await.unwrap();
    let error = refused.headers.unwrap().get(async_nats::service::NATS_SERVICE_ERROR_CODE).unwrap().clone();
    assert_eq!(error.as_str(), "400", "never silence");

    let info =
        asker.connection().unwrap().client.request("$SRV.INFO.federation-cfo", Bytes::new()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.payload).unwrap();
    assert_eq!(info["metadata"]["role"], "cfo");
    assert_eq!(info["metadata"]["schema"], "fed.case/1");
    assert_eq!(info["metadata"]["policy"], node.policy.revision().to_string());

    node.shutdown.finish(PATIENCE).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_role_that_cannot_be_announced_waits_for_the_server() {
    let mut server = Server::start();
    let node = server.node("cfo", "").await;
    server.kill();
    let serving = serving(&node);
    until("it says what it waits for", async || {
        assert!(!serving.is_finished(), "it ended");
        node.admin.open_conditions().values().any(|why| why.contains("not announced yet"))
    })
    .await;
    server.start_again();
    until_ready(&node, &serving).await;
    node.shutdown.finish(PATIENCE).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_role_finishes_what_it_has_in_hand() {
    let server = Server::start();
    let node = server.node("cfo", "[cfo]\npause_ms = 300\n").await;
    let asker = server.nats("asker").await;
    let serving = serving(&node);
    until_ready(&node, &serving).await;

    let asked = tokio::spawn({
        let (asker, subject) = (asker.clone(), asker.subjects.evaluate(&Role::CFO));
        async move { asker.connection().unwrap().client.request(subject, request([1.into()])).await }
    });
    let before = messages_in(&node);
    until("the request has arrived", async || messages_in(&node) > before).await;
    node.shutdown.request();
    let answer = asked.await.unwrap().unwrap();
    assert!(Verdicts::from_bytes(&answer.payload).is_ok());
    serving.await.unwrap().unwrap();
    until("nobody serves it any more", async || {
        let asked =
            async_nats::Request::new().payload(request([1.into()])).timeout(Some(Duration::from_millis(200)));
        let answer =
            asker.connection().unwrap().client.send_request(asker.subjects.evaluate(&Role::CFO), asked).await;
        answer.is_err_and(|gone| gone.kind() == async_nats::RequestErrorKind::NoResponders)
    })
    .await;
}
