//! What is said on the mesh: events, cases, verdicts, proposals, rulings, decisions, holds, ledgers, subjects.
//!
//! Pure data. No clock, no I/O, no async: the core of the mesh is built on this crate and on nothing that runs.

pub mod case;
pub mod chain;
pub mod command;
pub mod decision;
pub mod effective;
pub mod event;
pub mod hold;
pub mod id;
pub mod ledger;
pub mod letter;
pub mod number;
pub mod policy;
pub mod proposal;
pub mod receipt;
pub mod ruling;
#[cfg(test)]
mod schemas;
pub mod subject;
pub mod subsystems;
pub mod terms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod value;
pub mod wire;
pub mod words;
