//! One seed's life of the way between Redis and the mesh: real gateways, real arbiters, a Redis that breaks down and loses
//! things. Then peace, and the question what became of every entry and every decision.

mod backend;
mod gateway;
mod judge;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ::gateway::metrics::Metrics;
use mesh::clock::Clock;
use mesh::lease::Leasing;
use proto::id::SlotCount;
use proto::subject::{Stream, Subjects};
use proto::testing::MONDAY;
use tokio::time::{Instant, sleep};

use self::backend::Desk;
use self::gateway::Gateway;
use self::judge::{entries_and_decisions, trimmed_entries_are_noticed};
use crate::broker::faults::Faults as BusFaults;
use crate::broker::{Bus, Link};
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
    slots: SlotCount,
    replicas: u64,
    gateways: usize,
    arbiters: usize,
    /// The arbiters all work everything, over a broker that keeps none of them out.
    rivals: bool,
    desks: u64,
    entries: u64,
    arbiter_leases: &'static str,
    gateway_leases: Leasing,
    kills: u64,
    cuts: u64,
    elections: u64,
    /// Redis breaks down and comes back with what it saved.
    breakdowns: u64,
    saves: u64,
    trims: u64,
    deletions: u64,
    /// The broker dies, and streams come back without their newest messages.
    losses: u64,
    /// EVENTS is deleted and made again.
    anew: u64,
}

struct Life {
    random: Random,
    plan: Plan,
    habitat: Habitat,
    redis: FakeRedis,
    gateways: Vec<Option<Gateway>>,
    arbiters: Vec<Option<Process>>,
    started: u64,
    failed: Option<String>,
    lost: BTreeSet<Stream>,
    /// Of all gateways together.
    metrics: Metrics,
}

