//! Free ports for servers.
//!
//! They come from below the range that the system gives to outgoing connections: a server that is killed and started
//! again must find its port still free.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

const FIRST: u32 = 15_000;
const COUNT: u32 = 17_000;
/// How far apart the first candidates of processes with neighbouring ids lie.
const STRIDE: u32 = 61;

/// How many candidates this process has looked at, so that two meshes in one process never race for one.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// A loopback port on which nobody listens.
///
/// # Errors
/// Every candidate is taken.
pub fn free() -> Result<u16> {
    for _ in 0..COUNT {
        let looked_at = LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        let port = candidate(std::process::id(), looked_at);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 from {FIRST} to {}", FIRST + COUNT - 1)
}

fn candidate(process: u32, looked_at: u32) -> u16 {
    let offset = process.wrapping_mul(STRIDE).wrapping_add(looked_at) % COUNT;
    u16::try_from(FIRST + offset).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_can_be_bound() {
        let (first, second) = (free().unwrap(), free().unwrap());
        assert_ne!(first, second);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, first)).is_ok());
    }

    #[test]
    fn candidates_stay_below_the_range_of_outgoing_connections() {
        for (process, looked_at) in [(1, 0), (u32::MAX, u32::MAX), (4_194_304, 16_999)] {
            let port = u32::from(candidate(process, looked_at));
            assert!((FIRST..FIRST + COUNT).contains(&port) && port < 32_768, "{port}");
        }
    }
}
