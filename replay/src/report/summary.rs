//! The tables on top of a page: what was counted, and the portfolios one below the other.

use std::collections::BTreeSet;

use proto::time::Period;

use super::section::Section;
use super::text::{count, in_minutes, minutes_more, more, put};
use crate::diff::Counts;
use crate::tally::Tally;

/// A row of a table: a name, and what it is for each policy.
struct Row {
    name: String,
    values: Vec<Quantity>,
    /// Whether it is part of the row above.
    is_part: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Quantity {
    Number(u64),
    Minutes(Period),
}

/// The tables of everything together.
pub(super) fn tables(sections: &[Section]) -> String {
    let sides = sections.first().map_or(0, |section| section.sides.len());
    let sums: Vec<Tally> = (0..sides)
        .map(|side| Tally::sum(sections.iter().filter_map(|section| Some(section.sides.get(side)?.0))))
        .collect();
    let mut html = String::from("<div class=\"tables\">");
    html.push_str(&table("Decisions", &decisions(&sums), &changes(sections)));
    html.push_str(&table("Minutes in force", &in_force(&sums), ""));
    html.push_str(&table("The court", &court(&sums), ""));
    html + "</div>\n"
}

fn decisions(sums: &[Tally]) -> Vec<Row> {
    let types: BTreeSet<_> = sums.iter().flat_map(|tally| tally.decisions.keys()).collect();
    let mut rows = vec![Row::number("all decisions", sums, |tally| tally.decisions.values().sum())];
    rows.extend(types.into_iter().map(|kind| {
        Row::number(kind.as_str(), sums, |tally| tally.decisions.get(kind).copied().unwrap_or_default())
            .part()
    }));
    rows
}

fn in_force(sums: &[Tally]) -> Vec<Row> {
    let mut rows = vec![Row::minutes("frozen", sums, |tally| tally.frozen)];
    let modes: BTreeSet<_> = sums.iter().flat_map(|tally| tally.modes.keys()).collect();
    let mode = |mode| {
        Row::minutes(&format!("mode {mode}"), sums, |tally| {
            tally.modes.get(mode).copied().unwrap_or_default()
        })
    };
    rows.extend(modes.into_iter().map(mode));
    let profiles: BTreeSet<_> = sums.iter().flat_map(|tally| tally.profiles.keys()).collect();
    let profile = |profile| {
        Row::minutes(&format!("profile {profile}"), sums, |tally| {
            tally.profiles.get(profile).copied().unwrap_or_default()
        })
    };
    rows.extend(profiles.into_iter().map(profile));
    rows
}

fn court(sums: &[Tally]) -> Vec<Row> {
    vec![
        Row::number("events", sums, |tally| tally.events),
        Row::number("rulings", sums, |tally| tally.rulings),
        Row::number("loosenings", sums, |tally| tally.loosenings),
        Row::number("proposals refused", sums, |tally| tally.refusals.values().sum()),
        Row::number("conflicts", sums, |tally| tally.conflicts).part(),
    ]
}

/// What another policy changes, below the decisions.
fn changes(sections: &[Section]) -> String {
    let differences = sections.iter().filter_map(|section| section.difference);
    let sum =
        differences.map(|difference| (difference.same, difference.counts())).reduce(|(a, x), (b, y)| {
            let Counts { added, removed, earlier, later } = y;
            let sum = Counts {
                added: x.added + added,
                removed: x.removed + removed,
                earlier: x.earlier + earlier,
                later: x.later + later,
            };
            (a + b, sum)
        });
    sum.map_or_else(String::new, |(same, Counts { added, removed, earlier, later })| {
        format!("<p class=\"facts\">{same} the same; <b>{added} added, {removed} removed, {earlier} earlier, {later} later</b> under b</p>")
    })
}

fn table(title: &str, rows: &[Row], below: &str) -> String {
    let two = rows.first().is_some_and(|row| row.values.len() > 1);
    let heads =
        if two { "<th class=\"a\">a</th><th class=\"b\">b</th><th>b − a</th>" } else { "<th></th>" };
    let mut html = format!("<div><table><tr><th class=\"title\">{title}</th>{heads}</tr>");
    for Row { name, values, is_part } in rows {
        let class = if *is_part { " class=\"part\"" } else { "" };
        put(&mut html, format_args!("<tr{class}><td>{name}</td>"));
        values.iter().for_each(|value| put(&mut html, format_args!("<td>{}</td>", value.text())));
        if let [from, to] = values.as_slice() {
            put(&mut html, format_args!("<td class=\"more\">{}</td>", from.more(*to)));
        }
        html.push_str("</tr>");
    }
    html + "</table>" + below + "</div>"
}

impl Row {
    fn number(name: &str, sums: &[Tally], of: impl Fn(&Tally) -> u64) -> Self {
        let values = sums.iter().map(|tally| Quantity::Number(of(tally))).collect();
        Self { name: name.to_owned(), values, is_part: false }
    }

    fn minutes(name: &str, sums: &[Tally], of: impl Fn(&Tally) -> Period) -> Self {
        let values = sums.iter().map(|tally| Quantity::Minutes(of(tally))).collect();
        Self { name: name.to_owned(), values, is_part: false }
    }

    fn part(self) -> Self {
        Self { is_part: true, ..self }
    }
}

impl Quantity {
    fn text(self) -> String {
        match self {
            Self::Number(number) => count(number),
            Self::Minutes(period) => in_minutes(period),
        }
    }

    fn more(self, than: Self) -> String {
        match (self, than) {
            (Self::Number(from), Self::Number(to)) => more(from, to),
            (Self::Minutes(from), Self::Minutes(to)) => minutes_more(from, to),
            (Self::Number(_), Self::Minutes(_)) | (Self::Minutes(_), Self::Number(_)) => String::new(),
        }
    }
}

/// The portfolios, one below the other; nothing where there is one.
pub(super) fn portfolios(sections: &[Section]) -> String {
    let [first, _, ..] = sections else { return String::new() };
    let heads = match first.sides.len() {
        1 => "<th>decisions</th><th>frozen, min</th><th>loosenings</th><th>conflicts</th>",
        _ => {
            "<th>changed</th><th>decisions a</th><th>b</th><th>frozen a, min</th><th>b</th><th>loosenings a</th><th>b</th>"
        }
    };
    let mut html = format!(
        "<div class=\"wide\"><table class=\"portfolios\"><tr><th class=\"title\">Portfolio</th>{heads}</tr>"
    );
    for section in sections {
        put(
            &mut html,
            format_args!("<tr><td><a href=\"#{}\">{}</a></td>", section.anchor(), section.portfolio),
        );
        for cell in cells(section) {
            put(&mut html, format_args!("<td>{cell}</td>"));
        }
        html.push_str("</tr>");
    }
    html + "</table></div>\n"
}

fn cells(section: &Section) -> Vec<String> {
    let decisions = |tally: &Tally| count(tally.decisions.values().sum());
    let tallies: Vec<&Tally> = section.sides.iter().map(|(tally, _)| *tally).collect();
    match tallies.as_slice() {
        [one] => vec![decisions(one), in_minutes(one.frozen), count(one.loosenings), count(one.conflicts)],
        others => {
            let mut cells = vec![format!("<b>{}</b>", section.changed())];
            cells.extend(others.iter().map(|tally| decisions(tally)));
            cells.extend(others.iter().map(|tally| in_minutes(tally.frozen)));
            cells.extend(others.iter().map(|tally| count(tally.loosenings)));
            cells
        }
    }
}
