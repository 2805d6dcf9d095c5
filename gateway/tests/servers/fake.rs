//! The simulator's fake Redis against a real one: the same commands, and afterwards the same state. The simulator shows as
//! much as the fake is like the real one.

mod agrees;
mod draw;
#[path = "../../../tests/simulator/random.rs"]
#[allow(dead_code, reason = "the simulator draws more")]
pub(crate) mod random;
mod real;
#[path = "../../../tests/simulator/redis/mod.rs"]
#[allow(dead_code, reason = "the simulator does more to it")]
mod redis;
