//! The gateway's process between a real Redis and a real NATS.
//!
//! `FED_NATS_SERVER` and `FED_REDIS_SERVER` name other server binaries; `FED_TEST_PATIENCE_SECONDS` raises the waits.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod away;
mod emit;
mod fake;
mod http;
mod ingest;
mod support;
#[path = "../../src/testing.rs"]
#[allow(dead_code, reason = "shared with the unit tests; not every builder is needed here")]
mod testing;
