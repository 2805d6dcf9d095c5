//! How fast a command was: the last line of what it tells.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

/// How many events were worked on, and how fast.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Speed {
    events: u64,
    events_per_second: f64,
    #[serde(skip)]
    seconds: f64,
}

impl Speed {
    /// So many events since then.
    pub(crate) fn since(began: Instant, events: u64) -> Self {
        let seconds = began.elapsed().as_secs_f64();
        let per_second = events as f64 / seconds.max(f64::EPSILON);
        Self { events, events_per_second: (per_second * 10.0).round() / 10.0, seconds }
    }

    /// The last line.
    pub(crate) fn tell(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            return line(self, out);
        }
        let Self { events, events_per_second, seconds } = self;
        Ok(writeln!(out, "{events} events in {seconds:.1} s: {events_per_second:.0} a second")?)
    }
}

/// A line of JSON.
pub(crate) fn line(what: &impl Serialize, out: &mut impl Write) -> Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string(what)?)?)
}
