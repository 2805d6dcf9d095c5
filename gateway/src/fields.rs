//! Reading a JSON object field by field, so that everything wrong with it is named at once.

use std::collections::BTreeSet;

use proto::policy::Mistake;
use proto::time::Time;
use serde_json::{Map, Value};

/// What kind of wrong something is: the word that dead letters are counted by. The first that applies, in this order,
/// names a whole letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// More bytes than an entry may have.
    TooLarge,
    /// Not JSON.
    NotJson,
    /// JSON, but no object.
    NotObject,
    /// A required field is absent or null.
    MissingField,
    /// A field is of another type.
    MistypedField,
    /// NaN or infinite.
    NotFinite,
    /// A number outside of its range.
    OutOfRange,
    /// A portfolio id that cannot be one.
    BadPortfolio,
    /// A decision that nobody knows.
    UnknownDecision,
    /// A text that is too long, empty, or not one of the words that are known.
    BadText,
    /// A time that cannot be read.
    BadTime,
    /// A time that has not come yet.
    FutureTime,
    /// A field that nobody asked for.
    UnknownField,
}

impl Reason {
    /// The word, as it stands in letters and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
            Self::NotObject => "not-object",
            Self::MissingField => "missing-field",
            Self::MistypedField => "mistyped-field",
            Self::NotFinite => "not-finite",
            Self::OutOfRange => "out-of-range",
            Self::BadPortfolio => "bad-portfolio",
            Self::UnknownDecision => "unknown-decision",
            Self::BadText => "bad-text",
            Self::BadTime => "bad-time",
            Self::FutureTime => "future-time",
            Self::UnknownField => "unknown-field",
        }
    }
}

/// A mistake and its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its kind.
    pub reason: Reason,
    /// Field, value and expectation.
    pub mistake: Mistake,
}

impl Fault {
    /// A fault of this kind in a field.
    pub fn new(
        reason: Reason,
        field: &str,
        seen: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self { reason, mistake: Mistake::new(field, seen, expected) }
    }
}

/// Where a number has to lie, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    min: f64,
    max: f64,
    expected: &'static str,
}

impl Range {
    /// Any finite number.
    pub const ANY: Self = Self { min: f64::MIN, max: f64::MAX, expected: "a number" };
    /// Zero or more.
    pub const NOT_NEGATIVE: Self = Self { min: 0.0, max: f64::MAX, expected: "a number of at least 0" };
    /// A share of one.
    pub const FRACTION: Self = Self { min: 0.0, max: 1.0, expected: "a fraction from 0 to 1" };

    /// A whole number of things.
    pub const COUNT: Self = Self::count(0, u32::MAX, "a whole number of at least 0");

    /// Whole numbers from `min` to `max`; `expected` says so in words.
    pub const fn count(min: u32, max: u32, expected: &'static str) -> Self {
        Self { min: min as f64, max: max as f64, expected }
    }

    /// From `min` to `max`; `expected` says so in words.
    pub const fn new(min: f64, max: f64, expected: &'static str) -> Self {
        Self { min, max, expected }
    }

    const fn contains(self, number: f64) -> bool {
        self.min <= number && number <= self.max
    }

    /// What is expected instead of this number; people who send percent are told so.
    fn expectation_for(self, number: f64) -> String {
        let unit = self.min == 0.0 && self.max == 1.0;
        if unit && number > 1.0 {
            return "a fraction from 0 to 1: it looks like percent, expected a fraction".to_owned();
        }
        if unit && number < 0.0 {
            return "a fraction from 0 to 1: a negative one is not expected".to_owned();
        }
        self.expected.to_owned()
    }
}

/// How numbers may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// As JSON numbers.
    Json,
    /// As text too: plain stream fields have no other way. Empty text is absence there.
    Text,
}

/// An object that is being read. What is wrong is collected; the reader asks for everything before it looks.
#[derive(Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    numbers: Numbers,
    asked: BTreeSet<&'static str>,
    faults: Vec<Fault>,
}

/// A value, and the spelling under which it was found.
type Found<'a> = (&'static str, &'a Value);

