//! A whole mesh on one machine: NATS and Redis on free ports, the eight binaries, their logs, and a demo feed.
//!
//! The command `federation-local` is a thin shell over this library; the end-to-end tests use the library to start,
//! kill and restart single parts by name.

pub mod args;
pub mod bins;
pub mod builder;
pub mod child;
pub mod decisions;
pub mod feed;
pub mod logs;
pub mod mesh;
pub mod port;
pub mod probe;
pub mod ready;
pub mod said;
pub mod server;
pub mod service;
mod setup;

pub use builder::Builder;
pub use mesh::{Death, Mesh};
