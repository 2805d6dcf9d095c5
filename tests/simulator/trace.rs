//! What happened, as one number: two runs of a seed must have the same.

use tokio::time::Instant;

/// FNV-1a over everything that was noted, and when.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    began: Instant,
    told: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            began: Instant::now(),
            told: std::env::var_os("SIM_TRACE").is_some(),
        }
    }

    /// Something happened now.
    pub(crate) fn note(&mut self, what: &str) {
        let millis = self.began.elapsed().as_millis();
        if self.told {
            println!("{millis:>8} {what}");
        }
        for byte in millis.to_le_bytes().iter().chain(what.as_bytes()) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }
}
