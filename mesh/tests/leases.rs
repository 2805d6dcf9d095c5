//! Leases on a real NATS server: shared evenly, given back at once, taken over when their holder is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use mesh::Node;
use mesh::lease::{Group, Lease, Leasing, share};
use mesh::streams::{MeshConfig, check, provision};
use server::{PATIENCE, Server, options, until};

/// Who works what now: the index of a replica for each lease, as its work says.
type Working = Arc<Mutex<BTreeMap<String, Vec<usize>>>>;

struct World {
    server: Server,
    config: MeshConfig,
    working: Working,
    replicas: Vec<Node>,
}

/// Takes itself off the list when its work ends, however it ends.
struct Entry(Working, String, usize);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.lock().unwrap().get_mut(&self.1).unwrap().retain(|index| *index != self.2);
    }
}

impl World {
    async fn new(args: &[&str]) -> Self {
        let server = Server::start();
        let nats = server.nats("provision").await;
        provision(&nats, &options(args).unwrap(), false).await.unwrap();
        let config = check(&nats).await.unwrap();
        Self { server, config, working: Working::default(), replicas: Vec::new() }
    }

    async fn join(&mut self, leasing: Leasing) {
        let node = self.server.node("worker", "").await;
        let leases = ["a", "b", "c", "d", "e"].map(Lease::named).into();
        let (working, index) = (Arc::clone(&self.working), self.replicas.len());
        share(&node, &self.config, Group { name: "worker", leases }, leasing, move |lease, shutdown| {
            let entry = Entry(Arc::clone(&working), lease.to_string(), index);
            async move {
                entry.0.lock().unwrap().entry(entry.1.clone()).or_default().push(index);
                shutdown.requested().await;
                drop(entry);
                Ok(())
            }
            .boxed()
        });
        node.ready.hold();
        self.replicas.push(node);
    }

    /// How many leases each works; none while a lease is worked by none or by several.
    fn counts(&self) -> Option<Vec<usize>> {
        let working = self.working.lock().unwrap();
        let mut counts = vec![0; self.replicas.len()];
        for workers in working.values() {
            let [only] = workers[..] else { return None };
            counts[only] += 1;
        }
        (working.len() == 5).then_some(counts)
    }

    async fn until_counts(&self, expected: &[usize]) -> Duration {
        let began = Instant::now();
        until(&format!("shares are {expected:?}"), async || {
            self.counts().is_some_and(|mut counts| {
                counts.sort_unstable();
                counts == expected
            })
        })
        .await;
        began.elapsed()
    }
}

#[tokio::test]
async fn leases_are_shared_taken_over_and_given_back() {
    let mut world = World::new(&[]).await;
    assert_eq!(world.config.lease_ttl(), Duration::from_secs(3));
    world.join(Leasing::On).await;
    world.until_counts(&[5]).await;
    world.join(Leasing::On).await;
    world.until_counts(&[2, 3]).await;
    world.join(Leasing::On).await;
    world.until_counts(&[1, 2, 2]).await;
    for node in &world.replicas {
        until("it is ready", async || node.admin.open_conditions().is_empty()).await;
        let metrics = node.admin.metrics();
        assert!(metrics.contains("fed_lease_replicas 3\n"), "{metrics}");
        assert!(metrics.contains("fed_leases_lost_total 0\n"), "{metrics}");
    }

    world.replicas[0].shutdown.kill();
    let killed = world.until_counts(&[0, 2, 3]).await;
    assert!(killed < Duration::from_secs(5), "taken over {killed:?} after a kill");

    let began = Instant::now();
    world.replicas[1].shutdown.finish(PATIENCE).await.unwrap();
    world.until_counts(&[0, 0, 5]).await;
    let left = began.elapsed();
    assert!(left < Duration::from_secs(1), "taken over {left:?} after shutdown was requested");
    println!("taken over {killed:?} after a kill, {left:?} after shutdown was requested");
}

#[tokio::test]
async fn a_restarted_server_is_overcome() {
    let mut world = World::new(&["--lease-ttl", "1s"]).await;
    world.join(Leasing::On).await;
    world.join(Leasing::On).await;
    world.until_counts(&[2, 3]).await;
    world.server.kill();
    until("nobody works what it cannot hold", async || {
        world.working.lock().unwrap().values().all(Vec::is_empty)
    })
    .await;
    world.server.start_again();
    world.until_counts(&[2, 3]).await;
}

#[tokio::test]
async fn without_leases_everybody_works_everything() {
    let mut world = World::new(&[]).await;
    world.join(Leasing::Off).await;
    world.join(Leasing::Off).await;
    until("both work everything", async || {
        let working = world.working.lock().unwrap();
        working.len() == 5 && working.values().all(|workers| workers.len() == 2)
    })
    .await;
}

#[test]
fn a_lease_lives_a_second_at_least() {
    assert!(options(&["--lease-ttl", "900ms"]).is_err());
}
