//! Messages of a stream, from a file or from the mesh itself, within limits.

pub(crate) mod export;
mod limits;
mod lines;
mod tap;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use proto::id::Sequence;
use proto::subject::Stream;

use crate::args::{Connection, Limits};
use crate::shell::Shell;
use export::{Entry, Header};
pub(crate) use limits::About;
use lines::{Line, Lines};
use tap::Tap;

/// A message, and where it stands.
pub(crate) struct Record {
    /// In the stream; in a file without sequences its line.
    pub(crate) sequence: Sequence,
    /// Its bytes, as they were stored.
    pub(crate) bytes: Vec<u8>,
    /// Its subject, where it comes from the mesh.
    pub(crate) subject: String,
    line: u64,
}

/// Messages, in order.
pub(crate) struct Records<'a> {
    from: From<'a>,
    limits: &'a Limits,
}

enum From<'a> {
    /// One message a line.
    Plain(Lines),
    /// One message a line with its sequence, after a header.
    Exported(Lines),
    Mesh(Box<Tap<'a>>),
}

impl<'a> Records<'a> {
    /// The messages of a file, which may be an export of this stream.
    pub(crate) fn of_file(file: &Path, stream: Stream, limits: &'a Limits) -> Result<Self> {
        let mut lines = Lines::open(file)?;
        let header = lines.peek()?.and_then(|first| Header::of(&first.bytes));
        let from = match header {
            None => From::Plain(lines),
            Some(header) => {
                let place = lines.place(1);
                header.with_context(|| place.clone())?.must_be_of(stream).context(place)?;
                lines.next();
                From::Exported(lines)
            }
        };
        Ok(Self { from, limits })
    }

    /// The messages of a mesh's stream, up to the last that is there now.
    pub(crate) fn of_mesh(
        shell: &'a Shell,
        nats_url: &str,
        connection: &Connection,
        stream: Stream,
        limits: &'a Limits,
    ) -> Result<Self> {
        let tap = Tap::open(shell, &connection.to(nats_url), stream, limits)?;
        Ok(Self { from: From::Mesh(Box::new(tap)), limits })
    }

    /// When the mesh's stream was created: its identity; none of a file.
    pub(crate) fn identity(&self) -> Option<&str> {
        match &self.from {
            From::Mesh(tap) => Some(tap.identity()),
            From::Plain(_) | From::Exported(_) => None,
        }
    }

    /// How many messages there will be, where that is known.
    pub(crate) fn expected(&self) -> Option<u64> {
        match &self.from {
            From::Mesh(tap) => tap.expected(),
            From::Plain(_) | From::Exported(_) => None,
        }
    }

    /// Where a message stands, for people.
    pub(crate) fn place(&self, record: &Record) -> String {
        match &self.from {
            From::Plain(lines) | From::Exported(lines) => lines.place(record.line),
            From::Mesh(tap) => format!("{}, sequence {}", tap.name(), record.sequence),
        }
    }

    fn read(&mut self) -> Result<Option<Record>> {
        while let Some(record) = self.from.next()? {
            if self.limits.is_past(record.sequence) {
                return Ok(None);
            }
            if self.limits.wants(record.sequence, || limits::about(&record.bytes)) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl From<'_> {
    fn next(&mut self) -> Result<Option<Record>> {
        match self {
            Self::Mesh(tap) => tap.next(),
            Self::Plain(lines) => {
                let line = lines.next().transpose()?;
                Ok(line.map(|Line { number, bytes }| Record {
                    sequence: Sequence(number),
                    bytes,
                    subject: String::new(),
                    line: number,
                }))
            }
            Self::Exported(lines) => {
                let Some(line) = lines.next().transpose()? else { return Ok(None) };
                let kept = Entry::read(&line.bytes);
                let (sequence, bytes) = kept.with_context(|| lines.place(line.number))?;
                ensure!(sequence.0 > 0, "{}: sequence 0, expected one from 1 on", lines.place(line.number));
                Ok(Some(Record { sequence, bytes, subject: String::new(), line: line.number }))
            }
        }
    }
}
