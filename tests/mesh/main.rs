//! The mesh end to end: real servers, the real binaries, plain Redis entries in, decisions out.
//!
//! | module | what it shows |
//! |---|---|
//! | `cluster` | three nats-servers, any of which may be lost (`NATS_SERVERS` names programs newer than 2.9) |
//! | `crashes` | the arbiter and the gateway killed at each step of their loops lose and double nothing |
//! | `damage` | one byte of a stored ruling flipped: its portfolio halts, and the others go on |
//! | `decides` | one bad snapshot gives each decision once; a hundred more like it give none |
//! | `feed` | a backend that publishes all the time, and what became of all of it |
//! | `guide` | the integration guide's curl lines, handler and widget payload work |
//! | `absence` | a role killed or never started: the others go on, nothing loosens, it joins again |
//! | `leases` | work is shared, and moves to others when its holder is killed, ends or hangs |
//! | `recorded` | an hour of fifty portfolios, with roles killed and returned, replays byte for byte |
//! | `letters` | what cannot be used is kept with a reason, and the next good event is decided |
//! | `rolling` | every process replaced by a new one under load, and nobody is missed |
//! | `slow` | a portfolio that falls behind and a role that hangs keep nothing else |
//! | `survival` | everything killed and started again goes on where it was |
//! | `traces` | one trace an event, parent and child, from Redis and back |
//! | `settings` | the manifests name only variables that a binary takes, the hazards only tests that exist; discovery shows what a role is |
//! | `oracle` | what the mesh wrote is what the pure core says; every other module calls it |

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, its helpers too, and tells what it measured"
)]

mod absence;
mod cluster;
mod crashes;
mod damage;
mod decides;
mod feed;
mod guide;
mod leases;
mod letters;
mod oracle;
mod recorded;
mod rolling;
mod settings;
mod slow;
mod stop;
mod support;
mod survival;
mod traces;
