//! The table once more, as somebody would write it who has only read what the mesh promises.

use async_nats::Client;
use bytes::Bytes;
use tokio::time::timeout;

use super::World;
use crate::server::PATIENCE;

/// What is tried.
enum Try {
    Publish(&'static str),
    Subscribe(&'static str),
}
use Try::{Publish, Subscribe};

/// Nobody may publish there: where the server refuses it, everything before it is settled.
const LAST: &str = "nobody.may";

/// Tries what an identity may, then what it must not: the server refuses the latter, all of it and nothing else.
async fn judge(world: &World, name: &str, may: &[Try], must_not: &[Try]) {
    let (client, mut said) = world.client(name).await;
    let mut kept = Vec::new();
    for what in may.iter().chain(must_not) {
        attempt(&client, what, &mut kept).await;
    }
    client.publish(LAST, Bytes::new()).await.unwrap();
    let mut refused = Vec::new();
    loop {
        let text = timeout(PATIENCE, said.recv()).await.expect("the server refuses what is last").unwrap();
        if text.contains(LAST) {
            break;
        }
        refused.push(text);
    }
    let expected: Vec<String> = must_not
        .iter()
        .map(|what| match what {
            Publish(subject) => format!("nats: Permissions Violation for Publish to \"{subject}\""),
            Subscribe(subject) => format!("nats: Permissions Violation for Subscription to \"{subject}\""),
        })
        .collect();
    assert_eq!(refused, expected, "{name}");
}

async fn attempt(client: &Client, what: &Try, kept: &mut Vec<async_nats::Subscriber>) {
    match what {
        Publish(subject) => client.publish(*subject, Bytes::from_static(b"{}")).await.unwrap(),
        // One that is dropped would be ended before it was judged.
        Subscribe(subject) => kept.push(client.subscribe(*subject).await.unwrap()),
    }
}

#[tokio::test]
async fn a_role_hears_what_it_is_asked_and_nothing_else() {
    let world = World::new().await;
    let may = [
        Subscribe("fed.role.cro.evaluate"),
        Subscribe("fed.role.cro.review"),
        Subscribe("$SRV.PING"),
        Subscribe("$SRV.INFO.federation-cro"),
        Subscribe("$SRV.STATS.federation-cro.an-id"),
        Subscribe("_INBOX.fed.cro.*"),
        Publish("_INBOX.fed.cro.x"),
    ];
    let must_not = [
        Publish("fed.ruling.0.main"),
        Publish("fed.decision.main.FREEZE"),
        Publish("fed.event.0.main.portfolio.snapshot_updated"),
        Publish("fed.event.0.main.operator.command"),
        Publish("fed.event.0.main.clock.due"),
        Publish("fed.dead.portfolio.snapshot_updated"),
        Publish("fed.role.ceo.evaluate"),
        Publish("$KV.fed_lease.arbiter.lease.slot-0"),
        Publish("$KV.fed_roster.ceo"),
        Publish("$JS.API.INFO"),
        Publish("$JS.API.STREAM.NAMES"),
        Publish("$JS.API.STREAM.INFO.RULINGS"),
        Publish("$JS.API.STREAM.MSG.GET.RULINGS"),
        Publish("$JS.API.CONSUMER.CREATE.RULINGS"),
        Publish("$JS.API.STREAM.DELETE.RULINGS"),
        Publish("_INBOX.fed.arbiter.x"),
        Publish("_INBOX.x"),
        Subscribe("fed.role.ceo.evaluate"),
        Subscribe("fed.role.supervisor.review"),
        Subscribe("fed.role.*.evaluate"),
        Subscribe("fed.role.>"),
        Subscribe("fed.>"),
        Subscribe("fed.ruling.>"),
        Subscribe("fed.event.>"),
        Subscribe("_INBOX.fed.arbiter.*"),
        Subscribe("_INBOX.fed.cro2.*"),
        Subscribe("_INBOX.>"),
        Subscribe("$SRV.INFO.federation-ceo"),
        Subscribe("$KV.>"),
        Subscribe("$JS.>"),
        Subscribe(">"),
    ];
    judge(&world, "cro", &may, &must_not).await;
}

#[tokio::test]
async fn the_arbiter_rules_and_can_neither_forge_what_happened_nor_undo_what_was_ruled() {
    let world = World::new().await;
    let may = [
        Publish("fed.ruling.0.main"),
        Publish("fed.decision.main.FREEZE"),
        Publish("fed.event.0.main.clock.due"),
        Publish("fed.role.cro.evaluate"),
        Publish("fed.role.supervisor.review"),
        Publish("$KV.fed_lease.arbiter.lease.slot-0"),
        Publish("$JS.API.STREAM.INFO.RULINGS"),
        Publish("$JS.API.STREAM.INFO.KV_fed_roster"),
        Publish("$JS.API.STREAM.MSG.GET.RULINGS"),
        Publish("$JS.API.CONSUMER.CREATE.EVENTS.name.fed.event.0.>"),
        Publish("$JS.API.CONSUMER.MSG.NEXT.EVENTS.name"),
        Publish("$JS.API.CONSUMER.DELETE.EVENTS.name"),
        Subscribe("_INBOX.fed.arbiter.*"),
    ];
    let must_not = [
        Publish("fed.event.0.main.portfolio.snapshot_updated"),
        Publish("fed.event.0.main.operator.command"),
        Publish("fed.dead.portfolio.snapshot_updated"),
        Publish("$KV.fed_roster.cro"),
        Publish("$KV.fed_lease.gateway.lease.emit"),
        Publish("$JS.API.STREAM.DELETE.RULINGS"),
        Publish("$JS.API.STREAM.PURGE.RULINGS"),
        Publish("$JS.API.STREAM.UPDATE.RULINGS"),
        Publish("$JS.API.STREAM.CREATE.RULINGS"),
        Publish("$JS.API.STREAM.MSG.DELETE.RULINGS"),
        Publish("$JS.API.STREAM.RESTORE.RULINGS"),
        Publish("$JS.API.STREAM.SNAPSHOT.RULINGS"),
        Publish("$JS.API.STREAM.DELETE.EVENTS"),
        Publish("$JS.API.STREAM.PURGE.EVENTS"),
        Publish("$JS.API.CONSUMER.CREATE.EVENTS"),
        Publish("$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.name"),
        Publish("$JS.API.CONSUMER.CREATE.EVENTS.name.other.>"),
        Publish("_INBOX.fed.gateway.x"),
        Subscribe("fed.role.cro.evaluate"),
        Subscribe("fed.ruling.>"),
        Subscribe("_INBOX.fed.cro.*"),
        Subscribe("_INBOX.>"),
        Subscribe(">"),
    ];
    judge(&world, "arbiter", &may, &must_not).await;
    assert!(world.nats("observer").await.broker.describe("RULINGS").await.unwrap().is_some());
}

#[tokio::test]
async fn the_gateway_says_what_happened_and_decides_nothing() {
    let world = World::new().await;
    let may = [
        Publish("fed.event.0.main.portfolio.snapshot_updated"),
        Publish("fed.event.0.main.system.health_updated"),
        Publish("fed.event.0.main.model.performance_updated"),
        Publish("fed.event.0.main.operator.command"),
        Publish("fed.dead.portfolio.snapshot_updated"),
        Publish("$KV.fed_roster.cro"),
        Publish("$KV.fed_lease.gateway.lease.emit"),
        Publish("$SRV.INFO"),
        Publish("$JS.API.STREAM.MSG.GET.DEAD"),
        Publish("$JS.API.CONSUMER.CREATE.RULINGS.name.fed.ruling.>"),
        Subscribe("_INBOX.fed.gateway.*"),
    ];
    let must_not = [
        Publish("fed.ruling.0.main"),
        Publish("fed.decision.main.FREEZE"),
        Publish("fed.event.0.main.clock.due"),
        Publish("fed.role.cro.evaluate"),
        Publish("$KV.fed_lease.arbiter.lease.slot-0"),
        Publish("$JS.API.STREAM.DELETE.RULINGS"),
        Publish("$JS.API.STREAM.PURGE.EVENTS"),
        Publish("$JS.API.STREAM.UPDATE.EVENTS"),
        Publish("_INBOX.fed.arbiter.x"),
        Subscribe("fed.role.cro.evaluate"),
        Subscribe("_INBOX.fed.arbiter.*"),
        Subscribe(">"),
    ];
    judge(&world, "gateway", &may, &must_not).await;
}

#[tokio::test]
async fn an_observer_writes_nothing() {
    let world = World::new().await;
    let may = [
        Subscribe("fed.ruling.>"),
        Subscribe("fed.decision.main.*"),
        Subscribe("_INBOX.fed.observer.*"),
        Publish("$SRV.PING"),
        Publish("$SRV.STATS.federation-cro"),
        Publish("$JS.API.STREAM.INFO.RULINGS"),
        Publish("$JS.API.STREAM.MSG.GET.DEAD"),
        Publish("$JS.API.CONSUMER.CREATE.DECISIONS.name.fed.decision.>"),
    ];
    let must_not = [
        Publish("fed.event.0.main.portfolio.snapshot_updated"),
        Publish("fed.event.0.main.operator.command"),
        Publish("fed.event.0.main.clock.due"),
        Publish("fed.ruling.0.main"),
        Publish("fed.decision.main.FREEZE"),
        Publish("fed.dead.x"),
        Publish("fed.role.cro.evaluate"),
        Publish("$KV.fed_roster.cro"),
        Publish("$KV.fed_lease.arbiter.lease.slot-0"),
        Publish("$JS.API.STREAM.DELETE.RULINGS"),
        Publish("$JS.API.STREAM.PURGE.RULINGS"),
        Publish("$JS.API.STREAM.UPDATE.RULINGS"),
        Publish("$JS.API.STREAM.CREATE.MINE"),
        Publish("$JS.API.CONSUMER.DELETE.RULINGS.name"),
        Publish("$JS.API.CONSUMER.CREATE.KV_fed_lease.name.$KV.fed_lease.>"),
        Publish("_INBOX.fed.arbiter.x"),
        Subscribe("fed.role.cro.evaluate"),
        Subscribe("fed.role.>"),
        Subscribe("_INBOX.fed.arbiter.*"),
        Subscribe("_INBOX.>"),
        Subscribe(">"),
    ];
    judge(&world, "observer", &may, &must_not).await;
}

#[tokio::test]
async fn provision_makes_streams_and_deletes_none() {
    let world = World::new().await;
    let may = [
        Publish("$JS.API.STREAM.INFO.RULINGS"),
        Publish("$JS.API.STREAM.CREATE.KV_fed_lease"),
        Publish("$JS.API.STREAM.UPDATE.EVENTS"),
        Subscribe("_INBOX.fed.provision.*"),
    ];
    let must_not = [
        Publish("$JS.API.STREAM.DELETE.RULINGS"),
        Publish("$JS.API.STREAM.PURGE.RULINGS"),
        Publish("$JS.API.STREAM.CREATE.OTHERS"),
        Publish("$JS.API.STREAM.MSG.GET.RULINGS"),
        Publish("fed.event.0.main.operator.command"),
        Publish("fed.ruling.0.main"),
        Subscribe("fed.>"),
        Subscribe("_INBOX.fed.arbiter.*"),
    ];
    judge(&world, "provision", &may, &must_not).await;
}
