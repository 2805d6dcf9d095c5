//! The gateway: Redis and HTTP on one side, the mesh on the other. It decides nothing.

pub mod api;
pub mod emit;
pub mod feed;
pub mod fields;
pub mod ingest;
pub mod keys;
pub mod metrics;
pub mod redis_link;
#[cfg(test)]
mod testing;
pub mod view;
