//! JSON as producers write it. Python writes NaN and Infinity, which JSON does not have: they are kept as text, so that
//! the field that holds one can be named, instead of the whole payload being unreadable.

use std::borrow::Cow;

use serde_json::Value;

/// Reads JSON, with numbers that are not finite kept as text.
///
/// # Errors
/// It is not JSON, even so.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match quote_not_finite(text) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(quoted) => serde_json::from_str(&quoted),
    })
}

/// The text with quotes around every bare number that is not finite.
fn quote_not_finite(text: &str) -> Cow<'_, str> {
    let mut quoted = String::new();
    let mut copied = 0;
    let mut rest = Tokens { text, at: 0 };
    while let Some((start, token)) = rest.next_bare() {
        if is_not_finite(token) {
            quoted.push_str(&text[copied..start]);
            quoted.push('"');
            quoted.push_str(token);
            quoted.push('"');
            copied = start + token.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    quoted.push_str(&text[copied..]);
    Cow::Owned(quoted)
}

fn is_not_finite(token: &str) -> bool {
    token.parse::<f64>().is_ok_and(|number| !number.is_finite())
}

/// Walks over a text's bare words and numbers: those outside of strings.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn next_bare(&mut self) -> Option<(usize, &'a str)> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            if first == '"' {
                self.at += string_len(rest);
            } else if is_bare(first) {
                let len = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
                let start = self.at;
                self.at += len;
                return Some((start, &rest[..len]));
            } else {
                self.at += first.len_utf8();
            }
        }
    }
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// The length of the string that a text begins with, quotes included; all of the text when it does not end.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_are_not_finite_become_text() {
        let read =
            parse(r#"{"a": NaN, "b": [-Infinity, Infinity], "c": 1e999, "d": "NaN \" Infinity", "é": 1}"#);
        let expected =
            json!({"a": "NaN", "b": ["-Infinity", "Infinity"], "c": "1e999", "d": "NaN \" Infinity", "é": 1});
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_is_not_json_stays_so() {
        for text in ["", "{", "{\"a\": nope}", "\"open NaN", "{'a': 1}", "{\"a\": NaN", "\"\\"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
