//! The mesh on a real NATS server: streams, rulings and roster; `roles` has the role service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

mod roles;
#[path = "../server/mod.rs"]
mod server;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use bytes::Bytes;
use mesh::nats::Nats;
use mesh::publish::{NotStored, Stored, publish_acked, with_id};
use mesh::roster::Roster;
use mesh::shutdown::Shutdown;
use mesh::streams::{Options, Provisioned, check, provision};
use mesh::{BadConfiguration, rulings};
use proto::event::{Body, ClockDue};
use proto::id::{PortfolioId, Role, RulingHash, Sequence, Version};
use proto::ruling::{Hearing, Position, Ruling};
use proto::subject::Stream;
use proto::testing::{MONDAY, event, ledger, terms};
use proto::time::Period;
use proto::wire::{Message, Schema};
use server::{PATIENCE, Server, until};

fn options(args: &[&str]) -> Options {
    server::options(args).unwrap()
}

async fn provisioned(server: &Server) -> Nats {
    let nats = server.nats("provision").await;
    provision(&nats, &options(&[]), false).await.unwrap();
    nats
}

#[tokio::test]
async fn provision_makes_once_and_refuses_what_differs() {
    let server = Server::start();
    let nats = server.nats("provision").await;
    let made = provision(&nats, &options(&[]), false).await.unwrap();
    assert_eq!(made.len(), 6);
    assert!(made.iter().all(|done| matches!(done, Provisioned::Made(_))), "{made:?}");

    let config = check(&nats).await.unwrap();
    let again = provision(&nats, &options(&[]), false).await.unwrap();
    assert!(again.iter().all(|done| matches!(done, Provisioned::Unchanged(_))), "{again:?}");
    assert_eq!(check(&nats).await.unwrap(), config, "identities stay");
    assert_eq!(config.slots.get(), 8);
    assert!(config.identity(Stream::Rulings).starts_with("20"), "{config:?}");

    let slots = provision(&nats, &options(&["--slots", "4"]), true).await.unwrap_err();
    assert!(slots.is::<BadConfiguration>() && slots.to_string().contains("EVENTS: description"), "{slots:#}");
    let shorter = ["--events-age", "1d", "--history", "600"];
    let limits = provision(&nats, &options(&shorter), false).await.unwrap_err();
    assert!(limits.to_string().contains("EVENTS: max_age"), "{limits:#}");
    let changed = provision(&nats, &options(&shorter), true).await.unwrap();
    assert_eq!(
        changed.iter().filter(|done| matches!(done, Provisioned::Changed(..))).count(),
        2,
        "{changed:?}"
    );
    assert_eq!(check(&nats).await.unwrap(), config, "limits are no identity");
}

