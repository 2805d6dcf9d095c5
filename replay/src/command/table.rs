//! Counts and minutes as people read them.

use std::fmt::Display;
use std::io::{self, Write};

use proto::time::Period;
use replay::{Tally, minutes};

/// How much room the name of a count gets.
const NAME_WIDTH: usize = 22;

/// Everything that was counted, under a heading.
pub(crate) fn tally(heading: &str, tally: &Tally, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{heading}")?;
    row("events", tally.events, out)?;
    if tally.known > 0 {
        row("  ruled before", tally.known, out)?;
    }
    row("rulings", tally.rulings, out)?;
    row("decisions", tally.decisions.values().sum::<u64>(), out)?;
    for (kind, count) in &tally.decisions {
        row(&format!("  {kind}"), *count, out)?;
    }
    row("refusals", tally.refusals.values().sum::<u64>(), out)?;
    for (reason, count) in &tally.refusals {
        row(&format!("  {reason}"), *count, out)?;
    }
    row("  conflicts", tally.conflicts, out)?;
    row("loosenings", tally.loosenings, out)?;
    row("minutes frozen", in_minutes(tally.frozen), out)?;
    for (mode, period) in &tally.modes {
        row(&format!("minutes in {mode}"), in_minutes(*period), out)?;
    }
    for (profile, period) in &tally.profiles {
        row(&format!("minutes in {profile}"), in_minutes(*period), out)?;
    }
    Ok(())
}

/// What was not told to the model.
pub(crate) fn timers_left_out(count: u64, out: &mut impl Write) -> anyhow::Result<()> {
    if count > 0 {
        writeln!(out, "{count} timers of the source left out; the model has its own")?;
    }
    Ok(())
}

/// Minutes, one decimal at the most.
pub(crate) fn in_minutes(period: Period) -> String {
    let text = format!("{:.1}", minutes(period));
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn row(name: &str, value: impl Display, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  {name:<NAME_WIDTH$} {value:>12}")
}
