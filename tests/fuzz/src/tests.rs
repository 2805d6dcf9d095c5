//! Every target over its committed corpus, and over a mutation of it that is the same every time.

mod mutation;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use super::{TARGETS, Taken, Target};
use mutation::{Dice, mutated};

/// How many mutated inputs each target gets, unless `FUZZ_CASES` says otherwise.
const CASES: u64 = 500;
/// How many inputs that break something are kept, before the search ends.
const FOUND_MOST: usize = 5;
/// Where the dice begin, unless `FUZZ_SEED` says otherwise.
const SEED: u64 = 1;

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")),
        Err(_) => otherwise,
    }
}

/// The files of a target's corpus, in order of their names.
fn corpus(target: &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|failed| panic!("{}: {failed}", folder.display()));
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The name of a corpus file says whether it has to be taken: `good-…`, `bad-…`, or `found-…` for what once went wrong.
fn expected(file: &Path) -> Option<Taken> {
    let name = file.file_name().unwrap().to_str().unwrap();
    match name.split_once('-') {
        Some(("good", _)) => Some(Taken::Yes),
        Some(("bad", _)) => Some(Taken::No),
        Some(("found", _)) => None,
        Some(_) | None => panic!("{name} is no name for a corpus file"),
    }
}

#[test]
fn every_target_takes_its_good_inputs_and_refuses_its_bad_ones() {
    for target in TARGETS {
        let files = corpus(&target);
        assert!(files.len() > 1, "{} has hardly any corpus", target.name);
        for file in files {
            let taken = (target.run)(&fs::read(&file).unwrap());
            let expected = expected(&file);
            assert!(expected.is_none_or(|expected| expected == taken), "{}: {taken:?}", file.display());
        }
        for (number, seed) in (target.seeds)().iter().enumerate() {
            assert_eq!((target.run)(seed), Taken::Yes, "seed {number} of {}", target.name);
        }
    }
}

#[test]
fn what_must_hold_holds_for_mutated_inputs() {
    let (cases, seed) = (number("FUZZ_CASES", CASES), number("FUZZ_SEED", SEED));
    let threads: Vec<_> = TARGETS.map(|target| std::thread::spawn(move || play(&target, seed, cases))).into();
    let mut broken: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().err()).collect();
    if let Some(panic) = broken.pop() {
        resume_unwind(panic);
    }
}

fn play(target: &Target, seed: u64, cases: u64) {
    let committed = corpus(target).into_iter().map(|file| fs::read(file).unwrap());
    let seeds: Vec<Vec<u8>> = committed.chain((target.seeds)()).collect();
    let (mut taken, mut found) = (0_u64, Vec::new());
    for case in 0..cases {
        let input = mutated(&mut Dice::of(seed, case), &seeds);
        match catch_unwind(AssertUnwindSafe(|| (target.run)(&input))) {
            Ok(Taken::Yes) => taken += 1,
            Ok(Taken::No) => {}
            Err(_) => {
                let kept = std::env::temp_dir().join(format!("found-{}-{seed}-{case}", target.name));
                fs::write(&kept, &input).unwrap();
                found.push(kept);
            }
        }
        if found.len() >= FOUND_MOST {
            break;
        }
    }
    assert!(found.is_empty(), "{}: what must hold does not hold for {found:?}", target.name);
    println!("{}: {taken} of {cases} mutated inputs were taken", target.name);
    let rarely = cases / 100;
    assert!((rarely..=cases - rarely).contains(&taken), "{}: {taken} of {cases} were taken", target.name);
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let seeds = [b"{\"a\": [1, 2.5, \"x\"]}".to_vec(), b"snapshot fraction\na=1\n".to_vec()];
    let of = |case| mutated(&mut Dice::of(1, case), &seeds);
    assert!((0..200).all(|case| of(case) == of(case)));
    let all: BTreeSet<_> = (0..200).map(of).collect();
    assert!(all.len() > 100, "{} different inputs", all.len());
}