#[tokio::test]
async fn check_waits_for_streams_and_refuses_those_of_others() {
    let server = Server::start();
    let nats = server.nats("observer").await;
    let waiting = tokio::spawn({
        let nats = nats.clone();
        async move { check(&nats).await }
    });
    nats.connection()
        .unwrap()
        .jetstream
        .create_stream(async_nats::jetstream::stream::Config {
            name: "EVENTS".into(),
            subjects: vec!["fed.event.>".into()],
            ..Default::default()
        })
        .await
        .unwrap();
    assert!(!waiting.is_finished(), "a missing stream is waited for");
    let refused = provision(&nats, &options(&[]), false).await.unwrap_err();
    assert!(refused.to_string().contains("EVENTS: description is None"), "{refused:#}");
    nats.connection().unwrap().jetstream.delete_stream("EVENTS").await.unwrap();
    provision(&nats, &options(&[]), false).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_publish_says_what_became_of_it() {
    let server = Server::start();
    let nats = provisioned(&server).await;
    let publish = async |subject: &str, headers: HeaderMap| {
        publish_acked(&nats, subject.to_owned(), headers, Bytes::from("{}"), PATIENCE).await
    };
    assert_eq!(publish("fed.ruling.3.main", with_id("main.1")).await.unwrap(), Stored::New(Sequence(1)));
    assert_eq!(
        publish("fed.ruling.3.main", with_id("main.1")).await.unwrap(),
        Stored::Duplicate(Sequence(1))
    );
    let mut late = with_id("main.2");
    late.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
    let wrong = publish("fed.ruling.3.main", late).await.unwrap_err();
    assert!(matches!(wrong, NotStored::WrongLastSequence), "{wrong}");
    let nowhere = publish("fed.nowhere", HeaderMap::new()).await.unwrap_err();
    assert!(matches!(nowhere, NotStored::Unclear(_)), "{nowhere}");
}

fn ruling(version: u64, previous: RulingHash, sequence: u64) -> Ruling {
    let event = event(
        MONDAY.after(Period::from_secs(i64::try_from(sequence).unwrap())),
        Body::ClockDue(ClockDue { due: MONDAY }),
    );
    let position =
        Position { stream: "2026".into(), sequence: Sequence(sequence), through: Sequence(sequence - 1) };
    Ruling {
        schema: Schema::Ruling,
        portfolio: PortfolioId::main(),
        version: Version(version),
        previous,
        position,
        event,
        terms: terms(),
        hearing: Hearing::default(),
        before: ledger(),
        outcomes: Vec::new(),
        decisions: Vec::new(),
        after: ledger(),
    }
}

#[tokio::test]
async fn the_head_is_the_fold_of_the_log_and_void_rulings_do_not_count() {
    let server = Server::start();
    let nats = provisioned(&server).await;
    let config = check(&nats).await.unwrap();
    let main = PortfolioId::main();
    let slot = main.slot(config.slots);
    assert!(rulings::heads(&nats, slot).await.unwrap().heads.is_empty());

    let first = ruling(1, RulingHash::default(), 1).to_bytes().unwrap();
    let rival = ruling(1, RulingHash::default(), 2).to_bytes().unwrap();
    let second = ruling(2, RulingHash::of(&first), 3).to_bytes().unwrap();
    let void = ruling(2, RulingHash::of(&rival), 4).to_bytes().unwrap();
    for bytes in [&first, &rival, &second, &void] {
        let subject = nats.subjects.ruling(slot, &main);
        publish_acked(&nats, subject, HeaderMap::new(), bytes.clone().into(), PATIENCE).await.unwrap();
    }

    let heads = rulings::heads(&nats, slot).await.unwrap();
    let head = &heads.heads[&main];
    assert_eq!((head.chain.version, head.chain.hash), (Version(2), RulingHash::of(&second)));
    assert_eq!((head.sequence, head.last_on_subject, head.void), (Sequence(3), Sequence(4), 2));
    assert_eq!(head.ruling.to_bytes().unwrap(), second);

    let mut follower = rulings::follow(&nats, &config, Sequence(3));
    let third = follower.next().await.unwrap();
    assert_eq!((third.sequence, third.ruling.unwrap().version), (Sequence(3), Version(2)));
    assert_eq!(follower.next().await.unwrap().bytes, void);
}

#[tokio::test]
async fn a_portfolio_with_a_ruling_that_was_changed_or_lost_has_no_head_and_the_others_do() {
    let server = Server::start();
    let nats = provisioned(&server).await;
    let config = check(&nats).await.unwrap();
    let named = |bytes: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(rulings::HASH, RulingHash::of(bytes).to_string().as_str());
        headers
    };
    let append = async |portfolio: &PortfolioId, headers: HeaderMap, bytes: Vec<u8>| {
        let subject = nats.subjects.ruling(portfolio.slot(config.slots), portfolio);
        publish_acked(&nats, subject, headers, bytes.into(), PATIENCE).await.unwrap().sequence()
    };
    let of = |portfolio: &PortfolioId, version: u64, previous: RulingHash| {
        Ruling { portfolio: portfolio.clone(), ..ruling(version, previous, version) }.to_bytes().unwrap()
    };
    let [sound, altered, lost]: [PortfolioId; 3] = ["sound", "altered", "lost"].map(|id| id.parse().unwrap());
    for portfolio in [&sound, &altered, &lost] {
        let mut previous = RulingHash::default();
        for version in 1..=4 {
            let bytes = of(portfolio, version, previous);
            previous = RulingHash::of(&bytes);
            let mut stored = bytes.clone();
            if portfolio == &altered && version == 4 {
                // One bit of the last: nothing follows it that could tell.
                *stored.last_mut().unwrap() ^= 1;
            }
            if portfolio != &lost || version != 3 {
                append(portfolio, named(&bytes), stored).await;
            }
        }
    }
    for (portfolio, damage) in [(&altered, "is not what was stored there"), (&lost, "was changed or lost")] {
        let slot = portfolio.slot(config.slots);
        let heads = rulings::heads(&nats, slot).await.unwrap();
        assert!(heads.damaged[portfolio].to_string().ends_with(damage), "{heads:?}");
        assert!(!heads.heads.contains_key(portfolio));
        let failed = rulings::head(&nats, slot, portfolio).await.unwrap_err();
        assert!(failed.is::<rulings::Damage>(), "{failed:#}");
    }
    let head = rulings::head(&nats, sound.slot(config.slots), &sound).await.unwrap().unwrap();
    assert_eq!(head.chain.version, Version(4));
}

