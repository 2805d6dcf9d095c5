//! Bugs on purpose: does what goes wrong by a seed show them, and does what must hold tell them?
//!
//! A find counts only where the same seed is sound without the bug. A single bug is looked at with its name in
//! `FED_PLANTED`, by the tests that are there without any.
//!
//! The first seed that found each, when this was written; all seventeen took 80 s. Whatever changes how a life goes moves
//! them, so the test holds each to [`CAUGHT_WITHIN`] alone, and prints what it is now.
//!
//! | bug | seed | kind of life |
//! |---|---|---|
//! | `AbsenceIsConsent` | 1 | mesh |
//! | `AnnouncedBeforeRuled` | 1 | mesh |
//! | `DuplicatesByMessageIdOnly` | 1 | mesh |
//! | `EmitWithoutAtomicScript` | 1 | bridge |
//! | `EventSkippedAfterALoss` | 44 | bridge |
//! | `EveryEntryIsThrough` | 48 | bridge |
//! | `LetterInDeadFirst` | 16 | bridge |
//! | `NoDerivedIds` | 1 | bridge |
//! | `NoFold` | 20 | bridge |
//! | `NothingExpectedAndUnclearIsLost` | 30 | bridge |
//! | `NothingLeftOutIsAnnounced` | 1 | mesh |
//! | `PositionKeptInMemory` | 2 | bridge |
//! | `PositionOfTheBroker` | 1 | mesh |
//! | `TrimmedIsTakenForRead` | 132 | bridge |
//! | `UnclearIsWon` | 1 | bridge |
//! | `VoidIsTold` | 20 | bridge |
//! | `WatermarkIsTheHighest` | 1 | mesh |

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mesh::planted::{Bug, plant};

use crate::judge::Wrong;
use crate::seeds::{Kind, THREADS};

/// How many seeds of each kind of life a bug may live through.
const CAUGHT_WITHIN: u64 = 2_000;

/// A bug that was found.
struct Found {
    bug: Bug,
    seed: u64,
    kind: Kind,
    took: Duration,
    wrong: Wrong,
}

#[test]
fn each_planted_bug_is_found() {
    let left = Mutex::new(Bug::ALL.to_vec());
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(bug) = { left.lock().unwrap().pop() } {
                    match until_caught(bug) {
                        Some(found) => println!("{found}"),
                        None => missed.lock().unwrap().push(bug),
                    }
                }
            });
        }
    });
    assert_eq!(missed.into_inner().unwrap(), [], "not found within {CAUGHT_WITHIN} seeds");
}

/// The first seed that is not sound with this bug in the code, of either kind of life, and is sound without it.
fn until_caught(bug: Bug) -> Option<Found> {
    let began = Instant::now();
    let mut lives = (1..=CAUGHT_WITHIN).flat_map(|seed| [(seed, Kind::Mesh), (seed, Kind::Bridge)]);
    lives.find_map(|(seed, kind)| {
        let planted = plant(bug);
        let wrong = kind.live(seed).verdict.err()?;
        drop(planted);
        kind.live(seed).verdict.ok()?;
        Some(Found { bug, seed, kind, took: began.elapsed(), wrong })
    })
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bug, seed, kind, took, wrong: Wrong(what) } = self;
        let what: String = what.chars().take(120).collect();
        write!(f, "{bug:?}: seed {seed}, {kind:?}, {:.1} s: {what}", took.as_secs_f64())
    }
}
