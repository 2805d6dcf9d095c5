//! Files of lines, compressed or not, read one line at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use flate2::bufread::MultiGzDecoder;

/// The longest line that is read: a ruling with all that was heard is far below it.
const LINE_MAX_BYTES: u64 = 16 << 20;
/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of a file, without their ends; empty ones are passed over.
pub(super) struct Lines {
    file: PathBuf,
    reader: Peekable<Reader>,
}

/// A line, and where it stands.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

struct Reader {
    file: PathBuf,
    input: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    /// The lines of a file; `-` is standard input.
    pub(super) fn open(file: &Path) -> Result<Self> {
        let what = || format!("reading {}", file.display());
        let input: Box<dyn Read> = if file == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(file).with_context(what)?)
        };
        let input = plain(input).with_context(what)?;
        let reader = Reader { file: file.to_owned(), input, number: 0 };
        Ok(Self { file: file.to_owned(), reader: reader.peekable() })
    }

    /// The next line, which comes again.
    pub(super) fn peek(&mut self) -> Result<Option<&Line>> {
        match self.reader.peek() {
            None => Ok(None),
            Some(Ok(line)) => Ok(Some(line)),
            Some(Err(failed)) => Err(anyhow!("{failed:#}")),
        }
    }

    /// Where a line stands, for people.
    pub(super) fn place(&self, number: u64) -> String {
        place(&self.file, number)
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.reader.next()
    }
}

impl Iterator for Reader {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl Reader {
    fn read(&mut self) -> Result<Option<Line>> {
        loop {
            self.number += 1;
            let mut bytes = Vec::new();
            let read = (&mut self.input).take(LINE_MAX_BYTES).read_until(b'\n', &mut bytes);
            read.with_context(|| place(&self.file, self.number))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let ended = bytes.pop_if(|last| *last == b'\n').is_some();
            let whole = ended || u64::try_from(bytes.len())? < LINE_MAX_BYTES;
            ensure!(whole, "{}: longer than {LINE_MAX_BYTES} bytes", place(&self.file, self.number));
            bytes.pop_if(|last| *last == b'\r');
            if !bytes.is_empty() {
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
    }
}

fn place(file: &Path, number: u64) -> String {
    format!("{}:{number}", file.display())
}

/// The input without its compression, where it has one.
fn plain(input: Box<dyn Read>) -> io::Result<Box<dyn BufRead>> {
    let mut input = BufReader::new(input);
    let compressed = input.fill_buf()?.starts_with(&GZIP);
    if compressed { Ok(Box::new(BufReader::new(MultiGzDecoder::new(input)))) } else { Ok(Box::new(input)) }
}
