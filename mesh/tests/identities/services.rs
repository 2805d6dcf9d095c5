//! What services do with their permissions, and what a stranger gets.

use async_nats::{ConnectErrorKind, ConnectOptions, HeaderMap};
use bytes::Bytes;
use clap::Parser;
use futures::StreamExt as _;
use mesh::admin::Admin;
use mesh::args::MeshArgs;
use mesh::identity::Seed;
use mesh::nats::Nats;
use mesh::publish::publish_acked;
use mesh::reader::Reader;
use mesh::roster::Roster;
use mesh::shutdown::Shutdown;
use mesh::streams::{Provisioned, check, provision};
use mesh::{BadConfiguration, rulings};
use proto::id::{PortfolioId, Role, Sequence, Slot};
use proto::subject::{Stream, Subjects};
use tokio::time::timeout;

use super::World;
use crate::server::{PATIENCE, options, until};

#[derive(Parser)]
struct Service {
    #[command(flatten)]
    mesh: MeshArgs,
}

fn args(url: &str, nkey: Option<&std::path::Path>) -> MeshArgs {
    let nkey = nkey.into_iter().flat_map(|file| ["--nats-nkey".into(), file.as_os_str().to_owned()]);
    let words = ["x", "--nats-url", url].map(Into::into).into_iter().chain(nkey);
    Service::try_parse_from(words).unwrap().mesh
}

async fn store(nats: &Nats, subject: &str, bytes: &'static [u8]) -> Sequence {
    let stored =
        publish_acked(nats, subject.to_owned(), HeaderMap::new(), Bytes::from_static(bytes), PATIENCE);
    stored.await.unwrap().sequence()
}

#[tokio::test]
async fn every_service_can_do_its_work() {
    let world = World::new().await;
    let nats = world.nats("provision").await;
    let changed = provision(&nats, &options(&["--events-age", "1d"]).unwrap(), true).await.unwrap();
    assert!(changed.iter().any(|done| matches!(done, Provisioned::Changed(..))), "{changed:?}");

    let (gateway, arbiter) = (world.nats("gateway").await, world.nats("arbiter").await);
    let (observer, shutdown) = (world.nats("observer").await, Shutdown::new());
    let config = check(&gateway).await.unwrap();
    assert_eq!(check(&arbiter).await.unwrap(), config);
    let roster = Roster::watch(&gateway, &config, &shutdown).await.unwrap();
    roster.set_enabled(&Role::CEO, false, "ada").await.unwrap();
    let seen = Roster::watch(&arbiter, &config, &shutdown).await.unwrap();
    assert!(!seen.roles().is_enabled(&Role::CEO));

    for (nats, subject) in [
        (&gateway, "fed.event.3.main.system.health_updated"),
        (&gateway, "fed.dead.system.health_updated"),
        (&arbiter, "fed.event.3.main.clock.due"),
        (&arbiter, "fed.ruling.3.main"),
        (&arbiter, "fed.decision.main.FREEZE"),
    ] {
        store(nats, subject, b"{}").await;
    }
    let heads = rulings::heads(&arbiter, PortfolioId::main().slot(config.slots)).await.unwrap();
    assert!(heads.heads.is_empty());
    for (who, nats, streams) in [
        ("arbiter", &arbiter, &[Stream::Events, Stream::Rulings, Stream::Decisions][..]),
        ("gateway", &gateway, &Stream::ALL),
        ("observer", &observer, &Stream::ALL),
    ] {
        for stream in streams {
            let name = nats.subjects.stream(*stream);
            let filter = nats.subjects.of_stream(*stream);
            let mut reader =
                Reader::new(nats, name.as_str(), config.identity(*stream), filter.as_str(), Sequence(1));
            let read =
                timeout(PATIENCE, reader.next()).await.unwrap_or_else(|_| panic!("{who} reads {name}"));
            assert_eq!(read.unwrap().sequence, Sequence(1), "{who} {name}");
            assert!(nats.last_message(*stream, &filter).await.unwrap().is_some(), "{who} {name}");
        }
    }
}

#[tokio::test]
async fn a_role_answers_whoever_asks_and_only_once() {
    let world = World::new().await;
    let (cro, mut said) = world.client("cro").await;
    let (arbiter, _) = world.client("arbiter").await;
    let mut asked = cro.queue_subscribe("fed.role.cro.evaluate", "q".into()).await.unwrap();
    Nats::over(cro.clone(), Subjects::default()).connection().unwrap().round_trip().await.unwrap();
    let answering = tokio::spawn(async move {
        let question = asked.next().await.unwrap();
        for answer in ["first", "second"] {
            cro.publish(question.reply.clone().unwrap(), answer.into()).await.unwrap();
        }
        (cro, asked)
    });
    let answer = arbiter.request("fed.role.cro.evaluate", Bytes::new()).await.unwrap();
    assert_eq!(answer.payload, "first");
    let refused = timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
    assert!(refused.contains("Publish to \"_INBOX.fed.arbiter."), "{refused}");
    answering.await.unwrap();
}