impl<'a> Fields<'a> {
    /// Begins to read an object.
    pub const fn new(object: &'a Map<String, Value>, numbers: Numbers) -> Self {
        Self { object, numbers, asked: BTreeSet::new(), faults: Vec::new() }
    }

    /// Notes something that is wrong.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Whether nothing is wrong so far.
    pub const fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// Everything that is wrong so far.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// The same, and every field that nobody asked for: where ignoring one would be dangerous.
    pub fn into_strict_faults(mut self) -> Vec<Fault> {
        let known: Vec<&str> = self.asked.iter().copied().collect();
        let known = known.join(", ");
        for (name, value) in self.object {
            if !self.asked.contains(name.as_str()) {
                let expected = format!("one of the fields {known}");
                self.faults.push(Fault::new(
                    Reason::UnknownField,
                    name,
                    format_args!("an unknown field, {}", shown(value)),
                    expected,
                ));
            }
        }
        self.faults
    }

    /// The first of these spellings that has a value. Null is absence.
    pub fn find(&mut self, names: &[&'static str]) -> Option<Found<'a>> {
        self.asked.extend(names);
        let object = self.object;
        names.iter().find_map(|name| Some((*name, object.get(*name).filter(|value| self.is_present(value))?)))
    }

    /// The same, of a field that has to be there.
    pub fn require(&mut self, names: &[&'static str], expected: &str) -> Option<Found<'a>> {
        let found = self.find(names);
        if found.is_none() {
            let field = names.first().copied().unwrap_or_default();
            let spelled = names.get(1).map(|other| format!(" (or {other})")).unwrap_or_default();
            self.fault(Fault::new(Reason::MissingField, field, "nothing", format!("{expected}{spelled}")));
        }
        found
    }

    /// A number that has to be there.
    pub fn required_number(&mut self, names: &[&'static str], range: Range) -> Option<f64> {
        let (name, value) = self.require(names, range.expected)?;
        self.number(name, value, range)
    }

    /// A number that may be there.
    pub fn optional_number(&mut self, names: &[&'static str], range: Range) -> Option<f64> {
        let (name, value) = self.find(names)?;
        self.number(name, value, range)
    }

    /// A whole number that has to be there.
    pub fn required_count(&mut self, names: &[&'static str], range: Range) -> Option<u32> {
        let (name, value) = self.require(names, range.expected)?;
        self.count(name, value, range)
    }

    /// A whole number that may be there.
    pub fn optional_count(&mut self, names: &[&'static str], range: Range) -> Option<u32> {
        let (name, value) = self.find(names)?;
        self.count(name, value, range)
    }

    /// Text that has to be there: 1 to `max_chars` characters, none of them a control character.
    pub fn required_text(&mut self, names: &[&'static str], max_chars: usize) -> Option<&'a str> {
        let (name, value) = self.require(names, &text_expected(max_chars))?;
        self.text(name, value, max_chars)
    }

    /// Text that may be there.
    pub fn optional_text(&mut self, names: &[&'static str], max_chars: usize) -> Option<&'a str> {
        let (name, value) = self.find(names)?;
        self.text(name, value, max_chars)
    }

    /// A time that may be there.
    pub fn optional_time(&mut self, names: &[&'static str]) -> Option<Time> {
        const EXPECTED: &str = "a time such as 2026-01-31T09:30:00Z";
        let (name, value) = self.find(names)?;
        let Value::String(text) = value else {
            self.fault(Fault::new(Reason::MistypedField, name, shown(value), EXPECTED));
            return None;
        };
        let time = text.trim().parse().ok();
        if time.is_none() {
            self.fault(Fault::new(Reason::BadTime, name, shown(value), EXPECTED));
        }
        time
    }

    fn is_present(&self, value: &Value) -> bool {
        let empty = self.numbers == Numbers::Text && value.as_str().is_some_and(str::is_empty);
        !value.is_null() && !empty
    }

    fn number(&mut self, name: &'static str, value: &Value, range: Range) -> Option<f64> {
        let Some(number) = self.any_number(value) else {
            self.fault(Fault::new(Reason::MistypedField, name, shown(value), range.expected));
            return None;
        };
        if !number.is_finite() {
            self.fault(Fault::new(
                Reason::NotFinite,
                name,
                shown(value),
                "a finite number, as JSON has them",
            ));
            return None;
        }
        if !range.contains(number) {
            let expected = range.expectation_for(number);
            self.fault(Fault::new(Reason::OutOfRange, name, shown(value), expected));
            return None;
        }
        Some(number)
    }

    /// A number, finite or not. JSON has no word for NaN: it stands as text here (see the decoder's `json`).
    fn any_number(&self, value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => {
                let number: f64 = text.trim().parse().ok()?;
                (self.numbers == Numbers::Text || !number.is_finite()).then_some(number)
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn count(&mut self, name: &'static str, value: &Value, range: Range) -> Option<u32> {
        let number = self.number(name, value, range)?;
        if number.fract() != 0.0 {
            self.fault(Fault::new(Reason::MistypedField, name, shown(value), range.expected));
            return None;
        }
        // Whole and within a range of counts, which ends at u32::MAX: the cast is exact.
        Some(number as u32)
    }

    fn text(&mut self, name: &'static str, value: &'a Value, max_chars: usize) -> Option<&'a str> {
        let expected = text_expected(max_chars);
        let Value::String(text) = value else {
            self.fault(Fault::new(Reason::MistypedField, name, shown(value), expected));
            return None;
        };
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= max_chars;
        if !fits || text.chars().any(char::is_control) {
            self.fault(Fault::new(Reason::BadText, name, shown(value), expected));
            return None;
        }
        Some(text)
    }
}

fn text_expected(max_chars: usize) -> String {
    format!("text of 1 to {max_chars} characters, in one line")
}

/// A value as people see it in a mistake: shortened.
pub fn shown(value: &Value) -> String {
    const MAX_CHARS: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let object = object(&json!({"a": "x", "b": -1, "c": 1.5, "d": "", "e": null}));
        let mut fields = Fields::new(&object, Numbers::Json);
        fields.required_number(&["a"], Range::ANY);
        fields.required_number(&["b"], Range::NOT_NEGATIVE);
        fields.required_count(&["c"], Range::COUNT);
        fields.required_text(&["d"], 10);
        fields.required_number(&["e", "f"], Range::ANY);
        let faults = fields.into_faults();
        let seen: Vec<(Reason, &str)> =
            faults.iter().map(|fault| (fault.reason, fault.mistake.field.as_str())).collect();
        assert_eq!(
            seen,
            [
                (Reason::MistypedField, "a"),
                (Reason::OutOfRange, "b"),
                (Reason::MistypedField, "c"),
                (Reason::BadText, "d"),
                (Reason::MissingField, "e"),
            ]
        );
        assert!(faults[4].mistake.expected.contains("(or f)"), "{:?}", faults[4]);
    }

    #[test]
    fn text_is_a_number_only_where_there_is_no_other_way() {
        let object = object(&json!({"a": "1.5", "b": ""}));
        assert_eq!(Fields::new(&object, Numbers::Text).required_number(&["a"], Range::ANY), Some(1.5));
        assert_eq!(Fields::new(&object, Numbers::Json).required_number(&["a"], Range::ANY), None);
        let mut plain = Fields::new(&object, Numbers::Text);
        assert_eq!(plain.optional_number(&["b"], Range::ANY), None);
        assert!(plain.into_faults().is_empty(), "empty text is absence in plain fields");
    }

    #[test]
    fn a_field_that_nobody_asked_for_is_a_fault_where_it_matters() {
        let object = object(&json!({"reason": "r", "max_leverge": 3}));
        let mut fields = Fields::new(&object, Numbers::Json);
        fields.required_text(&["reason"], 100);
        fields.optional_number(&["max_leverage"], Range::ANY);
        let faults = fields.into_strict_faults();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].mistake.field, "max_leverge");
        assert!(faults[0].mistake.expected.contains("max_leverage"));
    }

    #[test]
    fn what_is_shown_is_short() {
        assert!(shown(&json!("é".repeat(500))).chars().count() <= 81);
    }
}
