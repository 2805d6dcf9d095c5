//! What an exported file is written as: a header that names the stream, then a line a message.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::id::{PortfolioId, Sequence};
use proto::subject::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Record;

/// The schema of this file, and what all of its versions begin with.
const SCHEMA: &str = "fed.export/1";
const ANY_VERSION: &str = "fed.export/";

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    schema: String,
    /// Which stream it was, by its name under the usual prefix.
    stream: String,
    /// When that stream was created: its sequences mean something only with it.
    identity: String,
    /// The only portfolio that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    portfolio: Option<PortfolioId>,
}

/// A message's line: its text as it stood, so that a ruling keeps its hash, or its bytes where they are no line of JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry<'a> {
    sequence: Sequence,
    #[serde(borrow, default)]
    subject: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    message: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Header {
    /// The header of what is exported from this stream.
    pub(crate) fn new(stream: Stream, identity: &str, portfolio: Option<&PortfolioId>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            stream: name(stream),
            identity: identity.to_owned(),
            portfolio: portfolio.cloned(),
        }
    }

    /// The header in a file's first line; none when it is a message.
    pub(super) fn of(line: &[u8]) -> Option<Result<Self>> {
        #[derive(Deserialize)]
        struct Probe {
            schema: String,
        }
        let Probe { schema } = serde_json::from_slice(line).ok()?;
        if schema == SCHEMA {
            Some(serde_json::from_slice(line).context("the header of an export cannot be read"))
        } else if schema.starts_with(ANY_VERSION) {
            Some(Err(anyhow::anyhow!("schema is {schema}, expected {SCHEMA}")))
        } else {
            None
        }
    }

    /// Which stream it was.
    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    pub(super) fn must_be_of(&self, stream: Stream) -> Result<()> {
        let expected = name(stream);
        ensure!(self.stream == expected, "this is an export of {}, expected one of {expected}", self.stream);
        Ok(())
    }

    /// Writes it.
    pub(crate) fn write(&self, to: &mut impl Write) -> Result<()> {
        Ok(writeln!(to, "{}", serde_json::to_string(self)?)?)
    }
}

impl<'a> Entry<'a> {
    /// How a message is kept.
    pub(crate) fn of(record: &'a Record) -> Self {
        let message = line_of_json(&record.bytes);
        let base64 = message.is_none().then(|| STANDARD.encode(&record.bytes));
        Self { sequence: record.sequence, subject: Cow::Borrowed(&record.subject), message, base64 }
    }

    /// Writes it.
    pub(crate) fn write(&self, to: &mut impl Write) -> Result<()> {
        serde_json::to_writer(&mut *to, self)?;
        Ok(to.write_all(b"\n")?)
    }

    /// The message of a line: its sequence, and its bytes as they were stored.
    pub(super) fn read(line: &'a [u8]) -> Result<(Sequence, Vec<u8>)> {
        let kept: Self = serde_json::from_slice(line).context("this is no line of an export")?;
        let bytes = match (kept.message, kept.base64) {
            (Some(message), None) => message.get().as_bytes().to_vec(),
            (None, Some(text)) => STANDARD.decode(text).context("base64 cannot be read")?,
            (None, None) | (Some(_), Some(_)) => {
                bail!("this is no line of an export: expected either `message` or `base64`")
            }
        };
        Ok((kept.sequence, bytes))
    }
}

/// The bytes as one line of JSON that gives the same bytes when it is read again.
fn line_of_json(bytes: &[u8]) -> Option<&RawValue> {
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    (json.get().len() == bytes.len() && !bytes.contains(&b'\n')).then_some(json)
}

fn name(stream: Stream) -> String {
    proto::subject::Subjects::default().stream(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_bytes_whatever_they_are() {
        for bytes in [&b"{\"a\":1.50,\"b\": [ ]}"[..], b" {}", b"{\n}", b"\xff\x00", b"", b"text", b"7"] {
            let record = Record {
                sequence: Sequence(9),
                bytes: bytes.to_vec(),
                subject: "fed.dead.\"x\"".to_owned(),
                line: 0,
            };
            let mut line = Vec::new();
            Entry::of(&record).write(&mut line).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(Entry::read(&line).unwrap(), (Sequence(9), bytes.to_vec()), "{bytes:?}");
        }
    }

    #[test]
    fn a_header_is_known_and_one_of_another_version_or_stream_refused() {
        let header = Header::new(Stream::Rulings, "2026-01-05T00:00:00Z", Some(&PortfolioId::main()));
        let mut line = Vec::new();
        header.write(&mut line).unwrap();
        assert_eq!(Header::of(&line).unwrap().unwrap(), header);
        let refused = header.must_be_of(Stream::Events).unwrap_err().to_string();
        assert_eq!(refused, "this is an export of RULINGS, expected one of EVENTS");
        let newer = Header::of(br#"{"schema":"fed.export/2"}"#).unwrap().unwrap_err().to_string();
        assert_eq!(newer, "schema is fed.export/2, expected fed.export/1");
        assert!(Header::of(br#"{"schema":"fed.event/1"}"#).is_none());
        assert!(Header::of(b"what?").is_none());
    }
}
