//! Words of a script, read one after another.

use std::fmt::Display;
use std::str::FromStr;

use proto::number::{Fraction, Ratio, Usd};
use proto::time::Period;
use serde::de::DeserializeOwned;

/// What is left of a line. Commas are blanks: they are for the reader.
pub(crate) struct Words {
    rest: std::vec::IntoIter<String>,
}

impl Words {
    pub(crate) fn of(line: &str) -> Self {
        let words: Vec<String> = line.replace(',', " ").split_whitespace().map(str::to_owned).collect();
        Self { rest: words.into_iter() }
    }

    pub(crate) fn next(&mut self) -> Option<String> {
        self.rest.next()
    }

    pub(crate) fn peek(&self) -> Option<&str> {
        self.rest.as_slice().first().map(String::as_str)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn takes(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(word);
        if is {
            self.rest.next();
        }
        is
    }

    pub(crate) fn word(&mut self, what: &str) -> Result<String, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, what: &str) -> Result<T, String> {
        let word = self.word(what)?;
        word.parse().map_err(|wrong| format!("{what}: {word:?}: {wrong}"))
    }

    /// A word of a closed list, as it stands on the wire.
    pub(crate) fn named<T: DeserializeOwned>(&mut self, what: &str) -> Result<T, String> {
        let word = self.word(what)?;
        serde_json::from_value(word.clone().into()).map_err(|wrong| format!("{what}: {word:?}: {wrong}"))
    }

    /// A share: `12%` or `0.12`.
    pub(crate) fn fraction(&mut self, what: &str) -> Result<Fraction, String> {
        let word = self.word(what)?;
        let number = number(&word).ok_or_else(|| format!("{what}: {word:?} is no share"))?;
        Fraction::new(number).map_err(|wrong| wrong.to_string())
    }

    pub(crate) fn usd(&mut self, what: &str) -> Result<Usd, String> {
        Usd::new(self.parsed(what)?).map_err(|wrong| wrong.to_string())
    }

    pub(crate) fn ratio(&mut self, what: &str) -> Result<Ratio, String> {
        Ratio::new(self.parsed(what)?).map_err(|wrong| wrong.to_string())
    }

    pub(crate) fn period(&mut self, what: &str) -> Result<Period, String> {
        self.parsed(what)
    }

    /// A length of time after this word, if the word comes next.
    pub(crate) fn period_after(&mut self, word: &str) -> Result<Option<Period>, String> {
        if self.takes(word) { self.period(word).map(Some) } else { Ok(None) }
    }

    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self.next() {
            Some(word) => Err(format!("{word:?} is too much")),
            None => Ok(()),
        }
    }
}

/// A number, or a percentage as a share of one.
pub(crate) fn number(word: &str) -> Option<f64> {
    match word.strip_suffix('%') {
        // Written so that 12% is the same number as 0.12.
        Some(percent) => format!("{percent}e-2").parse().ok(),
        None => word.parse().ok(),
    }
}
