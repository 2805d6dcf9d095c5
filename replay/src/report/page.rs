//! The whole page: what it is about, the tables, and the portfolios that differ or decided most.

use std::collections::{BTreeMap, BTreeSet};

use proto::id::PortfolioId;
use proto::value::{Mode, Profile};

use super::Side;
use super::axis::Axis;
use super::chart::Shown;
use super::course::Frozen;
use super::lanes::Glyph;
use super::section::Section;
use super::summary;
use super::text::{count, escaped, moment, put};
use crate::diff::Difference;

/// How many portfolios are drawn at most: a page has to open at once.
const PORTFOLIOS_MAX: usize = 20;

const STYLE: &str = include_str!("style.css");

/// The page of one policy, or of two.
pub(super) fn page(source: &str, sides: &[Side], differences: &BTreeMap<PortfolioId, Difference>) -> String {
    let title = if sides.len() > 1 { "Two policies over the same events" } else { "A policy over events" };
    let sections = sections(sides, differences);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Replay: {title}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
    );
    html.push_str(&about(source, sides));
    html.push_str(&summary::tables(&sections));
    let drawn = sections.get(..PORTFOLIOS_MAX).unwrap_or(&sections);
    html.push_str(&summary::portfolios(drawn));
    html.push_str(&left_out(&sections, drawn.len()));
    html.push_str(&legend(sides.len() > 1));
    let axis = axis(sides);
    for section in drawn {
        html.push_str(&section.html(axis));
    }
    html + "</main></body></html>\n"
}

/// The portfolios: those that differ or decided most first.
fn sections<'a>(sides: &[Side<'a>], differences: &'a BTreeMap<PortfolioId, Difference>) -> Vec<Section<'a>> {
    let portfolios: BTreeSet<&PortfolioId> = sides.iter().flat_map(|side| side.tallies.keys()).collect();
    let section = |portfolio: &'a PortfolioId| {
        let of = |side: &Side<'a>| Some((side.tallies.get(portfolio)?, side.courses.of(portfolio)?));
        let sides = sides.iter().map(of).collect::<Option<Vec<_>>>()?;
        Some(Section { portfolio, sides, difference: differences.get(portfolio) })
    };
    let mut sections: Vec<Section> = portfolios.into_iter().filter_map(section).collect();
    sections.sort_by_key(|section| std::cmp::Reverse((section.changed(), section.decided())));
    sections
}

fn axis(sides: &[Side]) -> Axis {
    let spans = sides.iter().filter_map(|side| side.courses.span());
    let span = spans.reduce(|(a, b), (first, last)| (a.min(first), b.max(last)));
    let (first, last) = span.unwrap_or_default();
    Axis::new(first, last)
}

fn about(source: &str, sides: &[Side]) -> String {
    let Axis { first, last } = axis(sides);
    let mut html = format!(
        "<p class=\"facts\">Events: <b>{}</b>, from {} to {} UTC</p>\n",
        escaped(source),
        moment(first),
        moment(last)
    );
    for (side, letter) in sides.iter().zip(["a", "b"]) {
        let name =
            if sides.len() > 1 { format!("<b class=\"tag {letter}\">{letter}</b> ") } else { String::new() };
        put(
            &mut html,
            format_args!(
                "<p class=\"facts\">{name}Policy: <b>{}</b>, revision {}</p>\n",
                escaped(side.policy),
                side.revision
            ),
        );
    }
    html
}

fn left_out(sections: &[Section], drawn: usize) -> String {
    let rest = sections.get(drawn..).unwrap_or_default();
    if rest.is_empty() {
        return String::new();
    }
    let differ = rest.iter().filter(|section| section.changed() > 0).count();
    let of_them = if rest.iter().all(|section| section.difference.is_none()) {
        String::new()
    } else {
        format!(", {differ} of which differ")
    };
    format!(
        "<p class=\"left-out\">{} further portfolios are left out below{of_them}; the tables above count them.</p>\n",
        count(rest.len() as u64)
    )
}

fn legend(two: bool) -> String {
    let mut html = String::from("<p class=\"legend\">");
    swatches("mode", &Mode::ALL, &mut html);
    swatches("freeze", &[Frozen::ForATime, Frozen::UntilReleased], &mut html);
    swatches("profile", &Profile::ALL, &mut html);
    let glyphs: &[Glyph] = if two {
        &[Glyph::Same, Glyph::Added, Glyph::Removed, Glyph::Earlier, Glyph::Later]
    } else {
        &[Glyph::Tighter, Glyph::Looser, Glyph::Neither]
    };
    html.push_str("<span class=\"group\"><i>a decision</i>");
    for glyph in glyphs {
        let (class, shape) = glyph.drawn();
        put(
            &mut html,
            format_args!(
                "<span><svg class=\"key\" viewBox=\"-7 -7 14 14\"><path class=\"{class}\" d=\"M0 0{shape}\"/></svg>{}</span>",
                glyph.meaning()
            ),
        );
    }
    html.push_str("</span>");
    if two {
        html.push_str("<span class=\"group\"><i>limits</i>");
        for letter in ["a", "b"] {
            put(
                &mut html,
                format_args!(
                    "<span><svg class=\"key wide\" viewBox=\"0 -7 28 14\"><path class=\"line {letter}\" d=\"M0 0H28\"/></svg>policy {letter}</span>"
                ),
            );
        }
        html.push_str("</span>");
    }
    html + "</p>\n<p class=\"hint\">Point at a strip or a sign to read what it is and why.</p>\n"
}

fn swatches<T: Shown>(name: &str, values: &[T], html: &mut String) {
    put(html, format_args!("<span class=\"group\"><i>{name}</i>"));
    for value in values {
        let word = value.word().unwrap_or_default();
        put(
            html,
            format_args!(
                "<span><svg class=\"key\" viewBox=\"0 0 14 14\"><rect class=\"{}\" width=\"14\" height=\"14\" rx=\"2\"/></svg>{word}</span>",
                value.class()
            ),
        );
    }
    html.push_str("</span>");
}
