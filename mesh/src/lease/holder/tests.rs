//! Several holders and a bucket, step by step, with everything that can happen to their messages.

use proptest::prelude::*;

use super::super::board::Presence;
use super::*;

const TTL: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(50);
/// How late the server drops a key.
const LATE: Duration = Duration::from_millis(300);
const SLOTS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Replica(Replica),
    Lease(Lease),
}

/// The bucket: keys that are dropped when they are too old, and everything ever written.
#[derive(Default)]
struct Bucket {
    keys: BTreeMap<Key, (Sequence, Duration)>,
    written: Vec<Note>,
}

impl Bucket {
    fn drop_old(&mut self, now: Duration) {
        self.keys.retain(|_, (_, at)| now < *at + TTL + LATE);
    }

    fn write(&mut self, by: &Replica, write: &Write, now: Duration) -> Written {
        let (key, expected, note) = match write.clone() {
            Write::Announce => (Key::Replica(by.clone()), None, Note::Replica(by.clone(), Presence::Here)),
            Write::Withdraw => (Key::Replica(by.clone()), None, Note::Replica(by.clone(), Presence::Leaving)),
            Write::Hold(lease, at) => {
                (Key::Lease(lease.clone()), Some(at), Note::Lease(lease, Some(by.clone())))
            }
            Write::GiveBack(lease, at) => (Key::Lease(lease.clone()), Some(at), Note::Lease(lease, None)),
        };
        let revision = self.keys.get(&key).map_or(Sequence(0), |(revision, _)| *revision);
        if expected.is_some_and(|expected| expected != revision) {
            return Written::Conflict;
        }
        self.written.push(note);
        let revision = Sequence(self.written.len() as u64);
        self.keys.insert(key, (revision, now));
        Written::At(revision)
    }
}

/// What happens to a write: when it arrives (or never), and whether its answer comes back.
#[derive(Debug, Clone, Copy)]
struct Fate {
    delay: Duration,
    arrives: bool,
    answered: bool,
}

const FINE: Fate = Fate { delay: Duration::ZERO, arrives: true, answered: true };

struct OnItsWay {
    write: Write,
    began: Duration,
    fate: Fate,
    written: Option<Written>,
}

/// A replica: its holder, what it works, and its messages.
struct Process {
    name: Replica,
    holder: Holder,
    works: BTreeSet<Lease>,
    sent: Vec<OnItsWay>,
    read: usize,
    began: Duration,
    paused: bool,
    dead: bool,
}

impl Process {
    fn new(index: usize, bucket: &Bucket, began: Duration) -> Self {
        let leases = (0..SLOTS).map(|slot| Lease::named(&format!("slot-{slot}"))).collect();
        let name = Replica::named(&format!("r{index}"));
        // What was dropped before is not read.
        let read = bucket.written.len().saturating_sub(bucket.keys.len());
        let holder = Holder::new(name.clone(), leases, TTL);
        let (works, sent) = (BTreeSet::new(), Vec::new());
        Self { name, holder, works, sent, read, began, paused: false, dead: false }
    }

    fn obey(&mut self, orders: Vec<Order>, now: Duration, fate: &mut dyn FnMut() -> Fate) {
        for order in orders {
            match order {
                Order::Write(write) => {
                    self.sent.push(OnItsWay { write, began: now, fate: fate(), written: None });
                }
                Order::Begin(lease) => assert!(self.works.insert(lease), "it is begun once"),
                Order::Drop(lease) => assert!(self.works.remove(&lease), "only what is worked is dropped"),
                Order::Finish(lease) => {
                    assert!(self.works.remove(&lease), "only what is worked is finished");
                    let more = self.holder.finished(&lease, now - self.began);
                    self.obey(more, now, fate);
                }
            }
        }
    }

    fn step(&mut self, bucket: &mut Bucket, now: Duration, fate: &mut dyn FnMut() -> Fate) {
        // What was sent arrives, whatever became of the sender.
        for sent in &mut self.sent {
            if sent.written.is_none() && sent.fate.arrives && now >= sent.began + sent.fate.delay {
                sent.written = Some(bucket.write(&self.name, &sent.write, now));
            }
        }
        if self.paused || self.dead {
            return;
        }
        let own = |now: Duration| now - self.began;
        let (now_own, patience) = (own(now), TTL / WRITES_IN_A_LIFE);
        let (over, still): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|sent| (sent.written.is_some() && sent.fate.answered) || now >= sent.began + patience);
        self.sent = still;
        for sent in over {
            let answer = sent.written.filter(|_| sent.fate.answered).unwrap_or(Written::Unclear);
            let more = self.holder.wrote(&sent.write, answer, sent.began - self.began, now_own);
            self.obey(more, now, fate);
        }
        while let Some(note) = bucket.written.get(self.read).cloned() {
            self.read += 1;
            let more = self.holder.see(note, Sequence(self.read as u64), now_own);
            self.obey(more, now, fate);
        }
        let more = self.holder.due(now_own);
        self.obey(more, now, fate);
        let held: BTreeSet<Lease> = self.holder.held().cloned().collect();
        assert!(self.works.is_subset(&held), "what is worked is held");
    }
}

struct World {
    bucket: Bucket,
    processes: Vec<Process>,
    now: Duration,
}

