//! A rolling update under load: every process is replaced by a new one, and no round is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local::Mesh;
use local::service::Service;
use proto::ruling::{Absence, Heard, HeardReview, Ruling};

use crate::feed::{Feed, Plan};
use crate::oracle::{counted, messages};
use crate::support::World;

/// Entries that come between one replacement and the next.
const BETWEEN: usize = 10;

/// The name of a service's replica.
fn replica(service: Service, number: usize) -> String {
    if number == 1 { service.to_string() } else { format!("{service}-{number}") }
}

/// The roles that a ruling had to do without.
fn absent(ruling: &Ruling) -> Vec<(String, Absence)> {
    let heard = ruling.hearing.roles.iter().filter_map(|(role, heard)| match heard {
        Heard::Absent { why } => Some((role.to_string(), why.clone())),
        Heard::Verdict { .. } => None,
    });
    let review = ruling.hearing.review.iter().filter_map(|review| match review {
        HeardReview::Absent { role, why } => Some((format!("{role}, to review"), why.clone())),
        HeardReview::Opinion { .. } => None,
    });
    heard.chain(review).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_is_replaced_under_load_and_nobody_is_missed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let policy = crate::support::quick_policy(folder.path())?;
    // A freeze closes a round before all have answered, which is no absence that this is about.
    let builder = Mesh::builder().policy(&policy).env("FED_FREEZE_CLOSE", "1s").env("FED_ASK_TIMEOUT", "1s");
    let mut world = World::start(builder).await?;
    for service in Service::ALL {
        world.mesh.start_one(&replica(service, 2)).await?;
    }
    let feed =
        Feed::start(&world, Plan { pause: Duration::from_millis(50), health_every: 7, ..Plan::default() });
    feed.more(BETWEEN).await?;
    for service in Service::ALL {
        for old in [1, 2] {
            world.mesh.start_one(&replica(service, old + 2)).await?;
            let status = world.mesh.stop(&replica(service, old)).await?;
            ensure!(status.success(), "{} did not end in order: {status}", replica(service, old));
            feed.more(BETWEEN).await?;
        }
    }
    // The API is the first gateway's, which has gone.
    let entries = feed.check(&world, Some(&policy)).await?;
    let stream = world.jetstream().await?.get_stream("RULINGS").await?;
    let rulings = counted(messages(&stream).await?)?;
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    for (role, why) in rulings.iter().flat_map(|(ruling, _)| absent(ruling)) {
        *missed.entry(format!("{role}: {why:?}")).or_default() += 1;
    }
    println!("{entries} entries, {} rulings while 16 processes were replaced", rulings.len());
    ensure!(missed.is_empty(), "missed in {} rulings: {missed:?}", rulings.len());
    rulings.first().context("nothing was ruled")?;
    Ok(())
}
