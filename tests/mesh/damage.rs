//! One byte of a stored ruling flipped on the disk: it is noticed, that portfolio halts, and the others go on.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use local::Mesh;
use serde_json::Value;

use crate::feed::SNAPSHOT;
use crate::oracle::messages;
use crate::support::{World, snapshot_of, wait_for};

/// Flips one bit in the middle of these bytes, wherever the server keeps them.
fn flip(store: &Path, bytes: &[u8]) -> Result<()> {
    for entry in std::fs::read_dir(store.join("jetstream/$G/streams/RULINGS/msgs"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "blk") {
            continue;
        }
        let mut block = std::fs::read(&path)?;
        if let Some(at) = block.windows(bytes.len()).position(|window| window == bytes) {
            block[at + bytes.len() / 2] ^= 1;
            std::fs::write(&path, block)?;
            return Ok(());
        }
    }
    anyhow::bail!("the ruling is in no file")
}

/// The rulings of a portfolio, as they are stored.
async fn rulings(world: &World, portfolio: &str) -> Result<Vec<Vec<u8>>> {
    let stream = world.jetstream().await?.get_stream("RULINGS").await?;
    let all = messages(&stream).await?;
    let is_its = |bytes: &[u8]| {
        let ruling: Result<Value, _> = serde_json::from_slice(bytes);
        ruling.is_ok_and(|ruling| ruling["portfolio"] == portfolio)
    };
    Ok(all.into_iter().map(|(_, bytes)| bytes).filter(|bytes| is_its(bytes)).collect())
}

async fn effective(world: &World, portfolio: &str) -> Result<Option<String>> {
    let key = format!("quantum:federation:effective:{portfolio}");
    Ok(redis::cmd("GET").arg(key).query_async(&mut world.redis.clone()).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_a_stored_ruling_flipped_halts_its_portfolio_and_the_others_go_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let builder = Mesh::builder().data(folder.path()).env("FED_EFFECTIVE_TTL", "3s");
    let mut world = World::start(builder).await?;
    for _ in 0..5 {
        for portfolio in ["hit", "sound"] {
            let entry = world.publish(SNAPSHOT, &snapshot_of(portfolio, 0.01)).await?;
            world.ruled(portfolio, SNAPSHOT, &entry).await?;
        }
    }
    ensure!(effective(&world, "hit").await?.is_some(), "it was governed");
    let before = rulings(&world, "hit").await?;
    for process in ["arbiter", "gateway", "nats"] {
        world.mesh.stop(process).await?;
    }
    flip(&folder.path().join("nats"), before.get(2).context("five rulings")?)?;
    world.mesh.start_one("nats").await?;
    for process in ["arbiter", "gateway"] {
        world.mesh.spawn_one(process)?;
    }
    world.mesh.wait_ready(&["gateway".to_owned()]).await?;

    // The arbiter says so, and is not ready; so does the gateway, which serves all others.
    let admin = wait_for("the arbiter to listen", async || Ok(world.mesh.admin_url("arbiter"))).await?;
    let ask =
        async |path: &str| anyhow::Ok(world.http.get(format!("{admin}{path}")).send().await?.text().await?);
    wait_for("the arbiter to notice", async || {
        Ok(ask("/readyz").await?.contains("portfolio hit halted").then_some(()))
    })
    .await?;
    ensure!(ask("/metrics").await?.contains("fed_portfolio_halted{portfolio=\"hit\"} 1"), "no metric");
    let health = world.get("/health").await?.to_string();
    ensure!(health.contains("portfolio hit halted") && !health.contains("sound halted"), "{health}");

    world.publish(SNAPSHOT, &snapshot_of("hit", 0.12)).await?;
    let entry = world.publish(SNAPSHOT, &snapshot_of("sound", 0.12)).await?;
    let ledger = world.ruled("sound", SNAPSHOT, &entry).await?;
    ensure!(ledger["freeze"].is_object(), "it is governed as before: {ledger}");
    wait_for("nobody to govern the other", async || {
        Ok(effective(&world, "hit").await?.is_none().then_some(()))
    })
    .await?;
    ensure!(effective(&world, "sound").await?.is_some(), "the document of the sound one is renewed");
    let told = world.told().await?;
    ensure!(told.iter().all(|told| told.decision.portfolio.as_str() == "sound"), "{told:?}");
    let stream = world.jetstream().await?.get_stream("RULINGS").await?;
    let last = stream.get_last_raw_message_by_subject("fed.ruling.*.hit").await?;
    ensure!(before.last().map(Vec::as_slice) == Some(&last.payload), "it was ruled on");
    Ok(())
}
