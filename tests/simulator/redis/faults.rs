//! What can go wrong on the way to Redis and back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::random::Random;

/// How often what goes wrong, in a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The connection is refused.
    pub(crate) refused: u64,
    /// The call never arrives.
    pub(crate) lost: u64,
    /// It arrives and is done, the answer does not come back.
    pub(crate) unanswered: u64,
    /// Redis stands still so long that the caller gives up; what was asked is done all the same.
    pub(crate) stalled: u64,
    /// The slowest call takes so long.
    pub(crate) slowest_ms: u64,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journey {
    Arrives(Duration),
    Lost(Duration),
    Unanswered(Duration),
}

/// The faults of a run as they are drawn.
#[derive(Debug)]
pub(super) struct Weather {
    faults: Faults,
    random: Random,
    pub(super) injected: BTreeMap<&'static str, u64>,
}

/// As long as the real connection waits for an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Faults {
    /// Some kinds of faults, each often or rarely.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        let mut often = |most: u64| if random.chance(400) { random.between(1, most) } else { 0 };
        Self {
            refused: often(300),
            lost: often(100),
            unanswered: often(150),
            stalled: often(20),
            slowest_ms: 1 + often(300),
        }
    }
}

impl Weather {
    pub(super) const fn new(faults: Faults, random: Random) -> Self {
        Self { faults, random, injected: BTreeMap::new() }
    }

    pub(super) fn calm(&mut self) {
        self.faults = Faults::default();
    }

    pub(super) fn refuses(&mut self) -> bool {
        self.strikes("redis refused", self.faults.refused)
    }

    pub(super) fn journey(&mut self) -> Journey {
        let delay = self.random.millis(0, self.faults.slowest_ms);
        if self.strikes("redis call lost", self.faults.lost) {
            Journey::Lost(delay)
        } else if self.strikes("redis answer lost", self.faults.unanswered) {
            Journey::Unanswered(delay)
        } else if self.strikes("redis stalled", self.faults.stalled) {
            Journey::Unanswered(RESPONSE_TIMEOUT)
        } else {
            Journey::Arrives(delay)
        }
    }

    fn strikes(&mut self, fault: &'static str, per_mille: u64) -> bool {
        let strikes = self.random.chance(per_mille);
        if strikes {
            *self.injected.entry(fault).or_default() += 1;
        }
        strikes
    }
}
