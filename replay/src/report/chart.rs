//! What a portfolio's drawing is made of: strips of colour, lines of numbers, and the axis below them.

use proto::time::Time;

use super::axis::{Axis, Tick, WIDTH};
use super::columns::{Band, bands, curve, extent, steps};
use super::curve::Curve;
use super::text::{clock, escaped, moment, number, put};

/// Where the axis begins: names stand to the left of it.
pub(super) const LEFT: f64 = 188.0;
/// How wide the whole drawing is: the latest values stand to the right of the axis.
pub(super) const WHOLE: f64 = LEFT + WIDTH + 92.0;
/// From this width on a strip has its word in it: so wide is a letter, with a margin for both ends.
const LETTER: f64 = 7.0;
const MARGIN: f64 = 10.0;
/// Narrower than this nothing is seen.
const HAIR: f64 = 1.2;

/// A drawing that grows downwards.
#[derive(Debug)]
pub(super) struct Drawing {
    pub(super) axis: Axis,
    ticks: Vec<Tick>,
    pub(super) y: f64,
    pub(super) body: String,
}

/// What a line is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    /// The unit, and what else has to be known.
    pub(super) note: &'a str,
}

/// A value that has a colour and a word.
pub(super) trait Shown: Ord + Copy {
    /// The class of its colour.
    fn class(self) -> &'static str;
    /// Its word; none for what is not drawn.
    fn word(self) -> Option<&'static str>;
}

impl Drawing {
    pub(super) fn new(axis: Axis) -> Self {
        Self { axis, ticks: axis.ticks(), y: 0.0, body: String::new() }
    }

    pub(super) fn put(&mut self, what: std::fmt::Arguments) {
        put(&mut self.body, what);
    }

    /// Leaves room.
    pub(super) fn space(&mut self, height: f64) {
        self.y += height;
    }

    /// What stands to the left of the next line, which is so high.
    pub(super) fn label(&mut self, named: Named, height: f64) {
        let Named { name, note } = named;
        let middle = self.y + height / 2.0;
        let first = if note.is_empty() { middle + 4.0 } else { middle - 3.0 };
        self.put(format_args!("<text class=\"name\" x=\"0\" y=\"{first:.1}\">{}</text>", escaped(name)));
        if !note.is_empty() {
            self.put(format_args!(
                "<text class=\"note\" x=\"0\" y=\"{:.1}\">{}</text>",
                first + 13.0,
                escaped(note)
            ));
        }
    }

    /// What stands to the right of a line.
    pub(super) fn value(&mut self, class: &str, y: f64, text: &str) {
        let x = LEFT + WIDTH + 8.0;
        self.put(format_args!(
            "<text class=\"value {class}\" x=\"{x:.0}\" y=\"{y:.1}\">{}</text>",
            escaped(text)
        ));
    }

    /// The strips of a value, one for each policy.
    pub(super) fn strips<T: Shown>(&mut self, named: Named, sides: &[&[(Time, T)]], height: f64) {
        let whole = sides.len() as f64 * (height + 2.0) - 2.0;
        self.label(named, whole);
        for (changes, letter) in sides.iter().zip(["a", "b"]) {
            if sides.len() > 1 {
                self.side_letter(letter, height);
            }
            self.bed(height);
            for band in bands(changes, self.axis) {
                self.band(band, height);
            }
            self.space(height + 2.0);
        }
        self.space(8.0);
    }

    fn side_letter(&mut self, letter: &str, height: f64) {
        let (x, y) = (LEFT - 8.0, self.y + height / 2.0 + 4.0);
        self.put(format_args!("<text class=\"tag {letter}\" x=\"{x}\" y=\"{y:.1}\">{letter}</text>"));
    }

