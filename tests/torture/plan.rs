//! What goes wrong in a run, and when: made from its seed, and the same for the same seed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::random::Random;
use crate::road::{Direction, Road, Traffic};

/// The processes of the mesh.
pub(crate) const SERVICES: [&str; 10] =
    ["supervisor", "cro", "ceo", "cio", "cfo", "researcher", "arbiter", "arbiter-2", "gateway", "gateway-2"];
/// When the first fault begins at the earliest: the load is flowing then.
const FIRST: Duration = Duration::from_millis(800);
/// How long before the end of the load the last fault begins at the latest.
const LAST: Duration = Duration::from_millis(1500);

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// When it begins, after the load does.
    pub(crate) begins: Duration,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// What it is.
    pub(crate) what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A process is killed, and started again at the end.
    Kill(&'static str),
    /// A process is halted, and goes on at the end.
    Pause(&'static str),
    /// What travels on a road fares badly.
    Disturb(Road, Traffic),
    /// What was published a moment ago is published once more.
    PublishAgain,
    /// A copy of Redis is made; at the end Redis is killed, and started from the copy.
    RollBack,
    /// Rulings that rival the latest ones get into the log, as from a broker that admits two writers.
    Rivals,
}

/// A run, as its seed has it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Leases are off: both arbiters and both gateways work everything all the time.
    pub(crate) overlap: bool,
    /// How long there is load with faults.
    pub(crate) lasts: Duration,
    /// What goes wrong, by its beginning.
    pub(crate) faults: Vec<Fault>,
    /// Draws for the load.
    pub(crate) load: Random,
}

impl Plan {
    pub(crate) fn of(seed: u64, lasts: Duration) -> Self {
        let mut random = Random::new(seed);
        let load = random.fork();
        let overlap = random.chance(350);
        let mut faults: Vec<Fault> = Vec::new();
        let mut free_at: BTreeMap<String, Duration> = BTreeMap::new();
        // Some runs give each fault time to be recovered from, some heap them up.
        let longest_gap = *random.pick(&[700, 1500, 3500]);
        let mut begins = FIRST;
        while begins + LAST < lasts {
            let (what, lasts) = draw(&mut random);
            let touched = what.touches();
            let is_free = |key: &String| free_at.get(key).is_none_or(|free| *free <= begins);
            if touched.iter().all(is_free) {
                free_at.extend(
                    touched.into_iter().map(|key| (key, begins + lasts + Duration::from_millis(300))),
                );
                faults.push(Fault { begins, lasts, what });
            }
            begins += random.millis(100, longest_gap);
        }
        Self { seed, overlap, lasts, faults, load }
    }
}

fn draw(random: &mut Random) -> (What, Duration) {
    match random.between(0, 99) {
        0..=29 => (What::Kill(process(random)), random.millis(0, 2500)),
        30..=44 => {
            let process = process(random);
            // Longer than a lease lives, now and then; servers are given less, so that there is some load in between.
            let longest = if SERVICES.contains(&process) { 5500 } else { 2500 };
            (What::Pause(process), random.millis(150, longest))
        }
        45..=54 => (What::Disturb(Road::drawn(random), Traffic::Cut), random.millis(0, 1500)),
        55..=66 => {
            let direction = *random.pick(&[Direction::There, Direction::Back, Direction::Both]);
            (What::Disturb(Road::drawn(random), Traffic::Lost(direction)), random.millis(50, 2500))
        }
        67..=76 => {
            let late = random.millis(5, 400);
            (What::Disturb(Road::drawn(random), Traffic::Late(late)), random.millis(500, 3000))
        }
        77..=86 => (What::PublishAgain, Duration::ZERO),
        87..=92 => (What::RollBack, random.millis(300, 4000)),
        _ => (What::Rivals, Duration::ZERO),
    }
}

/// A process; the gateways and arbiters, where most can go wrong, and the servers come more often than a role.
fn process(random: &mut Random) -> &'static str {
    let drawn: &&'static str = match random.between(0, 9) {
        0..=2 => random.pick(&SERVICES[..6]),
        3..=5 => random.pick(&SERVICES[6..8]),
        6..=7 => random.pick(&SERVICES[8..]),
        8 => &"redis",
        _ => &"nats",
    };
    drawn
}

impl What {
    /// What it is called where faults are counted.
    pub(crate) fn kind(&self) -> String {
        let group = |process: &'static str| match process {
            "arbiter" | "arbiter-2" => "arbiter",
            "gateway" | "gateway-2" => "gateway",
            "nats" | "redis" => process,
            _ => "role",
        };
        match self {
            Self::Kill(process) => format!("kill-{}", group(process)),
            Self::Pause(process) => format!("pause-{}", group(process)),
            Self::Disturb(_, Traffic::Cut) => "cut".to_owned(),
            Self::Disturb(_, Traffic::Lost(_)) => "drop".to_owned(),
            Self::Disturb(_, Traffic::Late(_)) => "delay".to_owned(),
            Self::Disturb(_, Traffic::Free) => "free".to_owned(),
            Self::PublishAgain => "publish-again".to_owned(),
            Self::RollBack => "roll-back-redis".to_owned(),
            Self::Rivals => "rival-rulings".to_owned(),
        }
    }

    /// The role that is gone meanwhile, where it is one.
    pub(crate) fn role(&self) -> Option<&'static str> {
        match self {
            Self::Kill(process) | Self::Pause(process) => SERVICES[..6].contains(process).then_some(*process),
            Self::Disturb(..) | Self::PublishAgain | Self::RollBack | Self::Rivals => None,
        }
    }

    /// Whether there is something to recover from.
    pub(crate) const fn is_over_at_once(&self) -> bool {
        matches!(self, Self::PublishAgain | Self::Rivals)
    }

    /// What nothing else may touch meanwhile.
    fn touches(&self) -> Vec<String> {
        match self {
            Self::Kill(process) | Self::Pause(process) => vec![(*process).to_owned()],
            Self::Disturb(road, _) => road.links().map(|link| link.to_string()).collect(),
            Self::RollBack => vec!["redis".to_owned()],
            Self::PublishAgain | Self::Rivals => Vec::new(),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leases = if self.overlap { "off: everybody works everything" } else { "on" };
        writeln!(f, "seed {}, {:?} of load, leases {leases}", self.seed, self.lasts)?;
        for Fault { begins, lasts, what } in &self.faults {
            writeln!(f, "  at {begins:>7.1?} for {lasts:>7.1?}: {what:?}")?;
        }
        Ok(())
    }
}
