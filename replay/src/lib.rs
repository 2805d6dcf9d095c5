//! The model of the whole mesh: the same role and court functions as the services call, in one process, over the same
//! events.
//!
//! Pure: no clock, no I/O, no threads. Given a policy and a sequence of events it makes the rulings that the mesh would
//! make, the timers' events between them included. Roles can be declared absent for stretches.

mod model;
mod policy;
mod roles;

pub use model::Model;
pub use policy::{BadPolicy, Policies};
