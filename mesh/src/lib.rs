//! How a binary takes part in the mesh: connection, streams, rulings, roster, role service, policy file, telemetry,
//! health, shutdown. Shells are built on this crate; it holds I/O and no rule.

pub mod admin;
pub mod args;
pub mod backoff;
pub mod broker;
pub mod clock;
pub mod crash;
pub mod identity;
pub mod lease;
mod log;
pub mod metric;
pub mod nats;
pub mod node;
pub mod planted;
pub mod policy;
pub mod publish;
pub mod reader;
pub mod role;
pub mod roster;
pub mod rulings;
pub mod shutdown;
pub mod streams;
pub mod telemetry;
pub mod trace;

pub use node::{BadConfiguration, Node, run};
