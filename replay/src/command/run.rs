//! `run`: events are ruled, and what came of them is told.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use proto::id::PortfolioId;
use proto::ruling::Ruling;
use proto::wire::Message as _;
use replay::{Model, Tallies, Tally};
use serde::Serialize;

use crate::args::Run;
use crate::input::Input;
use crate::{progress, table};

/// What a run came to.
struct Outcome {
    portfolios: BTreeMap<PortfolioId, Tally>,
    timers_left_out: u64,
    took: Duration,
}

/// The line of one portfolio.
#[derive(Serialize)]
struct OfPortfolio<'a> {
    portfolio: &'a PortfolioId,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// The line of all portfolios together.
#[derive(Serialize)]
struct OfAll<'a> {
    portfolios: usize,
    timers_left_out: u64,
    #[serde(flatten)]
    tally: &'a Tally,
}

/// The last line.
#[derive(Serialize)]
struct Speed {
    events: u64,
    events_per_second: f64,
}

pub(crate) fn run(args: &Run, out: &mut impl Write) -> Result<()> {
    let outcome = play(args)?;
    let sum = Tally::sum(outcome.portfolios.values());
    let speed = Speed::of(sum.events, outcome.took);
    if args.json { as_json(&outcome, &sum, &speed, out) } else { for_people(&outcome, &sum, &speed, out) }
}

fn play(args: &Run) -> Result<Outcome> {
    let mut model = Model::new(crate::policies(args.policy.as_deref())?);
    let mut input = Input::open(&args.source, args.made_up)?;
    let mut written = args.rulings.as_deref().map(create).transpose()?;
    let mut tallies = Tallies::default();
    let bar = progress::bar(input.expected);
    let began = Instant::now();
    for event in input.by_ref() {
        let event = event?;
        let rulings = model.tell(event.clone())?;
        if let Some(file) = &mut written {
            write_rulings(&rulings, file).context("writing the rulings")?;
        }
        tallies.told(&event, &rulings);
        bar.inc(1);
    }
    written.map(|mut file| file.flush()).transpose().context("writing the rulings")?;
    let took = began.elapsed();
    bar.finish_and_clear();
    Ok(Outcome { portfolios: tallies.close(), timers_left_out: input.timers_left_out, took })
}

fn create(file: &Path) -> Result<BufWriter<File>> {
    File::create(file).map(BufWriter::new).with_context(|| format!("creating {}", file.display()))
}

fn write_rulings(rulings: &[Ruling], file: &mut impl Write) -> Result<()> {
    for ruling in rulings {
        file.write_all(&ruling.to_bytes()?)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

impl Speed {
    fn of(events: u64, took: Duration) -> Self {
        let per_second = events as f64 / took.as_secs_f64().max(f64::EPSILON);
        Self { events, events_per_second: (per_second * 10.0).round() / 10.0 }
    }
}

fn as_json(outcome: &Outcome, sum: &Tally, speed: &Speed, out: &mut impl Write) -> Result<()> {
    for (portfolio, tally) in &outcome.portfolios {
        line(&OfPortfolio { portfolio, tally }, out)?;
    }
    let (portfolios, timers_left_out) = (outcome.portfolios.len(), outcome.timers_left_out);
    line(&OfAll { portfolios, timers_left_out, tally: sum }, out)?;
    line(speed, out)
}

fn line(what: &impl Serialize, out: &mut impl Write) -> Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string(what)?)?)
}

fn for_people(outcome: &Outcome, sum: &Tally, speed: &Speed, out: &mut impl Write) -> Result<()> {
    for (portfolio, tally) in &outcome.portfolios {
        table::tally(portfolio.as_str(), tally, out)?;
    }
    if outcome.portfolios.len() != 1 {
        table::tally("all portfolios", sum, out)?;
    }
    if outcome.timers_left_out > 0 {
        writeln!(out, "{} timers of the file left out; the model has its own", outcome.timers_left_out)?;
    }
    let seconds = outcome.took.as_secs_f64();
    Ok(writeln!(out, "{} events in {seconds:.1} s: {:.0} a second", speed.events, speed.events_per_second)?)
}
