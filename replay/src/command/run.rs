//! `run`: events are ruled, and what came of them is told.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result};
use proto::id::PortfolioId;
use proto::ruling::Ruling;
use proto::wire::Message as _;
use replay::report::{self, Courses, Side};
use replay::{Model, Tallies, Tally};
use serde::Serialize;

use crate::args::Run;
use crate::draft::Draft;
use crate::input::{Input, Told};
use crate::shell::Shell;
use crate::speed::{self, Speed};
use crate::{policy, progress, table};

/// What a run came to.
struct Outcome {
    portfolios: BTreeMap<PortfolioId, Tally>,
    timers_left_out: u64,
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

pub(crate) fn run(args: &Run, shell: &Shell, out: &mut impl Write) -> Result<()> {
    let began = Instant::now();
    let outcome = play(args, shell)?;
    let sum = Tally::sum(outcome.portfolios.values());
    let speed = Speed::since(began, sum.events);
    if args.json {
        as_json(&outcome, &sum, out)?;
    } else {
        for_people(&outcome, &sum, out)?;
    }
    speed.tell(args.json, out)
}

fn play(args: &Run, shell: &Shell) -> Result<Outcome> {
    let policies = policy::open(args.policy.as_deref())?;
    let name = policy::name(args.policy.as_deref());
    let revision = policies.revision().clone();
    let mut model = Model::new(policies);
    let mut input = Input::open(shell, &args.events, args.made_up, &args.connection, &args.limits)?;
    let mut written = args.rulings.as_deref().map(Draft::of).transpose()?;
    let page = args.html.as_deref().map(Draft::of).transpose()?;
    let (mut tallies, mut courses) = (Tallies::default(), page.is_some().then(Courses::default));
    let mut bar = progress::bar(input.expected);
    while let Some(event) = input.read()? {
        if written.is_none() && courses.is_none() {
            // Nobody looks at whole rulings: what comes of the event is counted, and no more.
            let ruled = model.settle(event, |settled| tallies.settled(&settled));
            tallies.event(event, ruled);
        } else {
            let rulings = model.tell(event.clone())?;
            if let Some(file) = &mut written {
                write_rulings(&rulings, file).context("writing the rulings")?;
            }
            courses.iter_mut().for_each(|courses| courses.told(event, &rulings));
            tallies.told(event, &rulings);
        }
        bar.step();
    }
    bar.finish();
    written.map(Draft::finish).transpose()?;
    let outcome = Outcome { portfolios: tallies.close(), timers_left_out: input.timers_left_out };
    if let (Some(mut page), Some(courses)) = (page, courses) {
        let side =
            Side { policy: &name, revision: &revision, tallies: &outcome.portfolios, courses: &courses };
        let html = report::of_run(&Told::new(&args.events, args.made_up).to_string(), &side);
        page.write_all(html.as_bytes()).context("writing the page")?;
        page.finish()?;
    }
    Ok(outcome)
}

fn write_rulings(rulings: &[Ruling], file: &mut impl Write) -> Result<()> {
    for ruling in rulings {
        file.write_all(&ruling.to_bytes()?)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn as_json(outcome: &Outcome, sum: &Tally, out: &mut impl Write) -> Result<()> {
    for (portfolio, tally) in &outcome.portfolios {
        speed::line(&OfPortfolio { portfolio, tally }, out)?;
    }
    let (portfolios, timers_left_out) = (outcome.portfolios.len(), outcome.timers_left_out);
    speed::line(&OfAll { portfolios, timers_left_out, tally: sum }, out)
}

fn for_people(outcome: &Outcome, sum: &Tally, out: &mut impl Write) -> Result<()> {
    for (portfolio, tally) in &outcome.portfolios {
        table::tally(portfolio.as_str(), tally, out)?;
    }
    if outcome.portfolios.len() != 1 {
        table::tally("all portfolios", sum, out)?;
    }
    table::timers_left_out(outcome.timers_left_out, out)
}
