//! `export`: a stream of the mesh becomes a file.

use std::io::Write;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use proto::id::Sequence;
use serde::Serialize;

use crate::args::Export;
use crate::draft::Draft;
use crate::progress;
use crate::records::Records;
use crate::records::export::{Entry, Header};
use crate::shell::Shell;

/// What was exported.
#[derive(Serialize)]
struct Exported {
    stream: String,
    identity: String,
    messages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Sequence>,
}

pub(crate) fn run(args: &Export, shell: &Shell, out: &mut impl Write) -> Result<()> {
    let stream = args.stream.stream();
    let records = Records::of_mesh(shell, &args.nats_url, &args.connection, stream, &args.limits)?;
    let identity = records.identity().unwrap_or_default().to_owned();
    let header = Header::new(stream, &identity, args.limits.portfolio.as_ref());
    let mut exported =
        Exported { stream: header.stream().to_owned(), identity, messages: 0, first: None, last: None };
    let mut file = GzEncoder::new(Draft::of(&args.out)?, Compression::default());
    let writing = || format!("writing {}", args.out.display());
    header.write(&mut file).with_context(writing)?;
    let mut bar = progress::bar(records.expected());
    for record in records {
        let record = record?;
        Entry::of(&record).write(&mut file).with_context(writing)?;
        exported.count(record.sequence);
        bar.step();
    }
    bar.finish();
    file.finish().with_context(writing)?.finish()?;
    exported.tell(args, out)
}

impl Exported {
    fn count(&mut self, sequence: Sequence) {
        self.messages += 1;
        self.first.get_or_insert(sequence);
        self.last = Some(sequence);
    }

    fn tell(&self, args: &Export, out: &mut impl Write) -> Result<()> {
        if args.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(self)?)?);
        }
        let Self { stream, identity, messages, .. } = self;
        write!(out, "{messages} messages of {stream} (created {identity})")?;
        if let (Some(first), Some(last)) = (self.first, self.last) {
            write!(out, ", sequence {first} to {last}")?;
        }
        Ok(writeln!(out, " are in {}", args.out.display())?)
    }
}
