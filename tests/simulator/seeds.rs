//! Many seeds: lived side by side, and told in one line each where one is not sound.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::broker::faults::Injected;
use crate::judge::Wrong;
use crate::life::live;

/// How many seeds are lived where nobody says otherwise.
const SEEDS: u64 = 500;
/// How many are lived at once.
const THREADS: usize = 2;

/// What the seeds came to.
#[derive(Debug, Default)]
pub(crate) struct Lived {
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
pub(crate) fn live_all(seeds: &[u64]) -> Lived {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let lived = Mutex::new(Lived::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap())
                {
                    let came = live(*seed);
                    let mut lived = lived.lock().unwrap();
                    lived.seeds += 1;
                    lived.rulings += came.rulings;
                    lived.injected.add(&came.injected);
                    if let Err(wrong) = came.verdict {
                        println!("{}", line(*seed, &wrong));
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

/// How many seeds a planted bug may live through.
#[cfg(feature = "planted")]
const CAUGHT_WITHIN: u64 = 2_000;

/// The first seed that is not sound with this bug in the code, and why it is not.
#[cfg(feature = "planted")]
pub(crate) fn until_caught(bug: mesh::planted::Bug) -> Option<(u64, Wrong)> {
    let _planted = mesh::planted::plant(bug);
    (1..=CAUGHT_WITHIN).find_map(|seed| Some((seed, live(seed).verdict.err()?)))
}

/// What went wrong, and how to see it again.
fn line(seed: u64, Wrong(what): &Wrong) -> String {
    format!(
        "SIM_SEED={seed} cargo test -p federation-tests --test simulator -- whatever --nocapture  # {what}"
    )
}

impl Lived {
    pub(crate) fn expect_sound(&self) {
        let lines: Vec<String> = self.unsound.iter().map(|(seed, wrong)| line(*seed, wrong)).collect();
        assert!(lines.is_empty(), "{} of {} seeds:\n{}", lines.len(), self.seeds, lines.join("\n"));
    }
}

impl fmt::Display for Lived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, rulings, took, injected, unsound } = self;
        let unsound = unsound.len();
        writeln!(
            f,
            "{seeds} seeds, {rulings} rulings, {unsound} unsound, {:.1} s; injected:",
            took.as_secs_f64()
        )?;
        injected.0.iter().try_for_each(|(fault, count)| writeln!(f, "  {count:>7} {fault}"))
    }
}
