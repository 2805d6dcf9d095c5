//! Ingest: from Redis to EVENTS.

pub mod decode;
