//! One seed's life of a mesh: days full of faults, then peace, and the question what came of it.

use std::collections::BTreeSet;
use std::time::Duration;

use mesh::clock::Clock;
use mesh::streams::DUPLICATE_WINDOW;
use proto::id::{PortfolioId, Role, SlotCount};
use proto::subject::{Stream, Subjects};
use proto::testing::MONDAY;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::broker::Bus;
use crate::broker::faults::{Faults, Injected};
use crate::feed::Feed;
use crate::judge::{Judge, Wrong};
use crate::process::{Habitat, Process};
use crate::random::Random;
use crate::staff::Staff;

/// Loosening is earned faster than by default, so that a short life sees some of it.
pub(crate) const POLICY: &str = "[court]\nconfirm = 2\nconfirm_over = \"2s\"\n";
/// How long peace may take to settle everything.
const PEACE: Duration = Duration::from_secs(180);
/// How often is looked whether everything is settled.
const LOOK: Duration = Duration::from_secs(1);

/// What a life came to.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) hash: u64,
    pub(crate) rulings: u64,
    pub(crate) injected: Injected,
    pub(crate) verdict: Result<(), Wrong>,
}

/// How often in a thousand moments an arbiter stands still.
const STANDSTILLS: u64 = 15;

/// How a life is lived.
struct Plan {
    slots: SlotCount,
    /// Copies of each stream; with one, the broker's checks are exact.
    replicas: u64,
    /// How many rulings of a portfolio the broker keeps.
    history: u64,
    arbiters: usize,
    portfolios: u64,
    events: u64,
    pause: Duration,
    leases: &'static str,
    kills: u64,
    cuts: u64,
    elections: u64,
    absences: u64,
}

impl Plan {
    fn drawn(random: &mut Random) -> Self {
        let mut often = |most: u64| if random.chance(500) { random.between(1, most) } else { 0 };
        let (kills, cuts, elections, absences) = (often(400), often(300), often(150), often(300));
        let portfolios = *random.pick(&[1, 1, 2, 3, 5, 8, 16]);
        Self {
            slots: SlotCount::try_from(u16::try_from(random.between(1, 3)).unwrap()).unwrap(),
            replicas: *random.pick(&[1, 3]),
            arbiters: usize::try_from(random.between(1, 3)).unwrap(),
            portfolios,
            events: random.between(2, 4 + 36 / portfolios),
            pause: random.millis(1, 4_000),
            leases: random.pick::<&str>(&["on", "on", "off"]),
            kills,
            cuts,
            elections,
            absences,
            history: *random.pick(&[512, 512, 512, 20, 8]),
        }
    }
}

struct Life {
    random: Random,
    plan: Plan,
    habitat: Habitat,
    arbiters: Vec<Option<Process>>,
    started: u64,
    failed: Option<String>,
}

/// Lives a seed, on a runtime of its own whose time is made up.
pub(crate) fn live(seed: u64) -> Came {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut random = Random::new(seed);
        let plan = Plan::drawn(&mut random);
        let habitat = habitat(&plan, &mut random);
        let life = Life { random, arbiters: Vec::new(), plan, habitat, started: 0, failed: None };
        life.live().await
    })
}

fn habitat(plan: &Plan, random: &mut Random) -> Habitat {
    let slots = plan.slots.get().to_string();
    let (replicas, history) = (plan.replicas.to_string(), plan.history.to_string());
    let args = ["--slots", &slots, "--replicas", &replicas, "--history", &history];
    let bus = Bus::provisioned(&args, random.fork());
    let habitat = Habitat { bus: bus.clone(), clock: Clock::starting_at(MONDAY), policy: POLICY };
    let node = habitat.node("staff", &bus.link("staff"));
    bus.state().staff = Staff::hired(&node, &Subjects::default());
    habitat
}

impl Life {
    async fn live(mut self) -> Came {
        let bus = self.habitat.bus.clone();
        let faults = Faults::drawn(&mut self.random);
        let unchecked = if self.plan.replicas > 1 { faults.unchecked } else { 0 };
        bus.state().faults = Faults { unchecked, ..faults };
        for _ in 0..self.plan.arbiters {
            let started = self.start();
            self.arbiters.push(Some(started));
        }
        let mut feeds = self.feeds();
        while !feeds.is_empty() {
            self.trouble();
            if self.random.chance(STANDSTILLS) {
                self.stand_still().await;
            }
            let pause = self.random.millis(50, 1_500);
            let _ = tokio::time::timeout(pause, feeds.join_next()).await;
        }
        self.peace();
        let mut judge = Judge::new(&bus, self.plan.slots);
        let verdict = self.settle(&mut judge).await;
        let verdict = match (verdict, self.stop().await) {
            (Ok(()), Ok(())) => judge.judge(),
            (Err(wrong), _) | (Ok(()), Err(wrong)) => Err(wrong),
        };
        let state = bus.state();
        Came { hash: state.trace.hash(), rulings: judge.rulings(), injected: state.injected.clone(), verdict }
    }

