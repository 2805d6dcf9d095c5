//! The gateway: Redis and HTTP on one side, the mesh on the other. It decides nothing.

pub mod accounts;
pub mod api;
pub mod args;
pub mod backend;
pub mod emit;
pub mod feed;
pub mod fields;
pub mod ingest;
pub mod keys;
pub mod metrics;
pub mod redis_link;
pub mod retained;
pub mod roles;
mod serve;
pub mod status;
pub mod stop;
#[cfg(test)]
mod testing;
pub mod view;

pub use serve::serve;
