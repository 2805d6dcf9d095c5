//! The torture test: the real binaries on real servers, under load, while processes and servers are killed and halted,
//! connections cut, delayed and robbed, entries published twice, Redis rolled back, and rival rulings put into the log.
//! Afterwards everything that the backend published and everything that the mesh wrote is held against each other.
//!
//! `make torture MINUTES=60` runs it for an hour, `make torture SEED=7` one seed; a short run is part of `make test`. What goes
//! wrong, and when, follows from the seed; how the processes interleave does not.
//!
//! | module | what it is |
//! |---|---|
//! | `plan` | what goes wrong when, from a seed |
//! | `road` | a proxy between every process and each server |
//! | `stage` | carries a plan out on a running mesh |
//! | `market`, `producer`, `freezes` | the backend, and the risk desk |
//! | `recovery` | how long it takes after a fault until it decides again |
//! | `tape`, `judge` | all that was written, and what must hold |

mod args;
mod door;
mod evidence;
mod freezes;
mod judge;
mod market;
mod plan;
mod producer;
#[path = "../simulator/random.rs"]
#[allow(clippy::unwrap_used, reason = "the simulator's, whose tests may panic")]
mod random;
mod recovery;
mod rivals;
mod road;
mod rollback;
mod run;
mod sent;
mod stage;
mod tally;
mod tape;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use clap::Parser as _;
use serde_json::{Value, json};

use crate::args::{Args, Schedule};
use crate::plan::Plan;
use crate::run::{Outcome, run};
use crate::tally::Tally;

/// How many things that do not hold are shown of a run; all of them are kept.
const SHOWN: usize = 12;

/// Runs one after another, or some side by side.
struct Course<'a> {
    args: &'a Args,
    /// The bug that the binaries have, and that is to be found.
    bug: Option<&'a str>,
    schedule: Schedule,
    began: Instant,
    next: AtomicU64,
    found: AtomicBool,
    total: Mutex<Tally>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.harness.list || !args.harness.asks_for_it() {
        return ExitCode::SUCCESS;
    }
    let passed = if args.find.is_empty() {
        let total = Course::of(&args, None).run();
        tell_last(&total.json());
        total.violations == 0 && total.runs > 0
    } else {
        let found = args.find.iter().map(|bug| (bug, found(&args, bug)));
        let found: BTreeMap<&String, Option<u64>> = found.collect();
        tell_last(&json!({"found_after_runs": found}));
        found.values().all(Option::is_some)
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// After how many runs a bug is found.
fn found(args: &Args, bug: &str) -> Option<u64> {
    let total = Course::of(args, Some(bug)).run();
    let found = (total.violations > 0).then_some(total.runs);
    tell(&found.map_or(format!("{bug} is NOT found"), |runs| format!("{bug} is found after {runs} runs")));
    found
}

impl<'a> Course<'a> {
    fn of(args: &'a Args, bug: Option<&'a str>) -> Self {
        Self {
            args,
            bug,
            schedule: args.schedule(),
            began: Instant::now(),
            next: AtomicU64::new(0),
            found: AtomicBool::new(false),
            total: Mutex::default(),
        }
    }

    fn run(self) -> Tally {
        let lanes = u64::from(self.args.lanes).min(self.schedule.most);
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| self.lane());
            }
        });
        self.total.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Processes end with the thread that started them, so a run stays on the thread of its lane.
    fn lane(&self) {
        while let Some(seed) = self.next_seed() {
            let outcome = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(anyhow::Error::from)
                .and_then(|runtime| runtime.block_on(self.one(seed)));
            let tally = outcome.unwrap_or_else(|failed| {
                tell(&format!("seed {seed} could not be run: {failed:#}"));
                Tally { violations: 1, ..Tally::default() }
            });
            if tally.violations > 0 {
                self.found.store(true, Ordering::Relaxed);
            }
            self.total.lock().unwrap_or_else(PoisonError::into_inner).add(&tally);
        }
    }

    fn next_seed(&self) -> Option<u64> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let in_time = index == 0 || self.began.elapsed() < self.schedule.lasts;
        let is_over = self.bug.is_some() && self.found.load(Ordering::Relaxed);
        let goes_on = in_time && index < self.schedule.most && !is_over;
        goes_on.then_some(self.schedule.from + index)
    }

    async fn one(&self, seed: u64) -> Result<Tally> {
        let began = Instant::now();
        let plan = Plan::of(seed, std::time::Duration::from_secs(self.args.seconds));
        let Outcome { tally, wrong, kept } = run(&plan, self.args, self.bug).await?;
        let took = began.elapsed().as_secs();
        match kept {
            None if !wrong.is_empty() => {
                tell(&format!(
                    "seed {seed}: {} violations: {}",
                    wrong.len(),
                    wrong.first().map_or("", String::as_str)
                ));
            }
            None => tell(&format!("seed {seed}: all holds after {took} s: {}", tally.words())),
            Some(kept) => {
                let shown: Vec<&str> = wrong.iter().take(SHOWN).map(String::as_str).collect();
                tell(&format!(
                    "seed {seed}: {} violations; repeat with: make torture SEED={seed}\n{plan}  kept in {}\n  {}",
                    wrong.len(),
                    kept.display(),
                    shown.join("\n  ")
                ));
            }
        }
        Ok(tally)
    }
}

#[allow(clippy::print_stderr, reason = "progress of a command")]
fn tell(what: &str) {
    eprintln!("torture: {what}");
}

#[allow(clippy::print_stdout, reason = "the result of a command")]
fn tell_last(result: &Value) {
    println!("{result}");
}
