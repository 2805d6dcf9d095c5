//! The protocol around the core, checked in every order of events that its bounds allow.
//!
//! **What is modelled.** Two arbiters that work one slot (no lease keeps them apart: one that may expire at any time allows
//! nothing that this does not), the broker, and sessions of emit, each in the steps that `slot`, `clerk`, `bailiff`,
//! `rulings`, `emit` and `write.lua` take. Between any two steps an arbiter may die, an acknowledgement may be lost, a
//! ruling may come to the broker late or never, the broker may forget message ids, let in a writer that compare-and-set
//! should keep out, or deliver an event again; Redis may lose its latest write. The fold (`proto::chain`), the fold of a
//! head (`mesh::rulings`), the watermark (`arbiter`) and what the court knows again (`court::already_ruled`, on real
//! events) are the real ones. Every state that can be reached within the bounds is looked at, and all of [`laws`] must
//! hold in it. All loops end by the bounds on what goes wrong, so what holds when all is quiet comes about.
//!
//! **What is not.** What a ruling says: each has one decision. Rulings that cannot be read, logs that were trimmed, streams
//! made anew, ingest, and time: a step may take for ever.
//!
//! `MODEL_EVENTS` checks with so many events in each run instead of the few by default; every further one costs about
//! ten times the time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and tell, its helpers too"
)]

mod arbiter;
mod docket;
mod emit;
mod laws;
mod log;
mod model;
mod variant;
mod world;

use std::time::Instant;

use stateright::{Checker as _, Model as _};

use crate::docket::Docket;
use crate::laws::Law;
use crate::model::{Action, Protocol};
use crate::variant::Variant;
use crate::world::Faults;

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    timeouts: 0,
    admissions: 0,
    amnesias: 0,
    redeliveries: 0,
    disconnections: 0,
    rollbacks: 0,
};

/// Two arbiters over the first so many events of a script.
fn protocol(script: &str, events: usize) -> Protocol {
    let asked = std::env::var("MODEL_EVENTS").ok().and_then(|text| text.parse().ok());
    let names: Vec<&str> = script.split_whitespace().take(asked.unwrap_or(events)).collect();
    Protocol {
        variant: Variant::Sound,
        docket: Docket::new(&names.join(" ")),
        arbiters: 2,
        emitters: 0,
        hearings: 1,
        faults: NO_FAULTS,
        wary: false,
        interchangeable: true,
    }
}

/// The shortest way to a state in which laws do not hold.
struct Counterexample {
    broken: Vec<Law>,
    actions: Vec<Action>,
}

fn explore(protocol: Protocol) -> Option<Counterexample> {
    let began = Instant::now();
    let checker = protocol.checker().spawn_bfs().join();
    println!(
        "{} states, {} steps, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64()
    );
    checker.discoveries().into_values().next().map(|path| Counterexample {
        broken: laws::broken(checker.model(), path.last_state()),
        actions: path.into_actions(),
    })
}

#[track_caller]
fn holds(protocol: Protocol) {
    if let Some(Counterexample { broken, actions }) = explore(protocol) {
        let steps: Vec<String> = actions.iter().map(|action| format!("  {action:?}")).collect();
        panic!("{broken:?} broken by\n{}", steps.join("\n"));
    }
}

#[track_caller]
fn is_caught(variant: Variant, law: Law, protocol: Protocol) {
    let found = explore(Protocol { variant, interchangeable: false, ..protocol });
    let Some(Counterexample { broken, actions }) = found else { panic!("{variant:?} was not caught") };
    println!("{variant:?} breaks {broken:?}:");
    actions.iter().for_each(|action| println!("  {action:?}"));
    assert!(broken.contains(&law), "{variant:?} breaks {broken:?}, and not {law:?}");
}

#[test]
fn rivals_that_die_time_out_and_hear_different_things() {
    let faults = Faults { crashes: 1, timeouts: 1, amnesias: 1, ..NO_FAULTS };
    holds(Protocol { hearings: 2, faults, ..protocol("p1 p2 p3", 2) });
}

