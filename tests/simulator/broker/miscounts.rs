//! A server that is wrong about how much is left to read, as nats-server 2.9 is: all rulings are read all the same.

use std::sync::Arc;

use anyhow::Result;
use async_nats::HeaderMap;
use mesh::broker::Broker as _;
use mesh::clock::Clock;
use mesh::nats::Nats;
use mesh::rulings;
use proto::id::{PortfolioId, Slot};
use proto::ruling::Ruling;
use proto::subject::Subjects;
use proto::testing::MONDAY;
use proto::wire::Message as _;
use replay::{Model, Policies, Synthetic};

use super::{Bus, Handle};
use crate::random::Random;

const SLOT: Slot = Slot(1);
const PORTFOLIOS: u32 = 3;
/// Each read is miscounted otherwise: too many, too few, and none at all.
const READS: usize = 50;

#[tokio::test(start_paused = true)]
async fn heads_are_the_last_rulings_whatever_is_said_to_be_left() -> Result<()> {
    let subjects = Subjects::default();
    let bus = Bus::provisioned(&[], Random::new(7));
    let broker = Handle(bus.link("reader"));
    let mut model = Model::new(Policies::defaults()?);
    let mut last: Vec<Ruling> = Vec::new();
    for event in Synthetic::new(1, PORTFOLIOS)?.take(60) {
        for ruling in model.tell(event)? {
            let subject = subjects.ruling(SLOT, &ruling.portfolio);
            broker.append(subject, HeaderMap::new(), ruling.to_bytes()?.into()).await?;
            last.retain(|other| other.portfolio != ruling.portfolio);
            last.push(ruling);
        }
    }
    last.sort_by(|one, other| one.portfolio.cmp(&other.portfolio));

    bus.state().faults.miscounts = 1000;
    let nats = Nats { broker: Arc::new(broker), subjects, clock: Clock::starting_at(MONDAY) };
    for _ in 0..READS {
        let read = rulings::heads(&nats, SLOT).await?;
        let heads: Vec<Ruling> = read.heads.into_values().map(|head| head.ruling).collect();
        assert_eq!(heads, last);
        let nobody: PortfolioId = "nobody".parse()?;
        assert!(rulings::head(&nats, SLOT, &nobody).await?.is_none());
    }
    Ok(())
}
