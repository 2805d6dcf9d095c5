//! What an operator sends, read and checked: every mistake at once, and nothing ignored.

use std::fmt;

use proto::command::{Order, SomeLimits};
use proto::decision::Severity;
use proto::id::{HoldId, PortfolioId};
use proto::number::{Fraction, Ratio, Usd};
use proto::subsystems::Subsystems;
use proto::time::Period;
use proto::value::Mode;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::fields::{Fault, Fields, Numbers, Range, Reason, shown};

/// The longest reason.
const MAX_REASON_CHARS: usize = 500;
/// The most holds that one order names.
const MAX_RELEASES: usize = 32;
/// The most subsystems that one freeze names.
const MAX_SUBSYSTEMS: usize = 32;
/// What stops when a freeze does not say.
const ALL_SUBSYSTEMS: [&str; 4] = ["trading", "execution", "signals", "risk"];
/// How long an order may last: a year.
const DURATION: Range = Range::count(1, 525_600, "a whole number of minutes from 1 to 525600");
const LEVERAGE: Range = Range::new(f64::MIN_POSITIVE, 1_000.0, "a number above 0, at most 1000");
const MULTIPLIER: Range = Range::new(f64::MIN_POSITIVE, 100.0, "a number above 0, at most 100");

/// An order as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whom it concerns; none is every portfolio that is known.
    pub portfolio: Option<PortfolioId>,
    /// Why.
    pub reason: String,
    /// What.
    pub order: Order,
}

/// Which order a body is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Set the mode.
    Mode,
    /// Set some of the limits.
    Risk,
    /// Stop trading.
    Freeze,
    /// End this hold.
    Release(HoldId),
}

/// Reads an order.
///
/// # Errors
/// A problem that names everything that is wrong.
pub fn read(kind: OrderKind, body: &[u8]) -> Result<Asked, Problem> {
    let object = object(body).map_err(|fault| Problem::of_faults(vec![fault]))?;
    let mut fields = Fields::new(&object, Numbers::Json);
    let reason = fields.required_text(&["reason"], MAX_REASON_CHARS).map(str::to_owned);
    let portfolio = match kind {
        OrderKind::Mode | OrderKind::Risk | OrderKind::Freeze => portfolio(&mut fields),
        OrderKind::Release(_) => None,
    };
    let order = match kind {
        OrderKind::Mode => mode(&mut fields),
        OrderKind::Risk => risk(&mut fields),
        OrderKind::Freeze => freeze(&mut fields),
        OrderKind::Release(hold) => Some(Order::Release { hold }),
    };
    let faults = fields.into_strict_faults();
    match (reason, order) {
        (Some(reason), Some(order)) if faults.is_empty() => Ok(Asked { portfolio, reason, order }),
        _ => Err(Problem::of_faults(faults)),
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let text: String = String::from_utf8_lossy(body).chars().take(80).collect();
        Fault::new(Reason::NotJson, "body", format_args!("{text:?}"), format!("a JSON object: {error}"))
    })?;
    match value {
        Value::Object(object) => Ok(object),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(Fault::new(Reason::NotObject, "body", shown(&other), "a JSON object"))
        }
    }
}

fn portfolio(fields: &mut Fields<'_>) -> Option<PortfolioId> {
    let (name, value) = fields.find(&["portfolio"])?;
    let id = value.as_str().and_then(|text| text.parse().ok());
    if id.is_none() {
        let expected = "a portfolio id: 1 to 64 letters, digits, '_' or '-'";
        fields.fault(Fault::new(Reason::BadPortfolio, name, shown(value), expected));
    }
    id
}

fn mode(fields: &mut Fields<'_>) -> Option<Order> {
    let words = Mode::ALL.map(|mode| (mode.as_str(), mode));
    let found = fields.require(&["mode"], "LIVE, SHADOW, PAUSED or EMERGENCY");
    let mode = found.and_then(|(name, value)| word(fields, name, value, &words));
    let duration = duration(fields);
    if let (Some(Mode::Live), Some(duration)) = (mode, duration) {
        let expected = "none with LIVE: nothing is held by it, so nothing would end";
        fields.fault(Fault::new(Reason::OutOfRange, "duration_minutes", duration, expected));
    }
    let releases = releases(fields);
    Some(Order::SetMode { mode: mode?, duration, releases })
}

