//! The model of the whole mesh: the same role and court functions as the services call, in one process, over the same
//! events.
//!
//! Pure: no clock, no I/O, no threads. Given a policy and a sequence of events it makes the rulings that the mesh would
//! make, the timers' events between them included. Roles can be declared absent for stretches. Beside it: events made up
//! from a seed, counts of what came of a run, the check of stored rulings, the comparison of two policies,
//! and the page that shows it.

mod agenda;
mod diff;
mod model;
mod policy;
pub mod report;
mod roles;
mod settled;
mod standing;
mod synthetic;
mod tally;
mod verify;

pub use diff::{Change, Comparison, Counts, Difference, Subject};
pub use model::Model;
pub use policy::{BadPolicy, Policies};
pub use settled::Settled;
pub use synthetic::Synthetic;
pub use tally::{Tallies, Tally, minutes};
pub use verify::{Flaw, Rejected, Unsound, Verified, Verifier};
