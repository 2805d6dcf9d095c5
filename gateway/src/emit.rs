//! Emit: from RULINGS to Redis.

pub mod encode;
pub mod fold;