fn risk(fields: &mut Fields<'_>) -> Option<Order> {
    let ratio = |value: Option<f64>| value.and_then(|value| Ratio::new(value).ok());
    let fraction = |value: Option<f64>| value.and_then(|value| Fraction::new(value).ok());
    let size = fields.optional_number(&["max_position_size_usd"], Range::NOT_NEGATIVE);
    let limits = SomeLimits {
        max_leverage: ratio(fields.optional_number(&["max_leverage"], LEVERAGE)),
        max_position_size_usd: size.and_then(|value| Usd::new(value).ok()),
        max_drawdown_pct: fraction(fields.optional_number(&["max_drawdown_pct"], Range::FRACTION)),
        max_exposure_pct: fraction(fields.optional_number(&["max_exposure_pct"], Range::FRACTION)),
        stop_loss_multiplier: ratio(fields.optional_number(&["stop_loss_multiplier"], MULTIPLIER)),
    };
    if limits == SomeLimits::default() && fields.is_sound() {
        let expected = "at least one of max_leverage, max_position_size_usd, max_drawdown_pct, max_exposure_pct, \
                        stop_loss_multiplier";
        fields.fault(Fault::new(Reason::MissingField, "limits", "none", expected));
    }
    let duration = duration(fields);
    let releases = releases(fields);
    Some(Order::SetLimits { limits, duration, releases })
}

fn freeze(fields: &mut Fields<'_>) -> Option<Order> {
    let words = [("MEDIUM", Severity::Medium), ("HIGH", Severity::High), ("CRITICAL", Severity::Critical)];
    let severity = match fields.find(&["severity"]) {
        Some((name, value)) => word(fields, name, value, &words),
        None => Some(Severity::Critical),
    };
    let affected_subsystems = texts(fields, "affected_subsystems", MAX_SUBSYSTEMS)
        .map_or_else(|| ALL_SUBSYSTEMS.into(), Subsystems::from_iter);
    let duration = duration(fields);
    Some(Order::Freeze { duration, severity: severity?, affected_subsystems })
}

fn duration(fields: &mut Fields<'_>) -> Option<Period> {
    let minutes = fields.optional_count(&["duration_minutes"], DURATION)?;
    Some(Period::from_mins(i64::from(minutes)))
}

fn releases(fields: &mut Fields<'_>) -> Vec<HoldId> {
    let texts = texts(fields, "releases", MAX_RELEASES).unwrap_or_default();
    let mut holds = Vec::with_capacity(texts.len());
    for text in texts {
        match text.parse() {
            Ok(hold) => holds.push(hold),
            Err(_) => fields.fault(Fault::new(Reason::BadText, "releases", text, "the id of a hold: a UUID")),
        }
    }
    holds
}

/// A list of texts; none when it is absent, or wrong and said so.
fn texts(fields: &mut Fields<'_>, name: &'static str, max: usize) -> Option<Vec<String>> {
    let (name, value) = fields.find(&[name])?;
    let texts: Option<Vec<String>> =
        value.as_array().filter(|list| (1..=max).contains(&list.len())).and_then(|list| {
            list.iter().map(|item| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned)).collect()
        });
    if texts.is_none() {
        let expected = format!("a list of 1 to {max} texts");
        fields.fault(Fault::new(Reason::MistypedField, name, shown(value), expected));
    }
    texts
}

/// One of some words, in whatever case.
fn word<T: Copy>(fields: &mut Fields<'_>, name: &str, value: &Value, words: &[(&str, T)]) -> Option<T> {
    let text = value.as_str().unwrap_or_default().to_ascii_uppercase();
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", allowed.join(", "));
        fields.fault(Fault::new(Reason::BadText, name, shown(value), expected));
    }
    found
}

impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode => "mode",
            Self::Risk => "risk",
            Self::Freeze => "freeze",
            Self::Release(_) => "release",
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;

    fn good(kind: OrderKind, body: &Value) -> Asked {
        read(kind, body.to_string().as_bytes()).unwrap()
    }

    fn bad(kind: OrderKind, body: &Value) -> (u16, String) {
        let problem = read(kind, body.to_string().as_bytes()).unwrap_err();
        (problem.status().as_u16(), format!("{problem:?}"))
    }

    #[test]
    fn a_mode_is_read_with_its_duration() {
        let body = json!({"mode": "paused", "reason": "news", "duration_minutes": 30, "portfolio": "alpha"});
        let asked = good(OrderKind::Mode, &body);
        assert_eq!(asked.portfolio.unwrap().as_str(), "alpha");
        let duration = Some(Period::from_mins(30));
        assert_eq!(asked.order, Order::SetMode { mode: Mode::Paused, duration, releases: Vec::new() });
        let hold = HoldId::derive(&["x"]);
        let body = json!({"mode": "LIVE", "reason": "ok", "duration_minutes": null, "releases": [hold]});
        let order = good(OrderKind::Mode, &body).order;
        assert_eq!(order, Order::SetMode { mode: Mode::Live, duration: None, releases: vec![hold] });
    }

    #[test]
    fn some_limits_are_read_and_the_others_stay_open() {
        let asked = good(OrderKind::Risk, &json!({"max_leverage": 3, "reason": "r"}));
        let limits = SomeLimits { max_leverage: Some(Ratio::lit(3.0)), ..SomeLimits::default() };
        assert_eq!(asked.order, Order::SetLimits { limits, duration: None, releases: Vec::new() });
    }

    #[test]
    fn a_freeze_stops_everything_until_released_unless_it_says_otherwise() {
        let asked = good(OrderKind::Freeze, &json!({"reason": "stop"}));
        let affected_subsystems = ALL_SUBSYSTEMS.into();
        assert_eq!(
            asked.order,
            Order::Freeze { duration: None, severity: Severity::Critical, affected_subsystems }
        );
    }

    #[test]
    fn every_mistake_is_named_and_nothing_is_ignored() {
        let cases = [
            (
                OrderKind::Mode,
                json!({"mode": "SLOW", "reason": "r"}),
                "one of LIVE, SHADOW, PAUSED, EMERGENCY",
            ),
            (OrderKind::Mode, json!({"mode": "LIVE"}), "reason"),
            (
                OrderKind::Mode,
                json!({"mode": "LIVE", "reason": "r", "duration_minutes": 10}),
                "none with LIVE",
            ),
            (
                OrderKind::Mode,
                json!({"mode": "SHADOW", "reason": "r", "duration_minutes": 0}),
                "duration_minutes",
            ),
            (
                OrderKind::Mode,
                json!({"mode": "LIVE", "reason": "r", "duration_minutes": -5}),
                "duration_minutes",
            ),
            (OrderKind::Mode, json!({"mode": "LIVE", "reason": "r", "duration": 5}), "unknown"),
            (OrderKind::Mode, json!({"mode": "LIVE", "reason": "r", "releases": ["x"]}), "a UUID"),
            (OrderKind::Mode, json!({"mode": "LIVE", "reason": "r", "portfolio": "a.b"}), "portfolio"),
            (OrderKind::Risk, json!({"reason": "r"}), "at least one of max_leverage"),
            (OrderKind::Risk, json!({"reason": "r", "max_leverage": -1}), "above 0"),
            (OrderKind::Risk, json!({"reason": "r", "max_drawdown_pct": 8}), "looks like percent"),
            (OrderKind::Freeze, json!({"reason": "r", "severity": "LOW"}), "one of MEDIUM, HIGH, CRITICAL"),
            (OrderKind::Freeze, json!({"reason": "r", "affected_subsystems": []}), "a list of 1 to 32 texts"),
            (OrderKind::Release(HoldId::derive(&["x"])), json!({}), "reason"),
        ];
        for (kind, body, told) in cases {
            let (status, problem) = bad(kind, &body);
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY.as_u16(), "{body}");
            assert!(problem.to_lowercase().contains(&told.to_lowercase()), "{told}: {problem}");
        }
        let (_, problem) = bad(OrderKind::Risk, &json!({"max_leverage": "x", "max_exposure_pct": 9}));
        assert_eq!(problem.matches("Mistake {").count(), 3, "{problem}");
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in [&b"{"[..], b"[1]", b"", b"\xff"] {
            assert_eq!(read(OrderKind::Mode, body).unwrap_err().status(), StatusCode::BAD_REQUEST);
        }
    }
}