#[test]
fn entries_and_timers_that_come_twice() {
    let faults = Faults { crashes: 1, timeouts: 1, redeliveries: 1, ..NO_FAULTS };
    holds(Protocol { faults, ..protocol("p1 p2 p1 p3", 3) });
    let faults = Faults { crashes: 1, timeouts: 1, ..NO_FAULTS };
    holds(Protocol { faults, ..protocol("p1 p@2 p@2 p3", 3) });
}

#[test]
fn two_portfolios_in_a_slot() {
    let faults = Faults { crashes: 1, timeouts: 1, ..NO_FAULTS };
    holds(Protocol { faults, ..protocol("p1 q1 p2 q2", 2) });
    holds(protocol("p1 q1 p1 q2", 3));
}

#[test]
fn two_sessions_of_emit_and_a_redis_that_goes_back() {
    let faults = Faults { disconnections: 1, rollbacks: 1, ..NO_FAULTS };
    holds(Protocol { arbiters: 1, emitters: 2, faults, ..protocol("p1 p2 q1 p3", 3) });
}

/// Debian's nats-server 2.9 does so on replicated streams.
#[test]
fn a_broker_that_lets_two_writers_in_needs_wary_arbiters() {
    let faults = Faults { crashes: 1, admissions: 1, ..NO_FAULTS };
    holds(Protocol { hearings: 2, faults, wary: true, ..protocol("p1 p2 p3", 2) });
    let faults = Faults { timeouts: 1, admissions: 1, amnesias: 1, ..NO_FAULTS };
    holds(Protocol { faults, wary: true, ..protocol("p1 p2 p3", 2) });
    let faults = Faults { admissions: 1, disconnections: 1, ..NO_FAULTS };
    holds(Protocol { emitters: 1, hearings: 2, faults, wary: true, ..protocol("p1 p2 p3", 2) });

    let faults = Faults { admissions: 1, ..NO_FAULTS };
    let unwary = Protocol { hearings: 2, faults, ..protocol("p1 p2", 2) };
    is_caught(Variant::Sound, Law::UnclearBecomesClear, unwary);
}

#[test]
fn without_the_fold_a_rival_counts() {
    let faults = Faults { admissions: 1, ..NO_FAULTS };
    is_caught(Variant::NoFold, Law::OneRuling, Protocol { faults, ..protocol("p1", 1) });
}

#[test]
fn without_the_hash_what_follows_a_void_ruling_counts() {
    let faults = Faults { admissions: 1, crashes: 1, ..NO_FAULTS };
    let protocol = Protocol { hearings: 2, faults, ..protocol("p1 p2", 2) };
    is_caught(Variant::HashUnchecked, Law::RestsOnTheLast, protocol);
}

#[test]
fn the_highest_ruled_is_no_watermark() {
    is_caught(Variant::HighestIsThrough, Law::NothingBelowTheWatermark, protocol("p1 q1", 2));
}

#[test]
fn what_was_not_acknowledged_is_not_lost() {
    let faults = Faults { timeouts: 1, ..NO_FAULTS };
    is_caught(Variant::UnclearIsLost, Law::OneRuling, Protocol { faults, ..protocol("p1", 1) });
}

#[test]
fn who_finds_anothers_ruling_announces_it_or_nobody_does() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    let protocol = Protocol { hearings: 2, faults, ..protocol("p1 p2", 2) };
    is_caught(Variant::OthersKeepSilent, Law::AllOut, protocol);
}

#[test]
fn a_ledger_has_to_know_an_event_again() {
    is_caught(Variant::Forgetful, Law::OneRuling, protocol("p1 p1", 2));
}

#[test]
fn a_position_in_memory_tells_twice() {
    let faults = Faults { disconnections: 1, ..NO_FAULTS };
    let protocol = Protocol { arbiters: 1, emitters: 1, faults, ..protocol("p1", 1) };
    is_caught(Variant::PositionInMemory, Law::ToldOnce, protocol);
}

#[test]
fn a_sink_in_two_steps_tells_twice_or_not_at_all() {
    let faults = Faults { disconnections: 1, ..NO_FAULTS };
    let emit = || Protocol { arbiters: 1, emitters: 1, faults, ..protocol("p1", 1) };
    is_caught(Variant::DecisionsFirst, Law::ToldOnce, emit());
    is_caught(Variant::PositionFirst, Law::NoneLost, emit());
}
