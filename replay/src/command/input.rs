//! The events that a run is about: from a file, from the mesh, or made up.

use std::fmt;

use anyhow::{Context as _, Result};
use proto::event::{Event, EventKind};
use proto::id::Sequence;
use proto::subject::Stream;
use replay::Synthetic;

use crate::args::{Connection, Events, Limits, MadeUp};
use crate::message;
use crate::progress::STRIDE;
use crate::records::{About, Record, Records};
use crate::shell::Shell;

/// Events, in order.
pub(crate) struct Input<'a> {
    from: From<'a>,
    shell: &'a Shell,
    /// The event that was read last.
    current: Option<Event>,
    /// How many events were read.
    read: u64,
    /// How many events there will be, where that is known.
    pub(crate) expected: Option<u64>,
    /// How many timers of the source were left out.
    pub(crate) timers_left_out: u64,
}

enum From<'a> {
    Records(Records<'a>),
    MadeUp(MadeUpEvents<'a>),
}

/// So many made-up events, without those that are not asked for.
struct MadeUpEvents<'a> {
    all: Synthetic,
    count: u64,
    made: u64,
    limits: &'a Limits,
}

/// Where events come from, for people.
pub(crate) struct Told<'a>(&'a Events, MadeUp);

impl<'a> Input<'a> {
    pub(crate) fn open(
        shell: &'a Shell,
        events: &Events,
        made_up: MadeUp,
        connection: &Connection,
        limits: &'a Limits,
    ) -> Result<Self> {
        let from = match (&events.events, &events.nats_url) {
            (Some(file), _) => From::Records(Records::of_file(file, Stream::Events, limits)?),
            (None, Some(url)) => {
                From::Records(Records::of_mesh(shell, url, connection, Stream::Events, limits)?)
            }
            (None, None) => From::MadeUp(MadeUpEvents::begin(events, made_up, limits)?),
        };
        let expected = match &from {
            From::Records(records) => records.expected(),
            From::MadeUp(_) => events.synthetic,
        };
        Ok(Self { from, shell, current: None, read: 0, expected, timers_left_out: 0 })
    }

    /// The next event, which is away with the one after it; nothing after the last one.
    pub(crate) fn read(&mut self) -> Result<Option<&Event>> {
        if self.read.is_multiple_of(STRIDE) {
            self.shell.go_on()?;
        }
        self.read += 1;
        match &mut self.from {
            From::MadeUp(events) => events.read(&mut self.current),
            From::Records(records) => self.current = recorded(records, &mut self.timers_left_out)?,
        }
        Ok(self.current.as_ref())
    }
}

/// The next event that is no timer; how many timers came before it is added.
fn recorded(records: &mut Records<'_>, timers: &mut u64) -> Result<Option<Event>> {
    while let Some(record) = records.next().transpose()? {
        let event = event(records, &record)?;
        if event.kind() != EventKind::ClockDue {
            return Ok(Some(event));
        }
        *timers += 1;
    }
    Ok(None)
}

fn event(records: &Records, record: &Record) -> Result<Event> {
    message::read(&record.bytes).with_context(|| format!("{}: this is no event", records.place(record)))
}

impl<'a> MadeUpEvents<'a> {
    fn begin(events: &Events, made_up: MadeUp, limits: &'a Limits) -> Result<Self> {
        let all = Synthetic::new(made_up.seed, made_up.portfolios)?;
        Ok(Self { all, count: events.synthetic.unwrap_or_default(), made: 0, limits })
    }

    /// Puts the next event there: it is made where it stays, because events are large.
    fn read(&mut self, current: &mut Option<Event>) {
        while self.made < self.count {
            self.made += 1;
            *current = self.all.next();
            let Some(event) = current else { return };
            if self.limits.wants(Sequence(self.made), || About::of(event)) {
                return;
            }
        }
        *current = None;
    }
}

impl<'a> Told<'a> {
    pub(crate) const fn new(events: &'a Events, made_up: MadeUp) -> Self {
        Self(events, made_up)
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(events, made_up) = self;
        match (&events.events, &events.nats_url) {
            (Some(file), _) => file.display().fmt(f),
            (None, Some(_)) => f.write_str("the EVENTS of a mesh"),
            (None, None) => write!(f, "made-up events, seed {}", made_up.seed),
        }
    }
}
