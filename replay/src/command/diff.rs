//! `diff`: the same events under two policies.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Result, bail};
use proto::id::PortfolioId;
use proto::time::Period;
use replay::{Change, Comparison, Difference, Model};

use crate::args::Diff;
use crate::input::Input;
use crate::progress;
use crate::table::in_minutes;

pub(crate) fn run(args: &Diff, out: &mut impl Write) -> Result<()> {
    let [a, b] = args.policy.as_slice() else {
        bail!("a comparison takes two policies: --policy a.toml --policy b.toml");
    };
    let mut model_a = Model::new(crate::policies(Some(a))?);
    let mut model_b = Model::new(crate::policies(Some(b))?);
    let mut input = Input::open(&args.source, args.made_up)?;
    let mut comparison = Comparison::default();
    let bar = progress::bar(input.expected);
    for event in input.by_ref() {
        let event = event?;
        comparison.told(&event, &model_a.tell(event.clone())?, &model_b.tell(event.clone())?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (portfolio, difference) in comparison.close() {
        tell(&portfolio, &difference, out)?;
    }
    if input.timers_left_out > 0 {
        writeln!(out, "{} timers of the file left out; the model has its own", input.timers_left_out)?;
    }
    Ok(())
}

fn tell(portfolio: &PortfolioId, difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{portfolio}: {} events", difference.a.events)?;
    for (at, change, subject) in &difference.changes {
        writeln!(out, "  {at}  {:<18} {subject}", change.to_string())?;
    }
    let count =
        |which: fn(&Change) -> bool| difference.changes.iter().filter(|(_, change, _)| which(change)).count();
    writeln!(
        out,
        "  decisions: {} the same, {} added, {} removed, {} earlier, {} later",
        difference.same,
        count(|change| matches!(change, Change::Added)),
        count(|change| matches!(change, Change::Removed)),
        count(|change| matches!(change, Change::Earlier(_))),
        count(|change| matches!(change, Change::Later(_))),
    )?;
    let (a, b) = (&difference.a, &difference.b);
    minutes("frozen", a.frozen, b.frozen, out)?;
    for mode in a.modes.keys().chain(b.modes.keys()).collect::<BTreeSet<_>>() {
        let in_mode = |side: &replay::Tally| side.modes.get(mode).copied().unwrap_or_default();
        minutes(mode, in_mode(a), in_mode(b), out)?;
    }
    for profile in a.profiles.keys().chain(b.profiles.keys()).collect::<BTreeSet<_>>() {
        let in_profile = |side: &replay::Tally| side.profiles.get(profile).copied().unwrap_or_default();
        minutes(profile, in_profile(a), in_profile(b), out)?;
    }
    Ok(())
}

fn minutes(what: impl Display, a: Period, b: Period, out: &mut impl Write) -> io::Result<()> {
    let name = format!("minutes {what}");
    writeln!(out, "  {name:<20} {:>10} -> {:>10}", in_minutes(a), in_minutes(b))
}
