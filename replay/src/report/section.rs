//! One portfolio of a page: what was in force over time, and what was decided.

use proto::id::PortfolioId;
use proto::time::Time;
use proto::value::{Limits, Mode, Profile};

use super::axis::Axis;
use super::chart::{Drawing, Named, Shown};
use super::course::{Course, Frozen, Steps};
use super::lanes::{self, Lanes};
use super::text::{count, escaped, moment, put, shortened};
use crate::diff::Difference;
use crate::tally::Tally;

/// How many rows the list below a drawing has at most.
const ROWS_MAX: usize = 60;
/// How much of a reason a row holds.
const REASON_MAX: usize = 320;

/// A portfolio, under one policy or two.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    pub(super) portfolio: &'a PortfolioId,
    pub(super) sides: Vec<(&'a Tally, &'a Course)>,
    /// How the two differ.
    pub(super) difference: Option<&'a Difference>,
}

/// A limit as it is drawn.
struct Limit {
    named: Named<'static>,
    unit: &'static str,
    of: fn(&Limits) -> f64,
}

const LIMITS: [Limit; 5] = [
    Limit {
        named: Named { name: "Max leverage", note: "× equity" },
        unit: "×",
        of: |limits| limits.max_leverage.get(),
    },
    Limit {
        named: Named { name: "Max position", note: "USD" },
        unit: "",
        of: |limits| limits.max_position_size_usd.get(),
    },
    Limit {
        named: Named { name: "Max drawdown", note: "of equity" },
        unit: " %",
        of: |limits| limits.max_drawdown_pct.get() * 100.0,
    },
    Limit {
        named: Named { name: "Max exposure", note: "of equity" },
        unit: " %",
        of: |limits| limits.max_exposure_pct.get() * 100.0,
    },
    Limit {
        named: Named { name: "Stop-loss", note: "larger is tighter" },
        unit: "×",
        of: |limits| limits.stop_loss_multiplier.get(),
    },
];

impl Section<'_> {
    /// How many decisions differ between the policies.
    pub(super) fn changed(&self) -> usize {
        self.difference.map_or(0, |difference| difference.changes.len())
    }

    /// How many decisions there were, under both policies together.
    pub(super) fn decided(&self) -> u64 {
        self.sides.iter().flat_map(|(tally, _)| tally.decisions.values()).sum()
    }

    /// Where it stands on the page.
    pub(super) fn anchor(&self) -> String {
        format!("p-{}", self.portfolio)
    }

    /// The section.
    pub(super) fn html(&self, axis: Axis) -> String {
        let drawing = self.draw(axis).svg(&format!("{} over time", self.portfolio));
        format!(
            "<section id=\"{}\"><h2>{}</h2><p class=\"facts\">{}</p>{drawing}{}</section>\n",
            self.anchor(),
            self.portfolio,
            self.facts(),
            self.list(),
        )
    }

    fn facts(&self) -> String {
        match (self.difference, self.sides.as_slice()) {
            (Some(difference), _) => {
                let counts = difference.counts();
                format!(
                    "{} decisions the same, <b>{} added, {} removed, {} earlier, {} later</b> under b",
                    difference.same, counts.added, counts.removed, counts.earlier, counts.later
                )
            }
            (None, [(tally, _), ..]) => {
                let decisions = tally.decisions.values().sum();
                format!("{} events, <b>{} decisions</b>", count(tally.events), count(decisions))
            }
            (None, []) => String::new(),
        }
    }

    fn draw(&self, axis: Axis) -> Drawing {
        let mut drawing = Drawing::new(axis);
        let each = |of: fn(&Course) -> &Steps<Mode>| self.changes(of);
        drawing.strips(Named { name: "Trading mode", note: "" }, &each(|course| &course.mode), 18.0);
        let freezes = self.changes(|course| &course.freeze);
        drawing.strips(Named { name: "Freezes", note: "" }, &freezes, 18.0);
        let profiles = self.changes(|course| &course.profile);
        drawing.strips(Named { name: "Capital profile", note: "" }, &profiles, 18.0);
        if let Some((_, course)) = self.sides.first() {
            drawing.drawdown(&course.drawdown, 84.0);
        }
        lanes::draw(&self.lanes(), &mut drawing);
        drawing.space(8.0);
        for Limit { named, unit, of } in LIMITS {
            let numbers = |(_, course): &(&Tally, &Course)| {
                let mut changes: Vec<(Time, f64)> =
                    course.limits.changes().iter().map(|(at, limits)| (*at, of(limits))).collect();
                changes.dedup_by(|later, earlier| later.1 == earlier.1);
                changes
            };
            let sides: Vec<_> = self.sides.iter().map(numbers).collect();
            drawing.lines(named, &sides, unit, 38.0);
        }
        drawing.times();
        drawing
    }

    fn changes<T: PartialEq + Copy>(&self, of: fn(&Course) -> &Steps<T>) -> Vec<&[(Time, T)]> {
        self.sides.iter().map(|(_, course)| of(course).changes()).collect()
    }

    fn lanes(&self) -> Lanes {
        match (self.difference, self.sides.as_slice()) {
            (Some(difference), [(_, a), (_, b)]) => lanes::of_diff(a, b, difference),
            (_, [(_, course), ..]) => lanes::of_run(course),
            (_, []) => Lanes::new(),
        }
    }

    /// What was decided (of two policies: what changed), as a list.
    fn list(&self) -> String {
        let rows = match (self.difference, self.sides.as_slice()) {
            (Some(difference), [(_, a), (_, b)]) => changed_rows(difference, a, b),
            (_, [(_, course), ..]) => decision_rows(course),
            (_, []) => Vec::new(),
        };
        let what = if self.difference.is_some() { "decisions that differ" } else { "decisions" };
        if rows.is_empty() {
            return format!("<p class=\"none\">No {what}.</p>");
        }
        let open = if self.difference.is_some() { " open" } else { "" };
        let mut html = format!(
            "<details{open}><summary>{} {what}</summary><div class=\"wide\"><table class=\"list\">",
            count(rows.len() as u64)
        );
        rows.iter().take(ROWS_MAX).for_each(|row| html.push_str(row));
        html.push_str("</table></div>");
        if rows.len() > ROWS_MAX {
            put(
                &mut html,
                format_args!(
                    "<p class=\"none\">{} further ones are left out here.</p>",
                    count((rows.len() - ROWS_MAX) as u64)
                ),
            );
        }
        html + "</details>"
    }
}

