//! The events that a run is about: from a file, or made up.

use anyhow::{Context as _, Result};
use proto::event::{Event, EventKind};
use proto::wire::Message as _;
use replay::Synthetic;

use crate::args::{MadeUp, Source};
use crate::lines::{Line, Lines};

/// Events, in order.
pub(crate) struct Input {
    from: From,
    /// How many events there will be, where that is known.
    pub(crate) expected: Option<u64>,
    /// How many timers of the file were left out.
    pub(crate) timers_left_out: u64,
}

enum From {
    File(Lines),
    MadeUp(Box<dyn Iterator<Item = Event>>),
}

impl Input {
    pub(crate) fn open(source: &Source, made_up: MadeUp) -> Result<Self> {
        let from = match &source.events {
            Some(file) => From::File(Lines::open(file)?),
            None => {
                let count = usize::try_from(source.synthetic.unwrap_or_default())?;
                From::MadeUp(Box::new(Synthetic::new(made_up.seed, made_up.portfolios)?.take(count)))
            }
        };
        Ok(Self { from, expected: source.synthetic, timers_left_out: 0 })
    }
}

impl Iterator for Input {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        let lines = match &mut self.from {
            From::MadeUp(events) => return events.next().map(Ok),
            From::File(lines) => lines,
        };
        while let Some(line) = lines.next() {
            match line.and_then(|line| event(lines, &line)) {
                Ok(event) if event.kind() == EventKind::ClockDue => self.timers_left_out += 1,
                event => return Some(event),
            }
        }
        None
    }
}

fn event(lines: &Lines, line: &Line) -> Result<Event> {
    Event::from_bytes(&line.bytes).with_context(|| format!("{}: this is no event", lines.place(line.number)))
}