    fn band<T: Shown>(&mut self, band: Band<T>, height: f64) {
        let Some(word) = band.value.word() else { return };
        let (x, end) = (LEFT + self.axis.x(band.from), LEFT + self.axis.x(band.to));
        let (width, y, class) = ((end - x).max(HAIR), self.y, band.value.class());
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\"><title>{word}, {} to {}</title></rect>",
            moment(band.from),
            if band.from.day() == band.to.day() { clock(band.to) } else { moment(band.to) },
        ));
        if width >= word.len() as f64 * LETTER + MARGIN {
            let (x, y) = (x + 5.0, y + height / 2.0 + 3.5);
            self.put(format_args!("<text class=\"word on-{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{word}</text>"));
        }
    }

    /// The lines of a number that stays until it changes, one for each policy, on one scale.
    pub(super) fn lines(&mut self, named: Named, sides: &[Vec<(Time, f64)>], unit: &str, height: f64) {
        self.label(named, height);
        let Some((least, most)) = extent(sides.iter().flatten().map(|(_, value)| *value)) else {
            return self.space(height);
        };
        self.frame(height);
        let (top, inner) = (self.y + 5.0, height - 10.0);
        let y = |value: f64| {
            let share = if most > least { (most - value) / (most - least) } else { 0.5 };
            top + inner * share
        };
        self.scale(&[most, least], y, unit);
        for (changes, letter) in sides.iter().zip(["a", "b"]) {
            let path = steps(changes, self.axis, y);
            self.put(format_args!(
                "<path class=\"line {letter}\" transform=\"translate({LEFT} 0)\" d=\"{path}\"/>"
            ));
        }
        self.latest(sides, y, unit);
        self.space(height + 6.0);
    }

    /// The latest value of each line; one where they agree.
    fn latest(&mut self, sides: &[Vec<(Time, f64)>], y: impl Fn(f64) -> f64, unit: &str) {
        let last: Vec<f64> = sides.iter().filter_map(|changes| Some(changes.last()?.1)).collect();
        match last.as_slice() {
            [one] => self.value("", y(*one) + 4.0, &format!("{}{unit}", number(*one))),
            [a, b] if a == b => self.value("", y(*a) + 4.0, &format!("{}{unit}", number(*a))),
            [a, b] => {
                // The texts must not cover one another: the larger value stands above.
                let (above, below) = (self.y + 12.0, self.y + 28.0);
                let (y_a, y_b) = if a > b { (above, below) } else { (below, above) };
                self.value("a", y_a, &format!("a {}{unit}", number(*a)));
                self.value("b", y_b, &format!("b {}{unit}", number(*b)));
            }
            _ => {}
        }
    }

    /// The drawdown: how far below the day's peak, downwards.
    pub(super) fn drawdown(&mut self, seen: &Curve, height: f64) {
        self.label(Named { name: "Drawdown", note: "below the day's peak" }, height);
        self.frame(height);
        let stretches = seen.stretches();
        let Some((_, most)) = extent(stretches.iter().map(|stretch| stretch.most)) else {
            self.value("", self.y + height / 2.0, "no snapshots");
            return self.space(height + 8.0);
        };
        // A calm day must not look like a storm.
        let deepest = most.max(0.02);
        let (top, inner) = (self.y + 4.0, height - 10.0);
        let y = |value: f64| top + inner * value / deepest;
        let path = curve(stretches, self.axis, y);
        let begin = stretches.first().map_or(0.0, |stretch| self.axis.x(stretch.begin));
        self.put(format_args!(
            "<g transform=\"translate({LEFT} 0)\"><path class=\"sea\" d=\"{path}V{top:.1}H{begin:.1}Z\"/><path class=\"line depth\" d=\"{path}\"/></g>"
        ));
        self.scale(&[0.0, deepest * 100.0], |percent| y(percent / 100.0), " %");
        self.value("", self.y + height / 2.0 + 4.0, &format!("worst {} %", number(most * 100.0)));
        self.space(height + 8.0);
    }

    /// The numbers to the left of a line: the ends of its scale, or its only value.
    fn scale(&mut self, ends: &[f64], y: impl Fn(f64) -> f64, unit: &str) {
        let mut labels: Vec<(f64, String)> =
            ends.iter().map(|value| (y(*value) + 4.0, format!("{}{unit}", number(*value)))).collect();
        labels.dedup_by(|a, b| a.1 == b.1);
        for (y, text) in labels {
            let x = LEFT - 8.0;
            self.put(format_args!("<text class=\"scale\" x=\"{x}\" y=\"{y:.1}\">{text}</text>"));
        }
    }

    fn bed(&mut self, height: f64) {
        let y = self.y;
        self.put(format_args!(
            "<rect class=\"bed\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{height}\"/>"
        ));
    }

    /// The bed of a line, with the marks of the axis.
    pub(super) fn frame(&mut self, height: f64) {
        self.bed(height);
        let y = self.y;
        for tick in &self.ticks {
            let (x, class) = (LEFT + tick.x, if tick.is_day { "grid day" } else { "grid" });
            put(&mut self.body, format_args!("<path class=\"{class}\" d=\"M{x:.1} {y:.1}v{height}\"/>"));
        }
    }

    /// The times below everything.
    pub(super) fn times(&mut self) {
        let y = self.y + 10.0;
        for tick in &self.ticks {
            let (x, class) = (LEFT + tick.x, if tick.is_day { "time day" } else { "time" });
            put(
                &mut self.body,
                format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", tick.label),
            );
        }
        self.put(format_args!("<text class=\"note\" x=\"0\" y=\"{y:.1}\">time (UTC)</text>"));
        self.space(16.0);
    }

    /// The drawing as an element of the page.
    pub(super) fn svg(self, label: &str) -> String {
        let Self { y, body, .. } = self;
        format!(
            "<svg viewBox=\"0 0 {WHOLE} {y:.0}\" role=\"img\" aria-label=\"{}\">{body}</svg>\n",
            escaped(label)
        )
    }
}
