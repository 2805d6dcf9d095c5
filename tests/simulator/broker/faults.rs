//! What can go wrong between a service and the broker, how often, and how often it did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::random::Random;

/// How often what goes wrong, in a thousand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// The message never arrives.
    pub(crate) lost: u64,
    /// It arrives, the acknowledgement does not.
    pub(crate) unacknowledged: u64,
    /// It arrives long after its sender gave up.
    pub(crate) late: u64,
    /// The expected sequence is not looked at.
    pub(crate) unchecked: u64,
    /// The known message ids are forgotten.
    pub(crate) forgets: u64,
    /// A single read shows an older state.
    pub(crate) stale: u64,
    /// A read fails.
    pub(crate) unread: u64,
    /// A consumer ends.
    pub(crate) ended: u64,
    /// A consumer delivers nothing any more.
    pub(crate) silent: u64,
    /// A consumer begins some messages earlier than it should.
    pub(crate) repeats: u64,
    /// It is told wrongly how much is left to read, as nats-server 2.9 does.
    pub(crate) miscounts: u64,
    /// A role does not answer, answers late, or is not found.
    pub(crate) unanswered: u64,
    /// A role answers garbage.
    pub(crate) garbage: u64,
    /// Known ids come before expected sequences.
    pub(crate) id_first: bool,
    /// The slowest message takes so long.
    pub(crate) slowest_ms: u64,
}

/// What goes wrong with a message on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journey {
    Arrives(Duration),
    Unacknowledged(Duration),
    Late(Duration),
    Lost,
}

impl Faults {
    /// Some kinds of faults, each often or rarely. Few at a time: where everything goes wrong nothing gets far.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        let mut often = |most: u64| if random.chance(400) { random.between(1, most) } else { 0 };
        Self {
            lost: often(100),
            unacknowledged: often(150),
            late: often(100),
            unchecked: often(300),
            forgets: often(50),
            stale: often(300),
            unread: often(200),
            ended: often(30),
            silent: often(20),
            repeats: often(500),
            miscounts: often(300),
            unanswered: often(300),
            garbage: often(100),
            id_first: often(1) == 1,
            slowest_ms: 2 + often(400),
        }
    }

    pub(crate) fn delay(&self, random: &mut Random) -> Duration {
        let most = if random.chance(50) { self.slowest_ms.max(1) } else { 2 };
        random.millis(0, most)
    }

    pub(crate) fn journey(&self, random: &mut Random) -> Journey {
        let delay = self.delay(random);
        if random.chance(self.lost) {
            Journey::Lost
        } else if random.chance(self.unacknowledged) {
            Journey::Unacknowledged(delay)
        } else if random.chance(self.late) {
            Journey::Late(random.millis(2_500, 20_000))
        } else {
            Journey::Arrives(delay)
        }
    }
}

/// How often each fault was injected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Injected(pub(crate) BTreeMap<&'static str, u64>);

impl Injected {
    pub(crate) fn count(&mut self, fault: &'static str) {
        *self.0.entry(fault).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(fault).or_default() += count;
        }
    }
}
