//! HTTP: what people and dashboards read, and what operators command.

pub mod order;
pub mod problem;
