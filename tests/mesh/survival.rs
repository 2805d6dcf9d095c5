//! Everything killed and started again goes on where it was, from the streams alone.

use anyhow::Result;
use local::Mesh;

use crate::oracle;
use crate::support::{World, snapshot};

const SERVICES: [&str; 8] = ["supervisor", "cro", "ceo", "cio", "cfo", "researcher", "arbiter", "gateway"];

#[tokio::test(flavor = "multi_thread")]
async fn every_service_killed_at_once_goes_on_where_it_was() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let before = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    world.told_at_least(7).await?;
    for service in SERVICES {
        world.mesh.kill(service).await?;
    }
    // Published while nobody is there: it waits in Redis.
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    for service in SERVICES {
        world.mesh.start_one(service).await?;
    }
    let after = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(after["holds"], before["holds"], "the same holds stand");
    assert_eq!(after["effective"], before["effective"]);
    assert_eq!(after["version"], before["version"].as_u64().unwrap() + 1);
    assert_eq!(after["memories"]["supervisor"].is_object(), before["memories"]["supervisor"].is_object());
    assert_eq!(world.told().await?.len(), 7, "nothing was told twice");
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_services_killed_at_once_go_on_where_they_were() -> Result<()> {
    let mut world = World::start(Mesh::builder()).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let before = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    world.told_at_least(7).await?;
    for process in SERVICES.into_iter().chain(["redis", "nats"]) {
        world.mesh.kill(process).await?;
    }
    for process in ["nats", "redis"].into_iter().chain(SERVICES) {
        world.mesh.start_one(process).await?;
    }
    // Redis may have lost its last second: what it lost of the decisions is told again, with the same ids.
    let mut world = World::of(world.mesh).await?;
    world.told_at_least(7).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let after = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(after["holds"], before["holds"], "the same holds stand");
    assert_eq!(after["effective"], before["effective"]);
    assert_eq!(world.told().await?.len(), 7, "nothing was told twice");
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_started_again_on_the_same_data_goes_on_where_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::start(Mesh::builder().data(folder.path())).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let before = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    world.told_at_least(7).await?;
    world.mesh.down().await?;

    let mut world = World::start(Mesh::builder().data(folder.path())).await?;
    assert_eq!(world.told().await?.len(), 7, "Redis kept what was told");
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let after = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    assert_eq!(after["holds"], before["holds"]);
    assert_eq!(after["version"], before["version"].as_u64().unwrap() + 1);
    assert_eq!(world.told().await?.len(), 7);
    oracle::check(&world, None).await
}
