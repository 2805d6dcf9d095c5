//! The arbiter as a process, on a real NATS server, with the real roles: every event ruled once, whatever happens to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

#[path = "../../../mesh/tests/server/mod.rs"]
mod server;
mod world;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use mesh::publish::publish_acked;
use mesh::streams::{check, provision};
use proto::decision::{Decision, DecisionType};
use proto::event::{Event, EventKind};
use proto::id::{EventId, PortfolioId, Sequence};
use proto::ledger::Ruled;
use proto::number::Fraction;
use proto::ruling::{Absence, Heard};
use proto::subject::Stream;
use proto::time::Period;
use server::{PATIENCE, options, until};
use world::{World, nth, portfolio};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_ruled_once_and_its_decisions_are_out_in_order() {
    let world = World::with_all_roles("").await;
    let _arbiter = world.arbiter("one").await;
    let start = mesh::clock::now();
    for step in 0..6 {
        for number in 0..5 {
            let drawdown = Fraction::lit(if step == 3 { 0.12 } else { 0.03 });
            let event = nth(&portfolio(number), step, start, |numbers| numbers.drawdown_pct = drawdown);
            world.publish(&event).await;
        }
    }
    let counted = world.settled().await;
    assert_eq!(counted.len(), 5);
    let heard = counted.values().flatten().flat_map(|ruling| ruling.hearing.roles.values());
    assert!(heard.clone().count() >= 5 * 6 * 6);
    for role in heard {
        assert!(
            matches!(role, Heard::Verdict { .. } | Heard::Absent { why: Absence::Timeout }),
            "only a freeze closes a round before all are heard: {role:?}"
        );
    }
    let decided: Vec<Decision> =
        counted.values().flatten().flat_map(|ruling| ruling.decisions.clone()).collect();
    assert!(decided.iter().any(|decision| decision.decision_type() == DecisionType::Freeze));
    until("the decisions are out", async || world.decisions().await.len() >= decided.len()).await;
    for (portfolio, rulings) in &counted {
        let out = world.decisions().await.into_iter().filter(|decision| decision.portfolio == *portfolio);
        let told: Vec<Decision> = rulings.iter().flat_map(|ruling| ruling.decisions.clone()).collect();
        assert_eq!(out.collect::<Vec<_>>(), told, "{portfolio}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_arbiter_takes_up_where_it_was() {
    let world = World::with_all_roles("").await;
    let start = mesh::clock::now();
    let mut step = 0;
    for life in 0..4 {
        let arbiter = world.arbiter(&format!("life-{life}")).await;
        for _ in 0..5 {
            for number in 0..6 {
                world.publish(&nth(&portfolio(number), step, start, |_| ())).await;
            }
            step += 1;
        }
        let least = (life * 25) as usize;
        until("it is in the middle of its work", async || world.all(Stream::Rulings).await.len() > least)
            .await;
        arbiter.kill();
    }
    let _last = world.arbiter("last").await;
    let counted = world.settled().await;
    assert_eq!(counted.values().map(Vec::len).sum::<usize>(), 6 * 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_arbiters_at_once_fork_nothing() {
    let world = World::with_all_roles("").await;
    let _one = world.arbiter_with("one", &["--leases", "off"]).await;
    let _two = world.arbiter_with("two", &["--leases", "off"]).await;
    let start = mesh::clock::now();
    for step in 0..10 {
        for number in 0..4 {
            let drawdown = Fraction::lit(if step % 4 == 3 { 0.07 } else { 0.01 });
            let event = nth(&portfolio(number), step, start, |numbers| numbers.drawdown_pct = drawdown);
            world.publish(&event).await;
        }
    }
    let counted = world.settled().await;
    assert_eq!(counted.values().map(Vec::len).sum::<usize>(), 4 * 10);
    assert_eq!(world.all(Stream::Rulings).await.len(), 40, "on one server nothing is appended in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_overcome() {
    let mut world = World::with_all_roles("").await;
    let _arbiter = world.arbiter("one").await;
    let (main, start) = (PortfolioId::main(), mesh::clock::now());
    for step in 0..4 {
        world.publish(&nth(&main, step, start, |_| ())).await;
        if step % 2 == 1 {
            world.server.restart();
            let connected = || world.nats.connection().unwrap().client.flush();
            until("the server is back", async || {
                connected().await.is_ok() && world.nats.connection().unwrap().round_trip().await.is_ok()
            })
            .await;
        }
    }
    assert_eq!(world.settled().await[&main].len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_absent_and_the_others_are_heard() {
    let mut world = World::new("").await;
    world.serve::<supervisor::Supervisor>("supervisor").await;
    world.serve::<cro::Cro>("cro").await;
    let _arbiter = world.arbiter("one").await;
    let began = Instant::now();
    world.publish(&nth(&PortfolioId::main(), 0, mesh::clock::now(), |_| ())).await;
    let counted = world.settled().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    let heard = &counted[&PortfolioId::main()][0].hearing.roles;
    let absent = |role: &proto::id::Role| heard[role].clone();
    assert!(matches!(absent(&proto::id::Role::SUPERVISOR), Heard::Verdict { .. }));
    assert_eq!(absent(&proto::id::Role::CEO), Heard::Absent { why: Absence::NoResponders });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_is_due_is_an_event_and_is_ruled() {
    let world = World::with_all_roles("[supervisor]\nfeed_silence = \"1s\"\n").await;
    let _arbiter = world.arbiter("one").await;
    world.publish(&nth(&PortfolioId::main(), 0, mesh::clock::now(), |_| ())).await;
    until("the silence is ruled", async || {
        let counted = world.counted().await;
        let kinds = counted.values().flatten().map(|ruling| ruling.event.kind());
        kinds.collect::<Vec<_>>().contains(&EventKind::ClockDue)
    })
    .await;
    world.settled().await;
}

/// A portfolio that halts keeps the watermark of its slot back, further than what a ledger remembers of timers.
#[tokio::test(flavor = "multi_thread")]
async fn timers_that_a_ledger_has_forgotten_are_not_ruled_again() {
    let world = World::with_all_roles("").await;
    let (main, start) = (PortfolioId::main(), mesh::clock::now());
    let halts = world.neighbour(&main);
    world.damage(&halts).await;
    let one = world.spawn("one", &[]);
    world.publish(&nth(&halts, 0, start, |_| ())).await;
    world.publish(&nth(&main, 0, start, |_| ())).await;
    let timers = Ruled::RECENT + 16;
    for due in (0_i64..).take(timers) {
        world.publish(&Event::clock_due(&main, start.after(Period::from_millis(due)))).await;
    }
    let ruled = async |count| world.counted().await.get(&main).is_some_and(|rulings| rulings.len() == count);
    until("the timers are ruled", async || ruled(timers + 1).await).await;
    one.kill();

    let _two = world.spawn("two", &[]);
    world.publish(&nth(&main, 1, start, |_| ())).await;
    until("what came later is ruled, and nothing else", async || ruled(timers + 2).await).await;
    let counted = world.counted().await;
    let ids: BTreeSet<EventId> = counted[&main].iter().map(|ruling| ruling.event.id).collect();
    assert_eq!(ids.len(), timers + 2, "an event was ruled twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_passed() {
    let world = World::with_all_roles("").await;
    let _arbiter = world.arbiter("one").await;
    let main = PortfolioId::main();
    let subject = world.nats.subjects.event(main.slot(world.config.slots), &main, EventKind::Snapshot);
    publish_acked(&world.nats, subject, HeaderMap::new(), "{}".into(), PATIENCE).await.unwrap();
    world.publish(&nth(&main, 0, mesh::clock::now(), |_| ())).await;
    until("the event behind it is ruled", async || !world.counted().await.is_empty()).await;
    let counted = world.counted().await;
    assert_eq!(counted[&main][0].position.through, Sequence(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_made_anew_stops_its_slots_until_a_person_accepts_it() {
    let world = World::with_all_roles("").await;
    let one = world.arbiter("one").await;
    let (main, start) = (PortfolioId::main(), mesh::clock::now());
    world.publish(&nth(&main, 0, start, |_| ())).await;
    world.settled().await;

    let gone = world.lose_events().await;
    until("it says what to do", async || world.is_told_to_accept("one", &gone).await).await;
    // What was ruled is read again too, and known.
    for step in 0..2 {
        world.publish(&nth(&main, step, start, |_| ())).await;
    }
    assert_eq!(world.counted().await[&main].len(), 1, "nothing is ruled before somebody has looked");
    world.accept(&gone).await;
    until("it goes on by itself", async || world.is_ready("one").await).await;
    let counted = world.settled().await;
    let now = check(&world.nats).await.unwrap();
    assert_eq!(counted[&main].len(), 2, "each event is ruled once");
    assert_eq!(counted[&main][1].position.stream, now.identity(Stream::Events));
    assert_eq!(now.predecessor(Stream::Events, &gone).unwrap().by, "ada");

    // Whoever starts later sees it in the rulings; what was accepted before says nothing for another one.
    one.kill();
    let gone = world.lose_events().await;
    let _two = world.spawn("two", &[]);
    until("it says so too", async || world.is_told_to_accept("two", &gone).await).await;
    world.publish(&nth(&main, 2, start, |_| ())).await;
    world.accept(&gone).await;
    until("it goes on by itself", async || world.is_ready("two").await).await;
    assert_eq!(world.settled().await[&main].len(), 3);
    provision(&world.nats, &options(&["--events-age", "1d"]).unwrap(), true).await.unwrap();
    let now = check(&world.nats).await.unwrap();
    assert!(now.stands_for(Stream::Events, &gone), "other limits leave what was accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_in_order() {
    let world = World::with_all_roles("").await;
    let mut arbiter = world.arbiter("one").await;
    world.publish(&nth(&PortfolioId::main(), 0, mesh::clock::now(), |_| ())).await;
    let pid = arbiter.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut ended = None;
    until("it has ended", async || {
        ended = arbiter.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_policy_is_refused_with_every_mistake() {
    let world = World::new("").await;
    let policy: PathBuf = world.files.path().join("bad.toml");
    std::fs::write(&policy, "[court]\nconfirm = 0\nsuspect_jump_pct = 7.0\n").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_federation-arbiter"))
        .args(["--nats-url", &world.server.url()])
        .arg("--policy")
        .arg(&policy)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(64));
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(
        said.contains("confirm") && said.contains("suspect_jump_pct") && said.contains("bad.toml:3"),
        "{said}"
    );
}
