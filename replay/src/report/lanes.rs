//! The decisions of a portfolio as signs over time, a lane for each type.

use std::collections::BTreeMap;

use proto::decision::DecisionType;
use proto::time::Time;

use super::axis::WIDTH;
use super::chart::{Drawing, LEFT, Named};
use super::course::{Course, Mark, Way};
use super::text::{clock, escaped, moment, shortened};
use crate::diff::{Change, Difference, Subject};

/// How high a lane is.
const LANE: f64 = 17.0;
/// How many signs a portfolio has at most; nearer ones are put together until that holds.
const SIGNS_MAX: usize = 400;
/// How near signs of one kind are put together at least, in units of the drawing.
const NEAR: f64 = 6.0;
/// How many decisions a sign tells of; of more it says how many.
const TOLD_MAX: usize = 3;
/// How much of a reason a sign tells.
const REASON_MAX: usize = 240;

/// What a sign says of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Glyph {
    Tighter,
    Looser,
    Neither,
    /// Both policies make it.
    Same,
    Added,
    Removed,
    Earlier,
    Later,
}

/// A decision as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sign {
    at: Time,
    glyph: Glyph,
    title: String,
    /// When the other policy makes it, where that is another time.
    was: Option<Time>,
}

/// The signs of a portfolio, by type.
pub(super) type Lanes = BTreeMap<DecisionType, Vec<Sign>>;

/// The decisions of a run.
pub(super) fn of_run(course: &Course) -> Lanes {
    let mut lanes = Lanes::new();
    for mark in &course.marks {
        let glyph = match mark.way {
            Way::Tighter => Glyph::Tighter,
            Way::Looser => Glyph::Looser,
            Way::Neither => Glyph::Neither,
        };
        let sign = Sign { at: mark.at, glyph, title: title(mark), was: None };
        lanes.entry(mark.decision_type).or_default().push(sign);
    }
    lanes
}

/// The decisions under two policies: those that both make, and what changed.
pub(super) fn of_diff(a: &Course, b: &Course, difference: &Difference) -> Lanes {
    let mut lanes = Lanes::new();
    let new_in_b = |mark: &Mark| {
        difference
            .changes
            .iter()
            .any(|(at, change, subject)| *change != Change::Removed && is_of(mark, *at, subject))
    };
    for mark in b.marks.iter().filter(|mark| !new_in_b(mark)) {
        let sign =
            Sign { at: mark.at, glyph: Glyph::Same, title: format!("both: {}", title(mark)), was: None };
        lanes.entry(mark.decision_type).or_default().push(sign);
    }
    for (at, change, subject) in &difference.changes {
        let (glyph, was, course) = match change {
            Change::Added => (Glyph::Added, None, b),
            Change::Removed => (Glyph::Removed, None, a),
            Change::Earlier(by) => (Glyph::Earlier, Some(at.after(*by)), b),
            Change::Later(by) => (Glyph::Later, Some(at.before(*by)), b),
        };
        let told = reason(course, *at, subject).map_or_else(|| subject.to_string(), title);
        let sign = Sign { at: *at, glyph, title: format!("{change}: {told}"), was };
        lanes.entry(subject.decision_type).or_default().push(sign);
    }
    lanes
}

/// The mark of a decision that changed.
pub(super) fn reason<'a>(course: &'a Course, at: Time, subject: &Subject) -> Option<&'a Mark> {
    course.marks.iter().find(|mark| is_of(mark, at, subject))
}

fn is_of(mark: &Mark, at: Time, subject: &Subject) -> bool {
    mark.at == at && mark.decision_type == subject.decision_type && mark.rule == subject.rule
}

fn title(mark: &Mark) -> String {
    let Mark { at, decision_type, author, reason, .. } = mark;
    format!("{decision_type} by {author}, {}\n{}", moment(*at), shortened(reason, REASON_MAX))
}

/// Draws the lanes.
pub(super) fn draw(lanes: &Lanes, drawing: &mut Drawing) {
    let near = nearness(lanes, drawing);
    for (decision_type, signs) in lanes {
        drawing.label(Named { name: decision_type.as_str(), note: "" }, LANE);
        drawing.frame(LANE);
        let middle = drawing.y + LANE / 2.0;
        let groups = groups(signs, drawing, near);
        // What moved is drawn below all signs.
        groups.iter().filter_map(|group| group.first()).for_each(|sign| draw_move(sign, middle, drawing));
        groups.iter().for_each(|group| draw_group(group, middle, drawing));
        drawing.value("", middle + 4.0, &counted(signs));
        drawing.space(LANE);
    }
}

/// How near signs are put together, so that they are not too many.
fn nearness(lanes: &Lanes, drawing: &Drawing) -> f64 {
    let mut near = NEAR;
    while near < WIDTH
        && lanes.values().map(|signs| groups(signs, drawing, near).len()).sum::<usize>() > SIGNS_MAX
    {
        near *= 2.0;
    }
    near
}

/// The signs that are put together, those of all decisions that changed above the others.
fn groups<'a>(signs: &'a [Sign], drawing: &Drawing, near: f64) -> Vec<Vec<&'a Sign>> {
    let mut groups: BTreeMap<(Glyph, i64), Vec<&Sign>> = BTreeMap::new();
    for sign in signs {
        let column = (drawing.axis.x(sign.at) / near).floor() as i64;
        groups.entry((sign.glyph, column)).or_default().push(sign);
    }
    groups.into_values().collect()
}

/// From where the other policy makes a decision to where it stands.
fn draw_move(sign: &Sign, middle: f64, drawing: &mut Drawing) {
    let Some(was) = sign.was else { return };
    let (x, from) = (LEFT + drawing.axis.x(sign.at), LEFT + drawing.axis.x(was));
    let back = from - x;
    drawing.put(format_args!("<path class=\"moved\" d=\"M{from:.1} {middle:.1}H{x:.1}m{back:.1} -4v8\"/>"));
}

