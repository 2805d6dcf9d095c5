//! Every parser that meets the outside, as functions of bytes that say what must hold of whatever they are given.
//!
//! The same functions run on stable over the committed corpus and a seeded mutation of it (this crate's tests), and for
//! as long as one likes under libFuzzer (`targets`, `make fuzz`). A function panics where something does not hold:
//!
//! - what was read is written and read as the same, byte for byte;
//! - what was refused is told with field, value and expectation;
//! - every number is finite and in its range;
//! - whatever passes is ruled by the court, and the ruling passes its audit.
//!
//! | target | what comes in | from where |
//! |---|---|---|
//! | `entry` | a Redis entry of any feed, shape and unit | the backend |
//! | `verdict`, `opinion` | a role's answers | NATS |
//! | `case` | cases and reviews | NATS |
//! | `message` | any other message: events, rulings, decisions, letters | NATS, files |
//! | `lines` | events, one a line | files |
//! | `order`, `query` | what operators and dashboards send | HTTP |
//! | `policy` | a policy file, as the services and as the model read it | files |

#![allow(clippy::panic, clippy::expect_used, reason = "a target panics where something does not hold")]

mod case;
mod entry;
mod judge;
mod lines;
mod message;
mod opinion;
mod order;
mod policy;
mod query;
mod verdict;

#[cfg(test)]
mod tests;

/// Whether an input was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was read, and all that follows from it holds.
    Yes,
    /// It was refused, with a reason.
    No,
}

/// A function of bytes that panics where something does not hold, and inputs to begin from.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: the folder of its corpus, and the binary under libFuzzer.
    pub name: &'static str,
    /// What must hold of an input.
    pub run: fn(&[u8]) -> Taken,
    /// Inputs that are taken, besides the corpus: made from the types themselves, so that they are always of today's shape.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "case", run: case::run, seeds: case::seeds },
    Target { name: "entry", run: entry::run, seeds: Vec::new },
    Target { name: "lines", run: lines::run, seeds: lines::seeds },
    Target { name: "message", run: message::run, seeds: message::seeds },
    Target { name: "opinion", run: opinion::run, seeds: opinion::seeds },
    Target { name: "order", run: order::run, seeds: Vec::new },
    Target { name: "policy", run: policy::run, seeds: policy::seeds },
    Target { name: "query", run: query::run, seeds: Vec::new },
    Target { name: "verdict", run: verdict::run, seeds: verdict::seeds },
];

/// Runs the target of this name; what libFuzzer calls.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(input);
}