    fn feeds(&mut self) -> JoinSet<()> {
        let mut feeds = JoinSet::new();
        for number in 0..self.plan.portfolios {
            let portfolio: PortfolioId = format!("desk-{number}").parse().unwrap();
            let feed = Feed {
                nats: self.habitat.nats(&self.habitat.bus.link("feed")),
                slots: self.plan.slots,
                portfolio,
                random: self.random.fork(),
                events: self.plan.events,
                pause: self.plan.pause,
            };
            feeds.spawn(feed.run());
        }
        feeds
    }

    fn start(&mut self) -> Process {
        self.started += 1;
        self.habitat.arbiter(format!("arbiter-{}", self.started), self.plan.leases)
    }

    /// Something happens to a process, a connection, the broker or a role; or nothing.
    fn trouble(&mut self) {
        for index in 0..self.arbiters.len() {
            if self.random.chance(self.plan.kills) {
                self.kill_or_start(index);
            } else if self.random.chance(self.plan.cuts) {
                self.cut_or_mend(index);
            }
        }
        if self.random.chance(self.plan.elections) {
            let period = self.random.millis(4_000, 13_000);
            self.habitat.bus.stall(period);
        }
        if self.random.chance(self.plan.absences) {
            let mut state = self.habitat.bus.state();
            let roles = state.staff.roles();
            let away: BTreeSet<Role> = roles.into_iter().filter(|_| self.random.chance(300)).collect();
            state.trace.note(&format!("away: {away:?}"));
            state.injected.count("role away");
            state.staff.set_away(away);
        }
    }

    fn kill_or_start(&mut self, index: usize) {
        let bus = self.habitat.bus.clone();
        match self.arbiters[index].take() {
            Some(process) => {
                self.note_failure(&process);
                bus.state().injected.count("kill");
                process.kill(&bus);
            }
            None => self.arbiters[index] = Some(self.start()),
        }
    }

    fn cut_or_mend(&mut self, index: usize) {
        let Some(process) = &self.arbiters[index] else { return };
        if self.random.chance(500) { process.link.cut() } else { process.link.mend() }
    }

    /// An arbiter hears and says nothing for so long that the broker forgets the ids of what was said before.
    async fn stand_still(&mut self) {
        let index = usize::try_from(self.random.between(0, self.arbiters.len() as u64 - 1)).unwrap();
        let Some(process) = &self.arbiters[index] else { return };
        self.habitat.bus.state().injected.count("standstill");
        process.link.cut();
        let period = DUPLICATE_WINDOW + self.random.millis(1, 60_000);
        sleep(period).await;
        process.link.mend();
    }

    /// Everything works again, and whoever was killed is there again.
    fn peace(&mut self) {
        let mut state = self.habitat.bus.state();
        state.heal();
        state.staff.set_away(BTreeSet::new());
        drop(state);
        for index in 0..self.arbiters.len() {
            match &self.arbiters[index] {
                Some(process) => process.link.mend(),
                None => self.arbiters[index] = Some(self.start()),
            }
        }
    }

    async fn settle(&mut self, judge: &mut Judge) -> Result<(), Wrong> {
        let deadline = Instant::now() + PEACE;
        let until = judge.end_of(Stream::Events);
        loop {
            let open = judge.open(until);
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let said: Vec<String> =
                    self.arbiters.iter().flatten().flat_map(Process::complaints).collect();
                let open = [said, open].concat().join("; ");
                return Err(Wrong(format!("not settled after {PEACE:?}: {open}")));
            }
            sleep(LOOK).await;
        }
    }

    async fn stop(&mut self) -> Result<(), Wrong> {
        for process in std::mem::take(&mut self.arbiters).into_iter().flatten() {
            self.note_failure(&process);
            process.stop().await.map_err(Wrong)?;
        }
        self.failed.take().map_or(Ok(()), |failed| Err(Wrong(failed)))
    }

    fn note_failure(&mut self, process: &Process) {
        if process.has_failed() {
            self.failed = Some(format!("{} ended although nobody asked it to", process.name));
        }
    }
}
