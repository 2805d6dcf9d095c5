//! Files of lines, read one line at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// The longest line that is read: a ruling with all that was heard is far below it.
const LINE_MAX_BYTES: u64 = 16 << 20;

/// The lines of a file, without their ends; empty ones are passed over.
pub(crate) struct Lines {
    file: PathBuf,
    reader: Box<dyn BufRead>,
    number: u64,
}

/// A line, and where it stands.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Lines {
    /// The lines of a file; `-` is standard input.
    pub(crate) fn open(file: &Path) -> Result<Self> {
        let reader: Box<dyn BufRead> = if file == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let opened = File::open(file).with_context(|| format!("opening {}", file.display()))?;
            Box::new(BufReader::new(opened))
        };
        Ok(Self { file: file.to_owned(), reader, number: 0 })
    }

    /// Where a line stands, for people.
    pub(crate) fn place(&self, number: u64) -> String {
        format!("{}:{number}", self.file.display())
    }

    fn read(&mut self) -> Result<Option<Line>> {
        loop {
            self.number += 1;
            let mut bytes = Vec::new();
            let read = (&mut self.reader).take(LINE_MAX_BYTES).read_until(b'\n', &mut bytes);
            read.with_context(|| self.place(self.number))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let ended = bytes.pop_if(|last| *last == b'\n').is_some();
            let whole = ended || u64::try_from(bytes.len())? < LINE_MAX_BYTES;
            ensure!(whole, "{}: longer than {LINE_MAX_BYTES} bytes", self.place(self.number));
            bytes.pop_if(|last| *last == b'\r');
            if !bytes.is_empty() {
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
