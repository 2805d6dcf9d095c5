//! Receipts: what the backend did with a decision. What it says that it holds is kept as it came, within bounds.

use proto::receipt::{Receipt, ReceiptStatus};
use proto::time::Time;
use serde_json::{Map, Value};

use super::json;
use crate::fields::{Fault, Fields, Reason, shown};

/// The longest word that is read.
const MAX_WORD_CHARS: usize = 64;

/// Reads a receipt; none when something that it cannot do without is wrong.
pub(super) fn read(fields: &mut Fields<'_>, reported_at: Option<Time>) -> Option<Receipt> {
    let decision = text_as(fields, "decision_id", "a decision's id: a UUID", |text| text.parse().ok());
    let known = "APPLIED, FAILED or REJECTED";
    let status = text_as(fields, "status", known, ReceiptStatus::from_word);
    let detail = fields.optional_text(&["detail"], Receipt::MAX_DETAIL_CHARS);
    let effective = effective(fields);
    Some(Receipt {
        decision_id: decision?,
        status: status?,
        detail: detail.map(str::to_owned),
        effective,
        reported_at,
    })
}

fn text_as<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    expected: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let text = fields.required_text(&[name], MAX_WORD_CHARS)?;
    let value = read(text);
    if value.is_none() {
        fields.fault(Fault::new(Reason::BadText, name, format_args!("{text:?}"), expected));
    }
    value
}

/// What the backend holds now. A plain stream field holds it as JSON text.
fn effective(fields: &mut Fields<'_>) -> Option<Map<String, Value>> {
    let (name, value) = fields.find(&["effective"])?;
    let parsed = value.as_str().and_then(|text| json::parse(text).ok());
    let held = parsed.unwrap_or_else(|| value.clone());
    let (bytes, depth) = (held.to_string().len(), depth(&held));
    let Value::Object(object) = held else {
        fields.fault(Fault::new(Reason::MistypedField, name, shown(value), "a JSON object"));
        return None;
    };
    if bytes > Receipt::MAX_EFFECTIVE_BYTES || depth > Receipt::MAX_EFFECTIVE_DEPTH {
        let seen = format!("{bytes} bytes, {depth} deep");
        let (bytes, depth) = (Receipt::MAX_EFFECTIVE_BYTES, Receipt::MAX_EFFECTIVE_DEPTH);
        let expected = format!("an object of at most {bytes} bytes, nested at most {depth} deep");
        fields.fault(Fault::new(Reason::TooLarge, name, seen, expected));
        return None;
    }
    Some(object)
}

/// How deep a value is nested; one that holds no other is not. JSON that was parsed is never deep enough to be a danger.
fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(values) => values.iter().map(depth).max(),
        Value::Object(object) => object.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + inner.unwrap_or(0)
}