#[tokio::test]
async fn a_stream_made_anew_ends_its_readers() {
    let server = Server::start();
    let nats = provisioned(&server).await;
    let config = check(&nats).await.unwrap();
    nats.connection().unwrap().jetstream.delete_stream("RULINGS").await.unwrap();
    provision(&nats, &options(&[]), false).await.unwrap();
    let mut follower = rulings::follow(&nats, &config, Sequence(1));
    let replaced = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap().unwrap_err();
    assert!(replaced.to_string().contains("RULINGS was made anew"), "{replaced}");
}

#[tokio::test]
async fn the_roster_is_followed() {
    let server = Server::start();
    let nats = provisioned(&server).await;
    let config = check(&nats).await.unwrap();
    let shutdown = Shutdown::new();
    let roster = Roster::watch(&nats, &config, &shutdown).await.unwrap();
    assert!(roster.roles().is_enabled(&Role::CEO), "who is not named is enabled");
    roster.set_enabled(&Role::CEO, false, "ada").await.unwrap();
    assert!(!roster.roles().is_enabled(&Role::CEO));

    let late = Roster::watch(&nats, &config, &shutdown).await.unwrap();
    assert!(!late.roles().is_enabled(&Role::CEO), "what stands in it is known at once");
    roster.set_enabled(&Role::CEO, true, "ada").await.unwrap();
    let mut follow = late.subscribe();
    let seen = follow.wait_for(|roles| roles.is_enabled(&Role::CEO));
    tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_admin_address_that_is_none_is_bad_configuration() {
    let admin = mesh::admin::Admin::new();
    let failed = admin.serve("nowhere", None, &Shutdown::new()).await.unwrap_err();
    assert!(failed.is::<BadConfiguration>(), "{failed:#}");
}

#[tokio::test]
async fn a_switch_that_failed_does_not_happen_later() {
    let mut server = Server::start();
    let nats = provisioned(&server).await;
    let config = check(&nats).await.unwrap();
    let roster = Roster::watch(&nats, &config, &Shutdown::new()).await.unwrap();
    server.kill();
    until("the connection is lost", async || !nats.is_connected()).await;
    let failed = roster.set_enabled(&Role::CEO, false, "ada").await.unwrap_err();
    assert_eq!(failed.to_string(), "not connected to NATS");
    server.start_again();
    until("the connection is back", async || nats.is_connected()).await;
    // Whatever the client had kept is sent before this.
    until("the connection carries", async || nats.connection().unwrap().round_trip().await.is_ok()).await;
    let late = Roster::watch(&nats, &config, &Shutdown::new()).await.unwrap();
    assert!(late.roles().is_enabled(&Role::CEO));
}
