//! Ingest: from Redis to EVENTS.

pub mod decode;
pub mod letter;
pub mod plan;