fn decision_rows(course: &Course) -> Vec<String> {
    let row = |mark: &super::course::Mark| {
        format!(
            "<tr><td class=\"when\">{}</td><td>{}</td><td>{}</td><td class=\"why\">{}</td></tr>",
            moment(mark.at),
            mark.decision_type,
            mark.author,
            escaped(&shortened(&mark.reason, REASON_MAX)),
        )
    };
    course.marks.iter().map(row).collect()
}

fn changed_rows(difference: &Difference, a: &Course, b: &Course) -> Vec<String> {
    let row = |(at, change, subject): &(Time, crate::diff::Change, crate::diff::Subject)| {
        let mark = lanes::reason(b, *at, subject).or_else(|| lanes::reason(a, *at, subject));
        let reason = mark.map_or("", |mark| mark.reason.as_str());
        format!(
            "<tr><td class=\"when\">{}</td><td class=\"change\">{change}</td><td>{}</td><td class=\"why\">{}<br><span>{}</span></td></tr>",
            moment(*at),
            subject.decision_type,
            escaped(&shortened(&subject.what, REASON_MAX)),
            escaped(&shortened(reason, REASON_MAX)),
        )
    };
    difference.changes.iter().map(row).collect()
}

impl Shown for Mode {
    fn class(self) -> &'static str {
        match self {
            Self::Live => "m0",
            Self::Shadow => "m1",
            Self::Paused => "m2",
            Self::Emergency => "m3",
        }
    }

    fn word(self) -> Option<&'static str> {
        Some(self.as_str())
    }
}

impl Shown for Profile {
    fn class(self) -> &'static str {
        match self {
            Self::Aggressive => "p0",
            Self::Normal => "p1",
            Self::Low => "p2",
            Self::Micro => "p3",
        }
    }

    fn word(self) -> Option<&'static str> {
        Some(self.as_str())
    }
}

impl Shown for Frozen {
    fn class(self) -> &'static str {
        match self {
            Self::No => "f0",
            Self::ForATime => "f1",
            Self::UntilReleased => "f2",
        }
    }

    fn word(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::ForATime => Some("frozen"),
            Self::UntilReleased => Some("frozen until released"),
        }
    }
}
