//! A role's circuit: a role that does not answer in time again and again is not asked any more, so that nobody waits for
//! it; now and then one case is a probe. Pure: the time is an argument, by a clock that never goes back.

use std::time::Duration;

use tokio::time::Instant;

/// When a circuit opens, and how long it stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fuse {
    /// So many time-outs in a row open it.
    pub(crate) blows_after: u32,
    /// So long after it opened, or after the last probe, one case is sent as a probe.
    pub(crate) probe_after: Duration,
}

/// Whether a role is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circuit {
    fuse: Fuse,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is, and these were the last time-outs in a row.
    Closed { timeouts: u32 },
    /// It is not, but for one probe from then on.
    Open { probe_at: Instant },
}

impl Circuit {
    pub(crate) const fn new(fuse: Fuse) -> Self {
        Self { fuse, state: State::Closed { timeouts: 0 } }
    }

    /// Whether a case may be sent now. One that may while the circuit is open is the probe, and the next waits its time:
    /// also when nobody ever says what became of this one.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed { .. } => true,
            State::Open { probe_at } if *probe_at <= now => {
                *probe_at = now + self.fuse.probe_after;
                true
            }
            State::Open { .. } => false,
        }
    }

    /// There was an answer, or it was known at once that there is none. Whether that closed the circuit.
    pub(crate) fn answered(&mut self) -> bool {
        let was_open = self.is_open();
        self.state = State::Closed { timeouts: 0 };
        was_open
    }

    /// There was no answer in time. Whether that opened the circuit.
    pub(crate) fn timed_out(&mut self, now: Instant) -> bool {
        let probe_at = now + self.fuse.probe_after;
        match self.state {
            State::Closed { timeouts } if timeouts + 1 < self.fuse.blows_after => {
                self.state = State::Closed { timeouts: timeouts + 1 };
                false
            }
            State::Closed { .. } => {
                self.state = State::Open { probe_at };
                true
            }
            State::Open { .. } => {
                self.state = State::Open { probe_at };
                false
            }
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUSE: Fuse = Fuse { blows_after: 3, probe_after: Duration::from_secs(2) };

    fn open(now: Instant) -> Circuit {
        let mut circuit = Circuit::new(FUSE);
        let opened: Vec<bool> = (0..3).map(|_| circuit.timed_out(now)).collect();
        assert_eq!(opened, [false, false, true], "it opens once");
        circuit
    }

    #[test]
    fn only_timeouts_in_a_row_open_it() {
        let (mut circuit, now) = (Circuit::new(FUSE), Instant::now());
        for _ in 0..5 {
            assert!(!circuit.timed_out(now) && !circuit.timed_out(now) && !circuit.answered());
        }
        assert!(circuit.admits(now) && !circuit.is_open());
    }

    #[test]
    fn an_open_one_sends_one_probe_at_a_time() {
        let now = Instant::now();
        let mut circuit = open(now);
        assert!(!circuit.admits(now + Duration::from_millis(1999)));
        let probed = now + Duration::from_secs(2);
        assert!(circuit.admits(probed) && !circuit.admits(probed), "one case");
        assert!(circuit.admits(probed + FUSE.probe_after), "a probe that was lost keeps nobody");
    }

    #[test]
    fn a_probe_closes_it_or_makes_the_next_wait() {
        let now = Instant::now();
        let mut circuit = open(now);
        let probed = now + FUSE.probe_after;
        assert!(circuit.admits(probed));
        let late = probed + Duration::from_millis(500);
        assert!(!circuit.timed_out(late), "it was open already");
        assert!(!circuit.admits(probed + FUSE.probe_after) && circuit.admits(late + FUSE.probe_after));
        assert!(circuit.answered() && circuit.admits(late));
        assert!(!circuit.timed_out(late) && !circuit.is_open(), "what was before is forgotten");
    }
}