fn draw_group(group: &[&Sign], middle: f64, drawing: &mut Drawing) {
    let Some(first) = group.first() else { return };
    let x = LEFT + drawing.axis.x(first.at);
    let mut title =
        group.iter().take(TOLD_MAX).map(|sign| sign.title.as_str()).collect::<Vec<_>>().join("\n\n");
    if group.len() > TOLD_MAX {
        title.push_str(&format!(
            "\n\nand {} more until {}",
            group.len() - TOLD_MAX,
            group.last().map_or_else(String::new, |last| clock(last.at))
        ));
    }
    let (class, shape) = first.glyph.drawn();
    drawing.put(format_args!(
        "<path class=\"{class}\" d=\"M{x:.1} {middle:.1}{shape}\"><title>{}</title></path>",
        escaped(&title)
    ));
}

fn counted(signs: &[Sign]) -> String {
    let changed = signs.iter().filter(|sign| sign.glyph > Glyph::Same).count();
    let same = signs.iter().filter(|sign| sign.glyph == Glyph::Same).count();
    match (changed, same) {
        (0, 0) => signs.len().to_string(),
        (0, same) => format!("{same} same"),
        (changed, _) => format!("{changed} changed"),
    }
}

impl Glyph {
    /// Its class, and its shape around a point.
    pub(super) const fn drawn(self) -> (&'static str, &'static str) {
        match self {
            Self::Tighter => ("g tighter", "m-4.5 -3.5h9l-4.5 7.5z"),
            Self::Looser => ("g looser", "m-4.5 3.5h9l-4.5 -7.5z"),
            Self::Neither => ("g neither", "m-3 -3h6v6h-6z"),
            Self::Same => ("g same", "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0"),
            Self::Added => ("g added", "m-1.3 -5h2.6v3.7h3.7v2.6h-3.7v3.7h-2.6v-3.7h-3.7v-2.6h3.7z"),
            Self::Removed => ("g removed", "m-4 -4l8 8m0 -8l-8 8"),
            Self::Earlier => ("g moves", "m3.5 -4.5v9l-7.5 -4.5z"),
            Self::Later => ("g moves", "m-3.5 -4.5v9l7.5 -4.5z"),
        }
    }

    /// What it means, for the legend.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Tighter => "tightens",
            Self::Looser => "loosens",
            Self::Neither => "neither",
            Self::Same => "both make it",
            Self::Added => "only b makes it",
            Self::Removed => "only a makes it",
            Self::Earlier => "b makes it earlier",
            Self::Later => "b makes it later",
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::decision::Author;
    use proto::id::RuleId;
    use proto::time::Period;

    use super::*;
    use crate::report::axis::Axis;

    fn mark(minute: i64, reason: &str) -> Mark {
        Mark {
            at: Time::from_millis(0).after(Period::from_mins(minute)),
            decision_type: DecisionType::Freeze,
            author: Author::Manual,
            rule: RuleId::new("supervisor.drawdown"),
            reason: reason.to_owned(),
            way: Way::Tighter,
        }
    }

    fn drawing(minutes: i64) -> Drawing {
        Drawing::new(Axis::new(Time::from_millis(0), Time::from_millis(minutes * 60_000)))
    }

    #[test]
    fn a_sign_says_who_when_and_why_and_what_it_says_is_text() {
        let lanes = of_run(&Course { marks: vec![mark(5, "drawdown 12 % > 10 % <b>")], ..Course::default() });
        let mut drawing = drawing(60);
        draw(&lanes, &mut drawing);
        assert!(
            drawing.body.contains("FREEZE by manual, 1970-01-01 00:05:00\ndrawdown 12 % &gt; 10 % &lt;b&gt;")
        );
    }

    #[test]
    fn many_decisions_are_few_signs_and_none_is_forgotten() {
        let marks: Vec<Mark> = (0..50_000).map(|minute| mark(minute, "why")).collect();
        let lanes = of_run(&Course { marks, ..Course::default() });
        let drawing = drawing(50_000);
        let near = nearness(&lanes, &drawing);
        let groups = groups(&lanes[&DecisionType::Freeze], &drawing, near);
        assert!(groups.len() <= SIGNS_MAX);
        assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 50_000);
    }

    #[test]
    fn what_changed_is_told_beside_what_stayed() {
        let subject = |mark: &Mark| Subject {
            decision_type: mark.decision_type,
            rule: mark.rule.clone(),
            what: String::new(),
        };
        let course = |minutes: &[i64]| Course {
            marks: minutes.iter().map(|minute| mark(*minute, "why")).collect(),
            ..Course::default()
        };
        let (a, b) = (course(&[1, 20, 40]), course(&[1, 15, 50]));
        let changes = vec![
            (b.marks[1].at, Change::Earlier(Period::from_mins(5)), subject(&b.marks[1])),
            (a.marks[2].at, Change::Removed, subject(&a.marks[2])),
            (b.marks[2].at, Change::Added, subject(&b.marks[2])),
        ];
        let difference = Difference { changes, same: 1, a: Default::default(), b: Default::default() };
        let lanes = of_diff(&a, &b, &difference);
        let glyphs: Vec<_> = lanes[&DecisionType::Freeze].iter().map(|sign| (sign.glyph, sign.was)).collect();
        let was = Some(a.marks[1].at);
        assert_eq!(
            glyphs,
            [(Glyph::Same, None), (Glyph::Earlier, was), (Glyph::Removed, None), (Glyph::Added, None)]
        );
        assert_eq!(counted(&lanes[&DecisionType::Freeze]), "3 changed");
    }
}
