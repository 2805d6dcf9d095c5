//! Text as a page holds it: escaped, and numbers as people read them.

use std::fmt::Write as _;

use proto::time::{Period, Time};

use crate::tally::minutes;

/// Text that cannot be taken for markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// At most so many characters of a text.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A whole number, with a narrow space between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number without needless decimals: at most two, none from a hundred on.
pub(super) fn number(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let Some((whole, decimals)) = text.split_once('.') else {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(value.abs().round() as u64));
    };
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") }
}

/// A length of time in minutes, at most one decimal below a hundred.
pub(super) fn in_minutes(period: Period) -> String {
    let minutes = minutes(period);
    if minutes >= 100.0 { count(minutes.round() as u64) } else { number((minutes * 10.0).round() / 10.0) }
}

/// The difference of two lengths of time in minutes, with its sign.
pub(super) fn minutes_more(from: Period, to: Period) -> String {
    match (to.as_millis() - from.as_millis()).signum() {
        0 => "·".to_owned(),
        1 => format!("+{}", in_minutes(Period::from_millis(to.as_millis() - from.as_millis()))),
        _ => format!("−{}", in_minutes(Period::from_millis(from.as_millis() - to.as_millis()))),
    }
}

/// The difference of two counts, with its sign.
pub(super) fn more(from: u64, to: u64) -> String {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => "·".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", count(to - from)),
        std::cmp::Ordering::Less => format!("−{}", count(from - to)),
    }
}

/// A point in time to the second, without what every one of them has: `2026-01-05 09:30:00`.
pub(super) fn moment(at: Time) -> String {
    let text = at.to_string();
    format!("{} {}", part(&text, 0..10), part(&text, 11..19))
}

/// `09:30`.
pub(super) fn clock(at: Time) -> String {
    part(&at.to_string(), 11..16).to_owned()
}

/// `5 Jan`.
pub(super) fn day(at: Time) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.to_string();
    let month = part(&text, 5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{} {}", part(&text, 8..10).trim_start_matches('0'), month.copied().unwrap_or_default())
}

fn part(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// Appends formatted text; writing to a string cannot fail.
pub(super) fn put(to: &mut String, what: std::fmt::Arguments) {
    let _ = to.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (2.5, "2.5"),
            (0.126, "0.13"),
            (10_000.0, "10\u{202f}000"),
            (-1234.0, "−1\u{202f}234"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(in_minutes(Period::from_secs(90)), "1.5");
        assert_eq!(in_minutes(Period::from_mins(1440)), "1\u{202f}440");
        assert_eq!(minutes_more(Period::from_mins(3), Period::from_mins(1)), "−2");
        assert_eq!((more(1, 3).as_str(), more(3, 3).as_str()), ("+2", "·"));
    }

    #[test]
    fn times_read_as_days_and_clocks() {
        let at: Time = "2026-01-05T09:30:00.250Z".parse().unwrap();
        assert_eq!(
            (moment(at).as_str(), clock(at).as_str(), day(at).as_str()),
            ("2026-01-05 09:30:00", "09:30", "5 Jan")
        );
    }

    #[test]
    fn markup_in_a_reason_stays_text() {
        assert_eq!(escaped("<b title='x'>&\""), "&lt;b title=&#39;x&#39;&gt;&amp;&quot;");
        assert_eq!((shortened("abc", 2).as_str(), shortened("äb", 2).as_str()), ("ab…", "äb"));
    }
}
