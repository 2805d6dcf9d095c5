//! The mesh in one thread, without sockets, servers or a clock: the real services over a broker and a backend in memory,
//! with everything going wrong that can, by a seed.
//!
//! `SIM_SEEDS` is how many seeds are lived, `SIM_SEED` lives one of them alone, `SIM_TRACE=1` tells what happens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

mod bridge;
mod broker;
mod feed;
mod judge;
mod life;
#[cfg(feature = "planted")]
mod planted;
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

use seeds::Kind;

#[test]
fn whatever_goes_wrong_every_event_is_ruled_once_and_in_order() {
    live_asked(Kind::Mesh);
}

#[test]
fn whatever_redis_loses_every_entry_ends_and_every_decision_is_told_once() {
    live_asked(Kind::Bridge);
}

fn live_asked(kind: Kind) {
    let lived = seeds::live_all(kind, &seeds::asked());
    println!("{lived}");
    lived.expect_sound();
}

#[test]
fn the_same_seed_lives_the_same_life() {
    for kind in [Kind::Mesh, Kind::Bridge] {
        for seed in 1..=5 {
            let [once, again] = [kind.live(seed), kind.live(seed)];
            assert_eq!((once.hash, once.rulings), (again.hash, again.rulings), "{kind:?}, seed {seed}");
        }
    }
}
