//! Many seeds: lived side by side, and told in one line each where one is not sound.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::broker::faults::Injected;
use crate::judge::Wrong;
use crate::life::Came;
use crate::{bridge, life};

/// How many seeds are lived where nobody says otherwise.
const SEEDS: u64 = 500;
/// How many are lived at once.
pub(crate) const THREADS: usize = 2;

/// A kind of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Arbiters over the broker; events come by themselves.
    Mesh,
    /// Gateways and arbiters between Redis and the broker.
    Bridge,
}

impl Kind {
    pub(crate) fn live(self, seed: u64) -> Came {
        match self {
            Self::Mesh => life::live(seed),
            Self::Bridge => bridge::live(seed),
        }
    }

    /// What went wrong, and how to see it again.
    fn line(self, seed: u64, Wrong(what): &Wrong) -> String {
        let test = match self {
            Self::Mesh => "whatever_goes_wrong",
            Self::Bridge => "whatever_redis_loses",
        };
        format!(
            "SIM_SEED={seed} cargo test -p federation-tests --test simulator -- {test} --nocapture  # {what}"
        )
    }
}

/// What the seeds came to.
#[derive(Debug)]
pub(crate) struct Lived {
    kind: Kind,
    seeds: u64,
    rulings: u64,
    took: Duration,
    injected: Injected,
    unsound: Vec<(u64, Wrong)>,
}

/// The seeds that the environment asks for.
pub(crate) fn asked() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

/// Lives all of these.
pub(crate) fn live_all(kind: Kind, seeds: &[u64]) -> Lived {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let lived = Mutex::new(Lived {
        kind,
        seeds: 0,
        rulings: 0,
        took: Duration::ZERO,
        injected: Injected::default(),
        unsound: Vec::new(),
    });
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap())
                {
                    let came = kind.live(*seed);
                    let mut lived = lived.lock().unwrap();
                    lived.seeds += 1;
                    lived.rulings += came.rulings;
                    lived.injected.add(&came.injected);
                    if let Err(wrong) = came.verdict {
                        println!("{}", kind.line(*seed, &wrong));
                        lived.unsound.push((*seed, wrong));
                    }
                }
            });
        }
    });
    let mut lived = lived.into_inner().unwrap();
    lived.took = began.elapsed();
    lived
}

impl Lived {
    pub(crate) fn expect_sound(&self) {
        let line = |(seed, wrong): &(u64, Wrong)| self.kind.line(*seed, wrong);
        let lines: Vec<String> = self.unsound.iter().map(line).collect();
        assert!(lines.is_empty(), "{} of {} seeds:\n{}", lines.len(), self.seeds, lines.join("\n"));
    }
}

impl fmt::Display for Lived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, seeds, rulings, took, injected, unsound } = self;
        let unsound = unsound.len();
        writeln!(
            f,
            "{kind:?}: {seeds} seeds, {rulings} rulings, {unsound} unsound, {:.1} s; injected:",
            took.as_secs_f64()
        )?;
        injected.0.iter().try_for_each(|(fault, count)| writeln!(f, "  {count:>7} {fault}"))
    }
}
