//! What is fed to the mesh: a demo day, published as the backend would.

pub mod day;
pub mod demo;
pub mod operator;
pub mod producer;

/// A policy with short times, so that the demo day sees values loosen again.
pub const DEMO_POLICY: &str = include_str!("../demo.toml");
