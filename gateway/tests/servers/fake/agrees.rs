//! The same commands to both, and then the same state.

use anyhow::Result;
use gateway::backend::Backend;
use gateway::emit::downstream::Downstream;
use gateway::ingest::upstream::Upstream;
use mesh::clock::Clock;
use proto::id::{EntryId, Sequence};

use super::draw::{self, LETTER_TYPE};
use super::random::Random;
use super::real::{Held, Real};
use super::redis::{FakeRedis, Faults};

/// How many stories are told, each to an empty server.
const SEEDS: u64 = 20;
/// How many commands a story has.
const COMMANDS: usize = 40;
const IDENTITIES: [&str; 2] = ["2026-01-31T09:30:00Z", "2026-02-01T09:30:00Z"];
const STREAM: &str = "quantum:stream:portfolio.snapshot_updated";

fn fake() -> FakeRedis {
    FakeRedis::new(Clock::System, Faults::default(), Random::new(0))
}

#[tokio::test]
async fn what_the_gateway_writes_ends_in_the_same_state() -> Result<()> {
    let mut real = Real::start().await?;
    let mut written = 0;
    for seed in 0..SEEDS {
        real.clear().await?;
        let fake = fake();
        let mut random = Random::new(seed);
        let (mut there, mut here) = (real.backend.downstream().await?, fake.downstream().await?);
        let mut letters = (real.backend.upstream(STREAM).await?, fake.upstream(STREAM).await?);
        for _ in 0..COMMANDS {
            match random.between(0, 19) {
                0..=12 => write(&mut random, there.as_mut(), here.as_mut(), fake.store().through()).await?,
                13..=14 => {
                    let documents = draw::documents(&mut random);
                    there.renew(&documents).await?;
                    here.renew(&documents).await?;
                }
                15 => {
                    let entry = draw::health(&mut random);
                    there.tell(&entry).await?;
                    here.tell(&entry).await?;
                }
                16 if random.chance(300) => {
                    real.delete(&real.backend.keys.position()).await?;
                    fake.delete_position();
                }
                _ => {
                    let letter = draw::letter(&mut random);
                    letters.0.write_letter(&letter).await?;
                    letters.1.write_letter(&letter).await?;
                }
            }
            assert_eq!(there.position().await?, here.position().await?, "seed {seed}");
        }
        let held = real.held(LETTER_TYPE).await?;
        assert_eq!(held, Held::of(&fake.store(), LETTER_TYPE), "seed {seed}");
        written += held.decisions();
    }
    assert!(written > 100, "{written} decisions say little");
    Ok(())
}

/// The same batch to both, sometimes twice, as a writer does that got no answer.
async fn write(
    random: &mut Random,
    there: &mut dyn Downstream,
    here: &mut dyn Downstream,
    through: Sequence,
) -> Result<()> {
    let batch = draw::batch(random, through);
    let identity = IDENTITIES[usize::from(random.chance(100))];
    for _ in 0..random.between(1, 2) {
        assert_eq!(there.write(identity, &batch).await?, here.write(identity, &batch).await?, "{batch:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_gateway_reads_is_the_same() -> Result<()> {
    let mut real = Real::start().await?;
    for seed in 0..SEEDS {
        real.clear().await?;
        let fake = fake();
        let mut random = Random::new(seed);
        let (mut there, mut here) = (real.backend.upstream(STREAM).await?, fake.upstream(STREAM).await?);
        let mut last = EntryId { millis: 0, number: 0 };
        for _ in 0..COMMANDS {
            match random.between(0, 9) {
                0 => {
                    let keep = usize::try_from(random.between(0, 4))?;
                    real.trim(STREAM, keep).await?;
                    fake.trim(STREAM, keep);
                }
                1 if random.chance(300) => {
                    real.delete(STREAM).await?;
                    fake.delete(STREAM);
                    last = EntryId { millis: 0, number: 0 };
                }
                _ => {
                    last = next(&mut random, last);
                    let fields = vec![("payload".to_owned(), random.next().to_string())];
                    real.add_at(STREAM, last, &fields).await?;
                    fake.add_at(STREAM, last, fields);
                }
            }
            same_to_read(&mut random, there.as_mut(), here.as_mut()).await?;
        }
    }
    Ok(())
}

fn next(random: &mut Random, last: EntryId) -> EntryId {
    if random.chance(300) {
        EntryId { number: last.number + random.between(1, 3), ..last }
    } else {
        EntryId { millis: last.millis + random.between(1, 3), number: random.between(0, 3) }
    }
}

/// The extent, and what stands after some entry: only where there is one, for an empty read waits.
async fn same_to_read(random: &mut Random, there: &mut dyn Upstream, here: &mut dyn Upstream) -> Result<()> {
    let extent = there.extent().await?;
    assert_eq!(extent, here.extent().await?);
    let (events, began) = (random.between(1, 3).to_string(), EntryId { millis: random.next(), number: 0 });
    assert_eq!(there.began(&events, began).await?, here.began(&events, began).await?);
    let Some(extent) = extent.filter(|extent| extent.first.is_some()) else { return Ok(()) };
    let millis = random.between(0, extent.last_generated.millis.saturating_sub(1));
    let after = EntryId { millis, number: random.between(0, 3) };
    assert_eq!(there.read(after).await?.entries, here.read(after).await?.entries, "after {after}");
    Ok(())
}
