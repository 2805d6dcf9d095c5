//! What is kept of a run that found something: beside data and logs of every process, all that was written, a line each.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Result;

use crate::tape::{Kept, Tape};

pub(crate) fn write(folder: &Path, tape: &Tape, wrong: &[String]) -> Result<()> {
    let streams: [(&str, &[Kept]); 4] = [
        ("events", &tape.events),
        ("rulings", &tape.rulings),
        ("decisions", &tape.decisions),
        ("dead", &tape.dead),
    ];
    for (name, kept) in streams {
        let mut file = BufWriter::new(File::create(folder.join(format!("{name}.jsonl")))?);
        for (sequence, bytes) in kept {
            writeln!(file, "{{\"sequence\":{sequence},\"message\":{}}}", String::from_utf8_lossy(bytes))?;
        }
        file.flush()?;
    }
    let mut told = BufWriter::new(File::create(folder.join("redis-decisions.jsonl"))?);
    for decision in &tape.redis.told {
        writeln!(told, "{}", serde_json::to_string(decision)?)?;
    }
    told.flush()?;
    std::fs::write(folder.join("violations.txt"), wrong.join("\n"))?;
    Ok(())
}