impl Plan {
    fn drawn(random: &mut Random) -> Self {
        let mut often = |most: u64| if random.chance(400) { random.between(1, most) } else { 0 };
        let (kills, cuts, elections) = (often(200), often(200), often(60));
        let (breakdowns, saves, trims, deletions) = (often(100), often(300), often(200), often(40));
        let rivals = random.chance(125);
        let replicas = if rivals { 3 } else { *random.pick(&[1, 3]) };
        // A single server can lose what it had not written to disk yet; of several, the others have it.
        let losses = if replicas == 1 && random.chance(500) { random.between(20, 150) } else { 0 };
        // Not every such life is sound yet: `SIM_LOSSES=1 SIM_SEED=99` is one.
        let losses = if std::env::var_os("SIM_LOSSES").is_some() { losses } else { 0 };
        let desks = *random.pick(&[1, 1, 2, 2, 3, 4, 8, 16]);
        Self {
            slots: SlotCount::try_from(u16::try_from(random.between(1, 3)).unwrap()).unwrap(),
            replicas,
            gateways: usize::try_from(random.between(1, 3)).unwrap(),
            arbiters: if rivals { 3 } else { usize::try_from(*random.pick(&[1, 1, 2, 3])).unwrap() },
            rivals,
            desks,
            entries: random.between(2, 3 + 24 / desks),
            arbiter_leases: if rivals { "off" } else { random.pick::<&str>(&["on", "off", "off"]) },
            gateway_leases: *random.pick(&[Leasing::On, Leasing::Off, Leasing::Off]),
            kills,
            cuts,
            elections,
            breakdowns,
            saves,
            trims,
            deletions,
            losses,
            anew: if random.chance(150) { random.between(20, 100) } else { 0 },
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
        let (slots, replicas) = (plan.slots.get().to_string(), plan.replicas.to_string());
        let bus = Bus::provisioned(&["--slots", &slots, "--replicas", &replicas], random.fork());
        let clock = Clock::starting_at(MONDAY);
        let habitat = Habitat { bus: bus.clone(), clock, policy: POLICY };
        let node = habitat.node("staff", &bus.link("staff"));
        bus.state().staff = Staff::hired(&node, &Subjects::default());
        let redis = FakeRedis::new(clock, Faults::drawn(&mut random), random.fork());
        let faults = BusFaults::drawn(&mut random);
        let unchecked = if plan.replicas > 1 { faults.unchecked } else { 0 };
        let faults = BusFaults { unchecked, ..faults };
        let rivals = BusFaults { unchecked: 500, forgets: 300, slowest_ms: 200, ..faults.clone() };
        bus.state().faults = if plan.rivals { rivals } else { faults };
        let (gateways, arbiters) = (Vec::new(), Vec::new());
        Self {
            random,
            plan,
            habitat,
            redis,
            gateways,
            arbiters,
            started: 0,
            failed: None,
            lost: BTreeSet::new(),
            metrics: Metrics::default(),
        }
    }

    async fn live(mut self) -> Came {
        let bus = self.habitat.bus.clone();
        for _ in 0..self.plan.arbiters {
            let arbiter = self.start_arbiter();
            self.arbiters.push(Some(arbiter));
        }
        for _ in 0..self.plan.gateways {
            let gateway = self.start_gateway();
            self.gateways.push(Some(gateway));
        }
        let mut desks: Vec<Desk> =
            (0..self.plan.desks).map(|number| Desk::new(number, self.random.fork())).collect();
        for _ in 0..self.plan.entries {
            for desk in &mut desks {
                desk.publish(&self.redis);
                sleep(self.random.millis(0, 700)).await;
            }
            self.trouble_processes();
            self.trouble_redis().await;
            self.trouble_log();
        }
        self.peace();
        let mut judge = Judge::new(&bus, self.plan.slots);
        if self.redis.has_lost() {
            judge.forgive_what_redis_lost();
        }
        judge.forgive_what_the_broker_lost(self.lost.clone());
        let verdict = self.settle(&mut judge).await;
        let verdict = match (verdict, self.stop().await) {
            (Ok(()), Ok(())) => judge.judge(),
            (Err(wrong), _) | (Ok(()), Err(wrong)) => Err(wrong),
        };
        let state = bus.state();
        let mut injected = state.injected.clone();
        injected.0.extend(self.redis.injected());
        Came { hash: state.trace.hash(), rulings: judge.rulings(), injected, verdict }
    }

    fn start_arbiter(&mut self) -> Process {
        self.started += 1;
        self.habitat.arbiter(format!("arbiter-{}", self.started), self.plan.arbiter_leases)
    }

    fn start_gateway(&mut self) -> Gateway {
        self.started += 1;
        let name = format!("gateway-{}", self.started);
        let metrics = self.metrics.clone();
        Gateway::start(&self.habitat, &self.redis, name, self.plan.gateway_leases, metrics)
    }

    /// Something happens to a process, a connection or the broker; or nothing.
    fn trouble_processes(&mut self) {
        for index in 0..self.gateways.len() {
            if self.random.chance(self.plan.kills) {
                match self.gateways[index].take() {
                    Some(gateway) => {
                        self.note_failure(gateway.has_failed(), &gateway.name);
                        self.habitat.bus.state().injected.count("kill");
                        gateway.kill(&self.habitat.bus);
                    }
                    None => self.gateways[index] = Some(self.start_gateway()),
                }
            } else if self.random.chance(self.plan.cuts) {
                let link = self.gateways[index].as_ref().map(|gateway| gateway.link.clone());
                self.cut_or_mend(link);
            }
        }
        for index in 0..self.arbiters.len() {
            if self.random.chance(self.plan.kills) {
                match self.arbiters[index].take() {
                    Some(arbiter) => {
                        self.note_failure(arbiter.has_failed(), &arbiter.name);
                        self.habitat.bus.state().injected.count("kill");
                        arbiter.kill(&self.habitat.bus);
                    }
                    None => self.arbiters[index] = Some(self.start_arbiter()),
                }
            } else if self.random.chance(self.plan.cuts) {
                let link = self.arbiters[index].as_ref().map(|arbiter| arbiter.link.clone());
                self.cut_or_mend(link);
            }
        }
        if self.random.chance(self.plan.elections) {
            let period = self.random.millis(4_000, 13_000);
            self.habitat.bus.stall(period);
        }
    }

    /// The broker comes back without the newest messages of EVENTS, of RULINGS, or of both.
    fn trouble_log(&mut self) {
        if self.random.chance(self.plan.anew) {
            self.lost.insert(Stream::Events);
            self.habitat.bus.make_anew(&Subjects::default().stream(Stream::Events));
        }
        if self.random.chance(300) {
            self.person_looks();
        }
        if !self.random.chance(self.plan.losses) {
            return;
        }
        let which: &[Stream] = self.random.pick::<&[Stream]>(&[
            &[Stream::Events],
            &[Stream::Rulings],
            &[Stream::Events, Stream::Rulings],
        ]);
        let losses: Vec<(String, usize)> = which
            .iter()
            .map(|stream| {
                let newest = usize::try_from(self.random.between(1, 6)).unwrap();
                (Subjects::default().stream(*stream), newest)
            })
            .collect();
        self.lost.extend(which);
        self.habitat.bus.restart(&losses);
    }

    /// A person reads what every process says, and does what it says.
    fn person_looks(&self) {
        for told in self.complaints() {
            if let Some((_, rest)) = told.split_once("--accept-new EVENTS=") {
                let gone = rest.split_whitespace().next().unwrap_or_default();
                self.habitat.bus.accept(&Subjects::default().stream(Stream::Events), gone);
            }
        }
    }

    fn complaints(&self) -> Vec<String> {
        let gateways = self.gateways.iter().flatten().flat_map(Gateway::complaints);
        gateways.chain(self.arbiters.iter().flatten().flat_map(Process::complaints)).collect()
    }

    fn cut_or_mend(&mut self, link: Option<Arc<Link>>) {
        let Some(link) = link else { return };
        if self.random.chance(500) { link.cut() } else { link.mend() }
    }

    fn note_failure(&mut self, has_failed: bool, name: &str) {
        if has_failed {
            self.failed = Some(format!("{name} ended although nobody asked it to"));
        }
    }

    async fn trouble_redis(&mut self) {
        let bus = self.habitat.bus.clone();
        if self.random.chance(self.plan.saves) {
            bus.note("redis saves");
            self.redis.save();
        }
        if self.random.chance(self.plan.breakdowns) {
            bus.note("redis breaks down");
            bus.state().injected.count("redis rolled back");
            self.redis.restart();
            // A restart takes its time: ids of after it are not those of before.
            sleep(Duration::from_millis(2)).await;
        }
        if self.random.chance(self.plan.trims) {
            let keep = usize::try_from(self.random.between(0, 3)).unwrap();
            let stream = *self.random.pick(&backend::STREAMS);
            bus.note(&format!("{stream} is trimmed to {keep}"));
            bus.state().injected.count("redis trimmed");
            self.redis.trim(stream, keep);
        }
        if self.random.chance(self.plan.deletions) {
            let stream = *self.random.pick(&backend::STREAMS);
            bus.note(&format!("{stream} is deleted"));
            bus.state().injected.count("redis stream deleted");
            self.redis.delete(stream);
        }
    }

    /// Everything works again, and whoever was killed is there again.
    fn peace(&mut self) {
        self.habitat.bus.state().heal();
        self.redis.calm();
        for index in 0..self.gateways.len() {
            match &self.gateways[index] {
                Some(gateway) => gateway.link.mend(),
                None => self.gateways[index] = Some(self.start_gateway()),
            }
        }
        for index in 0..self.arbiters.len() {
            match &self.arbiters[index] {
                Some(arbiter) => arbiter.link.mend(),
                None => self.arbiters[index] = Some(self.start_arbiter()),
            }
        }
    }

    async fn settle(&mut self, judge: &mut Judge) -> Result<(), Wrong> {
        let deadline = Instant::now() + PEACE;
        let log_lost = self.lost.contains(&Stream::Rulings);
        loop {
            self.person_looks();
            let wants_all_again =
                |told: &String| told.contains("A person has to look") && !told.contains("--accept-new");
            if log_lost && self.complaints().iter().any(wants_all_again) {
                self.habitat.bus.note("a person has everything told again");
                self.redis.delete_position();
            }
            let end = judge.end_of(Stream::Events);
            let mut open = judge.open(end);
            if open.is_empty() {
                let bus = &self.habitat.bus;
                // What an EVENTS that is gone had read is known to nobody.
                let may_tell = !self.lost.contains(&Stream::Events);
                let gaps = || trimmed_entries_are_noticed(bus, &self.redis, &self.metrics);
                let settled = entries_and_decisions(bus, &self.redis, log_lost)
                    .and_then(|()| if may_tell { gaps() } else { Ok(()) });
                match settled {
                    Ok(()) => return Ok(()),
                    Err(Wrong(what)) => open.push(what),
                }
            }
            if Instant::now() > deadline {
                let open = [self.complaints(), open].concat().join("; ");
                return Err(Wrong(format!("not settled after {PEACE:?}: {open}")));
            }
            sleep(LOOK).await;
        }
    }

    async fn stop(&mut self) -> Result<(), Wrong> {
        for gateway in std::mem::take(&mut self.gateways).into_iter().flatten() {
            self.note_failure(gateway.has_failed(), &gateway.name);
            gateway.stop().await.map_err(Wrong)?;
        }
        for arbiter in std::mem::take(&mut self.arbiters).into_iter().flatten() {
            self.note_failure(arbiter.has_failed(), &arbiter.name);
            arbiter.stop().await.map_err(Wrong)?;
        }
        self.failed.take().map_or(Ok(()), |failed| Err(Wrong(failed)))
    }
}
