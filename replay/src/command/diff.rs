//! `diff`: the same events under two policies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Context as _, Result};
use proto::id::PortfolioId;
use proto::time::Period;
use replay::report::{self, Courses, Side};
use replay::{Comparison, Difference, Model, Tally};
use serde::Serialize;

use crate::args::Diff;
use crate::draft::Draft;
use crate::input::{Input, Told};
use crate::shell::Shell;
use crate::speed::{self, Speed};
use crate::table::{self, in_minutes};
use crate::{policy, progress};

/// What a comparison came to.
struct Outcome {
    differences: BTreeMap<PortfolioId, Difference>,
    timers_left_out: u64,
}

/// The line of one portfolio.
#[derive(Serialize)]
struct OfPortfolio<'a> {
    portfolio: &'a PortfolioId,
    same: usize,
    added: usize,
    removed: usize,
    earlier: usize,
    later: usize,
    changes: Vec<Changed<'a>>,
    a: &'a Tally,
    b: &'a Tally,
}

/// A decision that another policy changes.
#[derive(Serialize)]
struct Changed<'a> {
    at: proto::time::Time,
    change: String,
    decision_type: proto::decision::DecisionType,
    rule: &'a proto::id::RuleId,
    what: &'a str,
}

pub(crate) fn run(args: &Diff, shell: &Shell, out: &mut impl Write) -> Result<()> {
    let began = Instant::now();
    let outcome = compare(args, shell)?;
    let events = outcome.differences.values().map(|difference| difference.a.events).sum();
    let speed = Speed::since(began, events);
    for (portfolio, difference) in &outcome.differences {
        if args.json { as_json(portfolio, difference, out)? } else { for_people(portfolio, difference, out)? }
    }
    if args.json {
        return speed.tell(true, out);
    }
    table::timers_left_out(outcome.timers_left_out, out)
}

fn compare(args: &Diff, shell: &Shell) -> Result<Outcome> {
    let [a, b] = args.policies()?;
    let (policies_a, policies_b) = (policy::open(Some(a))?, policy::open(Some(b))?);
    let (revision_a, revision_b) = (policies_a.revision().clone(), policies_b.revision().clone());
    let (mut model_a, mut model_b) = (Model::new(policies_a), Model::new(policies_b));
    let mut input = Input::open(shell, &args.events, args.made_up, &args.connection, &args.limits)?;
    let page = args.html.as_deref().map(Draft::of).transpose()?;
    let mut courses = page.is_some().then(<(Courses, Courses)>::default);
    let mut comparison = Comparison::default();
    let mut bar = progress::bar(input.expected);
    while let Some(event) = input.read()? {
        let (ruled_a, ruled_b) = (model_a.tell(event.clone())?, model_b.tell(event.clone())?);
        if let Some((a, b)) = &mut courses {
            a.told(event, &ruled_a);
            b.told(event, &ruled_b);
        }
        comparison.told(event, &ruled_a, &ruled_b);
        bar.step();
    }
    bar.finish();
    let outcome = Outcome { differences: comparison.close(), timers_left_out: input.timers_left_out };
    if let (Some(mut page), Some((courses_a, courses_b))) = (page, courses) {
        let (name_a, name_b) = (policy::name(Some(a)), policy::name(Some(b)));
        let tallies = |of: fn(&Difference) -> &Tally| -> BTreeMap<PortfolioId, Tally> {
            outcome.differences.iter().map(|(id, difference)| (id.clone(), of(difference).clone())).collect()
        };
        let (tallies_a, tallies_b) =
            (tallies(|difference| &difference.a), tallies(|difference| &difference.b));
        let a = Side { policy: &name_a, revision: &revision_a, tallies: &tallies_a, courses: &courses_a };
        let b = Side { policy: &name_b, revision: &revision_b, tallies: &tallies_b, courses: &courses_b };
        let source = Told::new(&args.events, args.made_up).to_string();
        let html = report::of_diff(&source, &a, &b, &outcome.differences);
        page.write_all(html.as_bytes()).context("writing the page")?;
        page.finish()?;
    }
    Ok(outcome)
}

fn as_json(portfolio: &PortfolioId, difference: &Difference, out: &mut impl Write) -> Result<()> {
    let changes = difference.changes.iter().map(|(at, change, subject)| Changed {
        at: *at,
        change: change.to_string(),
        decision_type: subject.decision_type,
        rule: &subject.rule,
        what: &subject.what,
    });
    let counts = difference.counts();
    let line = OfPortfolio {
        portfolio,
        same: difference.same,
        added: counts.added,
        removed: counts.removed,
        earlier: counts.earlier,
        later: counts.later,
        changes: changes.collect(),
        a: &difference.a,
        b: &difference.b,
    };
    speed::line(&line, out)
}

fn for_people(portfolio: &PortfolioId, difference: &Difference, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{portfolio}: {} events", difference.a.events)?;
    for (at, change, subject) in &difference.changes {
        writeln!(out, "  {at}  {:<18} {subject}", change.to_string())?;
    }
    let counts = difference.counts();
    writeln!(
        out,
        "  decisions: {} the same, {} added, {} removed, {} earlier, {} later",
        difference.same, counts.added, counts.removed, counts.earlier, counts.later,
    )?;
    let (a, b) = (&difference.a, &difference.b);
    row("loosenings", a.loosenings, b.loosenings, out)?;
    row("conflicts", a.conflicts, b.conflicts, out)?;
    minutes("frozen", a.frozen, b.frozen, out)?;
    for mode in a.modes.keys().chain(b.modes.keys()).collect::<BTreeSet<_>>() {
        let in_mode = |side: &Tally| side.modes.get(mode).copied().unwrap_or_default();
        minutes(mode, in_mode(a), in_mode(b), out)?;
    }
    for profile in a.profiles.keys().chain(b.profiles.keys()).collect::<BTreeSet<_>>() {
        let in_profile = |side: &Tally| side.profiles.get(profile).copied().unwrap_or_default();
        minutes(profile, in_profile(a), in_profile(b), out)?;
    }
    Ok(())
}

fn minutes(what: impl Display, a: Period, b: Period, out: &mut impl Write) -> io::Result<()> {
    row(&format!("minutes {what}"), in_minutes(a), in_minutes(b), out)
}

fn row(name: &str, a: impl Display, b: impl Display, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  {name:<20} {a:>10} -> {b:>10}")
}