#[tokio::test]
async fn a_stranger_gets_no_connection() {
    let world = World::new().await;
    let other = World::new().await;
    let url = world.server.url();
    let nobody = ConnectOptions::new().connect(&url).await.unwrap_err();
    assert_eq!(nobody.kind(), ConnectErrorKind::AuthorizationViolation);
    let foreign = Seed::read(&other.seed_file("arbiter")).unwrap().secret().unwrap();
    let foreign = ConnectOptions::with_nkey(foreign).connect(&url).await.unwrap_err();
    assert_eq!(foreign.kind(), ConnectErrorKind::AuthorizationViolation);
}

#[tokio::test]
async fn a_service_without_its_seed_waits_and_says_why_it_is_not_ready() {
    let world = World::new().await;
    let (admin, shutdown) = (Admin::new(), Shutdown::new());
    let args = args(&world.server.url(), None);
    let connecting = tokio::spawn({
        let (admin, shutdown) = (admin.clone(), shutdown.clone());
        async move { Nats::connect("cro", &args, &admin, &shutdown).await }
    });
    let why = "NATS does not take identity cro (no nkey)";
    until("it says so", async || admin.open_conditions().get("nats").is_some_and(|told| told == why)).await;
    shutdown.request();
    assert!(connecting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_service_with_the_seed_of_another_says_what_is_refused_and_is_not_ready() {
    let world = World::new().await;
    let (admin, shutdown) = (Admin::new(), Shutdown::new());
    let args = args(&world.server.url(), Some(&world.seed_file("ceo")));
    let nats = Nats::connect("cro", &args, &admin, &shutdown).await.unwrap();
    let _asked = nats.connection().unwrap().client.subscribe("fed.role.cro.evaluate").await.unwrap();
    until("it is told", async || admin.open_conditions().contains_key("permissions")).await;
    let told = admin.open_conditions().remove("permissions").unwrap();
    let key = Seed::read(&world.seed_file("ceo")).unwrap().public_key();
    for part in ["Subscription to \"fed.role.cro.evaluate\"", "identity \"cro\"", key.as_str()] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_seed_is_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seed");
    std::fs::write(&file, "no seed").unwrap();
    let args = args("nats://127.0.0.1:1", Some(&file));
    let failed = Nats::connect("cro", &args, &Admin::new(), &Shutdown::new()).await.unwrap_err();
    assert!(failed.is::<BadConfiguration>() && failed.to_string().contains("--nats-nkey"), "{failed:#}");
}

/// Permissions go by the subject that is published to, and not by the one that is named for an answer: whoever may ask
/// JetStream can have it answer among the rulings. Nothing there counts by its subject alone: an answer is no ruling, and
/// a message of another stream keeps the subject that it had.
#[tokio::test]
async fn what_a_reader_has_the_server_answer_among_the_rulings_is_no_ruling() {
    let world = World::new().await;
    let (gateway, arbiter) = (world.nats("gateway").await, world.nats("arbiter").await);
    store(&gateway, "fed.event.3.main.system.health_updated", b"{\"looks\":\"like a ruling\"}").await;
    let (observer, _) = world.client("observer").await;
    let consumer = r#"{"stream_name":"EVENTS","config":{"name":"x","deliver_policy":"all","ack_policy":"none",
        "filter_subject":"fed.event.>","replay_policy":"instant","mem_storage":true,"num_replicas":1}}"#;
    let made =
        observer.request("$JS.API.CONSUMER.CREATE.EVENTS.x.fed.event.>", consumer.into()).await.unwrap();
    let made: serde_json::Value = serde_json::from_slice(&made.payload).unwrap();
    assert!(made.get("error").is_none(), "{made}");
    for (question, text) in [("CONSUMER.MSG.NEXT.EVENTS.x", "1"), ("STREAM.INFO.EVENTS", "")] {
        let question = format!("$JS.API.{question}");
        observer.publish_with_reply(question, "fed.ruling.3.main", text.into()).await.unwrap();
    }
    until("both are there", async || {
        arbiter.broker.describe("RULINGS").await.unwrap().unwrap().state.messages == 2
    })
    .await;
    let heads = rulings::heads(&arbiter, Slot(3)).await.unwrap();
    assert!(heads.heads.is_empty(), "{:?}", heads.heads);
    assert_eq!(heads.unreadable.into_iter().collect::<Vec<_>>(), [("fed.ruling.3.main".to_owned(), 1)]);
    let subject = "fed.event.3.main.system.health_updated";
    let delivered = arbiter.last_message(Stream::Rulings, subject).await.unwrap();
    assert!(delivered.is_some(), "what was delivered is an event as before");
}
