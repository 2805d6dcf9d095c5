//! One seed's life of the way between Redis and the mesh: real gateways, a real arbiter, a Redis that breaks down and loses
//! things. Then peace, and the question what became of every entry and every decision.

mod backend;
mod gateway;
mod judge;

use std::time::Duration;

use clap::Parser as _;
use mesh::clock::Clock;
use mesh::streams::{self, Options};
use proto::id::SlotCount;
use proto::subject::{Stream, Subjects};
use proto::testing::MONDAY;
use tokio::time::{Instant, sleep};

use self::backend::Desk;
use self::gateway::Gateway;
use self::judge::entries_and_decisions;
use crate::broker::Bus;
use crate::broker::faults::Faults as BusFaults;
use crate::judge::{Judge, Wrong};
use crate::life::{Came, POLICY};
use crate::process::{Habitat, Process};
use crate::random::Random;
use crate::redis::{FakeRedis, Faults};
use crate::staff::Staff;

/// How long peace may take to settle everything.
const PEACE: Duration = Duration::from_secs(180);
/// How often is looked whether everything is settled.
const LOOK: Duration = Duration::from_secs(1);

/// How a life is lived.
struct Plan {
    gateways: usize,
    desks: u64,
    entries: u64,
    kills: u64,
    /// Redis breaks down and comes back with what it saved.
    breakdowns: u64,
    saves: u64,
    trims: u64,
    deletions: u64,
}

struct Life {
    random: Random,
    plan: Plan,
    habitat: Habitat,
    slots: SlotCount,
    redis: FakeRedis,
    gateways: Vec<Option<Gateway>>,
    started: u64,
}

#[derive(clap::Parser)]
struct Provision {
    #[command(flatten)]
    options: Options,
}

impl Plan {
    fn drawn(random: &mut Random) -> Self {
        let mut often = |most: u64| if random.chance(400) { random.between(1, most) } else { 0 };
        let (kills, breakdowns, saves) = (often(300), often(100), often(300));
        let (trims, deletions) = (often(60), often(40));
        Self {
            gateways: usize::try_from(random.between(1, 3)).unwrap(),
            desks: random.between(1, 4),
            entries: random.between(3, 20),
            kills,
            breakdowns,
            saves,
            trims,
            deletions,
        }
    }
}

/// Lives a seed, on a runtime of its own whose time is made up.
pub(crate) fn live(seed: u64) -> Came {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { Life::begun(Random::new(seed)).live().await })
}

impl Life {
    fn begun(mut random: Random) -> Self {
        let plan = Plan::drawn(&mut random);
        let slots = SlotCount::try_from(2).unwrap();
        let options = Provision::parse_from(["provision", "--slots", "2"]).options;
        let configs = streams::wanted(&Subjects::default(), &options);
        let bus = Bus::new(configs, Staff::default(), random.fork());
        let clock = Clock::starting_at(MONDAY);
        let habitat = Habitat { bus: bus.clone(), clock, policy: POLICY };
        let node = habitat.node("staff", &bus.link("staff"));
        bus.state().staff = Staff::hired(&node, &Subjects::default());
        let redis = FakeRedis::new(clock, Faults::drawn(&mut random), random.fork());
        bus.state().faults = BusFaults::drawn(&mut random);
        Self { random, plan, habitat, slots, redis, gateways: Vec::new(), started: 0 }
    }

    async fn live(mut self) -> Came {
        let bus = self.habitat.bus.clone();
        let arbiter = self.habitat.arbiter("arbiter".to_owned(), "off");
        for _ in 0..self.plan.gateways {
            let gateway = self.start();
            self.gateways.push(Some(gateway));
        }
        let mut desks: Vec<Desk> =
            (0..self.plan.desks).map(|number| Desk::new(number, self.random.fork())).collect();
        for _ in 0..self.plan.entries {
            for desk in &mut desks {
                desk.publish(&self.redis);
                sleep(self.random.millis(0, 700)).await;
            }
            self.trouble();
        }
        self.peace();
        let mut judge = Judge::new(&bus, self.slots);
        let verdict = self.settle(&mut judge).await;
        let verdict = match (verdict, self.stop(arbiter).await) {
            (Ok(()), Ok(())) if self.redis.has_restarted() => Ok(()),
            (Ok(()), Ok(())) => judge.judge(),
            (Err(wrong), _) | (Ok(()), Err(wrong)) => Err(wrong),
        };
        let state = bus.state();
        let mut injected = state.injected.clone();
        injected.0.extend(self.redis.injected());
        Came { hash: state.trace.hash(), rulings: judge.rulings(), injected, verdict }
    }

    fn start(&mut self) -> Gateway {
        self.started += 1;
        Gateway::start(&self.habitat, &self.redis, format!("gateway-{}", self.started))
    }

    fn trouble(&mut self) {
        for index in 0..self.gateways.len() {
            if self.random.chance(self.plan.kills) {
                match self.gateways[index].take() {
                    Some(gateway) => gateway.kill(&self.habitat.bus),
                    None => self.gateways[index] = Some(self.start()),
                }
            }
        }
        if self.random.chance(self.plan.saves) {
            self.redis.save();
        }
        if self.random.chance(self.plan.breakdowns) {
            self.habitat.bus.note("redis breaks down");
            self.redis.restart();
        }
        if self.random.chance(self.plan.trims) {
            let keep = usize::try_from(self.random.between(0, 3)).unwrap();
            let stream = *self.random.pick(&backend::STREAMS);
            self.redis.trim(stream, keep);
        }
        if self.random.chance(self.plan.deletions) {
            let stream = *self.random.pick(&backend::STREAMS);
            self.redis.delete(stream);
        }
    }

    fn peace(&mut self) {
        self.habitat.bus.state().heal();
        self.redis.calm();
        for index in 0..self.gateways.len() {
            if self.gateways[index].is_none() {
                self.gateways[index] = Some(self.start());
            }
        }
    }

    async fn settle(&mut self, judge: &mut Judge) -> Result<(), Wrong> {
        let deadline = Instant::now() + PEACE;
        loop {
            let end = judge.end_of(Stream::Events);
            let mut open = judge.open(end);
            if self.redis.has_restarted() {
                // What Redis lost after one gateway had read it may be stored after what came later: it is known then,
                // and not ruled.
                open.retain(|told| !told.ends_with("is not ruled"));
            }
            if open.is_empty() {
                match entries_and_decisions(
                    &self.habitat.bus,
                    &self.redis.store(),
                    self.redis.has_restarted(),
                ) {
                    Ok(()) => return Ok(()),
                    Err(Wrong(what)) => open.push(what),
                }
            }
            if Instant::now() > deadline {
                return Err(Wrong(format!("not settled after {PEACE:?}: {}", open.join("; "))));
            }
            sleep(LOOK).await;
        }
    }

    async fn stop(&mut self, arbiter: Process) -> Result<(), Wrong> {
        for gateway in std::mem::take(&mut self.gateways).into_iter().flatten() {
            gateway.stop().await.map_err(Wrong)?;
        }
        arbiter.stop().await.map_err(Wrong)
    }
}
