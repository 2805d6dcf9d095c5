//! The mesh in one thread, without sockets, servers or a clock: the real services over a broker and a backend in memory,
//! with everything going wrong that can, by a seed.
//!
//! `SIM_SEEDS` is how many seeds are lived, `SIM_SEED` lives one of them alone, `SIM_TRACE=1` tells what happens.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

mod bridge;
mod broker;
mod feed;
mod judge;
mod life;
mod process;
mod random;
#[allow(
    dead_code,
    reason = "some of it only serves the comparison with a real Redis, in the gateway's tests"
)]
mod redis;
mod seeds;
mod staff;
mod trace;

#[test]
fn whatever_goes_wrong_every_event_is_ruled_once_and_in_order() {
    let lived = seeds::live_all(&seeds::asked());
    println!("{lived}");
    lived.expect_sound();
}

#[cfg(feature = "planted")]
#[test]
#[ignore = "takes long, and not every bug is known to be found"]
fn each_planted_bug_is_found() {
    for bug in mesh::planted::Bug::ALL {
        let found = seeds::until_caught(bug);
        let (seed, wrong) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: after {seed} seeds: {}", wrong.0);
    }
}

#[test]
fn the_same_seed_lives_the_same_life() {
    for seed in 1..=5 {
        let [once, again] = [life::live(seed), life::live(seed)];
        assert_eq!((once.hash, once.rulings), (again.hash, again.rulings), "seed {seed}");
    }
}

#[test]
#[ignore = "one of 200 seeds is not sound yet: SIM_SEED=35"]
fn whatever_redis_loses_every_entry_ends_and_every_decision_is_told_once() {
    for seed in seeds::asked() {
        let came = bridge::live(seed);
        assert_eq!(came.verdict, Ok(()), "SIM_SEED={seed}");
    }
}