impl World {
    fn of(count: usize) -> Self {
        let mut world = Self { bucket: Bucket::default(), processes: Vec::new(), now: Duration::ZERO };
        (0..count).for_each(|_| world.join());
        world
    }

    fn join(&mut self) {
        let process = Process::new(self.processes.len(), &self.bucket, self.now);
        self.processes.push(process);
    }

    fn step(&mut self, fate: &mut dyn FnMut() -> Fate) {
        self.now += STEP;
        self.bucket.drop_old(self.now);
        for process in &mut self.processes {
            process.step(&mut self.bucket, self.now, fate);
        }
        let mut worked = BTreeMap::new();
        for process in self.processes.iter().filter(|process| !process.paused && !process.dead) {
            for lease in &process.works {
                let other = worked.insert(lease.clone(), process.name.clone());
                assert_eq!(other, None, "{lease} is worked by two");
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step(&mut || FINE);
        }
    }

    /// How long it takes until everything is worked again, by shares that differ by at most one.
    fn until_even(&mut self) -> Duration {
        let began = self.now;
        while !self.is_even() {
            assert!(self.now < began + 10 * TTL, "never even again: {:?}", self.counts());
            self.step(&mut || FINE);
        }
        self.now - began
    }

    fn counts(&self) -> Vec<usize> {
        let living = self.processes.iter().filter(|process| !process.dead && !process.holder.leaving);
        living.map(|process| process.works.len()).collect()
    }

    fn is_even(&self) -> bool {
        let counts = self.counts();
        let (most, least) = (counts.iter().max(), counts.iter().min());
        counts.iter().sum::<usize>() == SLOTS
            && most.zip(least).is_some_and(|(most, least)| most - least <= 1)
    }
}

#[test]
fn three_that_start_together_share_at_once_and_rest() {
    let mut world = World::of(3);
    assert!(world.until_even() < TTL / 3, "{:?}", world.counts());
    let before: Vec<BTreeSet<Lease>> = world.processes.iter().map(|process| process.works.clone()).collect();
    for _ in 0..400 {
        world.step(&mut || FINE);
        let now: Vec<BTreeSet<Lease>> = world.processes.iter().map(|process| process.works.clone()).collect();
        assert_eq!(now, before, "nothing moves that need not");
    }
}

#[test]
fn what_the_dead_held_is_worked_again_soon_after_a_life() {
    let mut world = World::of(3);
    world.run(2 * TTL);
    world.processes[1].dead = true;
    let took = world.until_even();
    assert!(took > TTL / 2 && took < TTL + LATE + TTL / 4, "{took:?}");
}

#[test]
fn who_leaves_is_followed_at_once() {
    let mut world = World::of(3);
    world.run(2 * TTL);
    let leaving = &mut world.processes[0];
    let orders = leaving.holder.leave(world.now - leaving.began);
    leaving.obey(orders, world.now, &mut || FINE);
    assert!(world.until_even() <= 4 * STEP);
    assert!(world.processes[0].holder.has_left());
}

#[test]
fn who_joins_gets_its_share_at_once() {
    let mut world = World::of(2);
    world.run(TTL);
    world.join();
    assert!(world.until_even() <= 6 * STEP);
    assert_eq!(world.counts(), [3, 3, 2]);
}

#[test]
fn who_was_paused_drops_what_others_have_before_anything_else() {
    let mut world = World::of(2);
    world.run(TTL);
    world.processes[0].paused = true;
    world.run(2 * TTL);
    assert_eq!(world.processes[1].works.len(), SLOTS);
    world.processes[0].paused = false;
    // A step fails when two that are awake work the same.
    world.step(&mut || FINE);
    world.until_even();
}

/// What befalls a process in a random history.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    Pause,
    Resume,
    Join,
}

fn fates() -> impl Strategy<Value = Fate> {
    let (delay, certain) = (0_u64..1500, prop::bool::weighted(0.8));
    (delay, certain, prop::bool::weighted(0.8)).prop_map(|(delay, arrives, answered)| Fate {
        delay: Duration::from_millis(delay),
        arrives,
        answered,
    })
}

fn blows() -> impl Strategy<Value = Vec<(usize, usize, Blow)>> {
    let blow = prop::sample::select(vec![Blow::Kill, Blow::Pause, Blow::Resume, Blow::Join]);
    prop::collection::vec((0_usize..400, 0_usize..4, blow), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_two_who_are_awake_work_the_same_and_all_is_worked_again_in_the_end(
        count in 1_usize..4,
        fates in prop::collection::vec(fates(), 50),
        blows in blows(),
    ) {
        let mut world = World::of(count);
        let mut next = fates.iter().cycle().copied();
        let mut fate = || next.next().unwrap_or(FINE);
        for step in 0..400 {
            for (_, index, blow) in blows.iter().filter(|(at, ..)| *at == step) {
                match blow {
                    Blow::Join if world.processes.len() < 5 => world.join(),
                    Blow::Join => {}
                    Blow::Kill => world.processes.get_mut(*index).into_iter().for_each(|it| it.dead = true),
                    Blow::Pause => world.processes.get_mut(*index).into_iter().for_each(|it| it.paused = true),
                    Blow::Resume => world.processes.get_mut(*index).into_iter().for_each(|it| it.paused = false),
                }
            }
            world.step(&mut fate);
        }
        world.processes.iter_mut().for_each(|process| process.paused = false);
        world.join();
        world.until_even();
    }
}
