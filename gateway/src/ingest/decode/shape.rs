//! The three shapes that entries come in: a flat payload, a wrapped payload, and plain stream fields.

use serde_json::{Map, Value};

use super::{Field, MAX_PAYLOAD_BYTES, json};
use crate::fields::{Fault, Numbers, Reason, shown};

/// An entry's data, whatever its shape was.
pub(super) struct Shaped {
    /// The data.
    pub(super) data: Map<String, Value>,
    /// How numbers may be written in it.
    pub(super) numbers: Numbers,
    /// The producer's trace id, as it was sent.
    pub(super) trace_id: Option<String>,
    /// The producer's correlation id, as it was sent.
    pub(super) correlation_id: Option<String>,
}

/// The envelope's own fields, which are no data.
const ENVELOPE: [&str; 4] = ["event_type", "trace_id", "correlation_id", "source"];

/// Finds the data of an entry.
///
/// # Errors
/// Too large, not JSON, or no object.
pub(super) fn shape(fields: &[Field]) -> Result<Shaped, Fault> {
    let bytes: usize = fields.iter().map(|field| field.name.len() + field.value.len()).sum();
    if bytes > MAX_PAYLOAD_BYTES {
        let expected = format!("at most {MAX_PAYLOAD_BYTES} bytes");
        return Err(Fault::new(Reason::TooLarge, "payload", format_args!("{bytes} bytes"), expected));
    }
    let trace_id = envelope_text(fields, "trace_id");
    let correlation_id = envelope_text(fields, "correlation_id");
    match fields.iter().find(|field| field.name == b"payload") {
        Some(payload) => Ok(unwrapped(object(&payload.value)?, trace_id, correlation_id)),
        None => Ok(Shaped { data: plain(fields), numbers: Numbers::Text, trace_id, correlation_id }),
    }
}

fn envelope_text(fields: &[Field], name: &str) -> Option<String> {
    let field = fields.iter().find(|field| field.name == name.as_bytes())?;
    let text = std::str::from_utf8(&field.value).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn object(payload: &[u8]) -> Result<Map<String, Value>, Fault> {
    let not_json = |why: String| {
        let text: String = String::from_utf8_lossy(payload).chars().take(80).collect();
        Fault::new(Reason::NotJson, "payload", format_args!("{text:?}"), format!("a JSON object: {why}"))
    };
    let text = std::str::from_utf8(payload).map_err(|error| not_json(error.to_string()))?;
    match json::parse(text).map_err(|error| not_json(error.to_string()))? {
        Value::Object(object) => Ok(object),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(Fault::new(Reason::NotObject, "payload", shown(&other), "a JSON object"))
        }
    }
}

/// A payload's data: inside of `data` where it is wrapped. The wrapper's time holds where the data has none.
fn unwrapped(mut object: Map<String, Value>, trace: Option<String>, correlation: Option<String>) -> Shaped {
    let inner = match object.remove("data") {
        Some(Value::Object(inner)) => inner,
        Some(other) => {
            object.insert("data".to_owned(), other);
            return Shaped::of(object, trace, correlation);
        }
        None => return Shaped::of(object, trace, correlation),
    };
    let trace = trace.or_else(|| text_of(&object, "trace_id"));
    let correlation = correlation.or_else(|| text_of(&object, "correlation_id"));
    let mut data = inner;
    for name in ["timestamp", "portfolio_id"] {
        if let (None | Some(Value::Null), Some(value)) = (data.get(name), object.remove(name)) {
            data.insert(name.to_owned(), value);
        }
    }
    Shaped::of(data, trace, correlation)
}

impl Shaped {
    fn of(data: Map<String, Value>, trace: Option<String>, correlation: Option<String>) -> Self {
        let trace_id = trace.or_else(|| text_of(&data, "trace_id"));
        let correlation_id = correlation.or_else(|| text_of(&data, "correlation_id"));
        Self { data, numbers: Numbers::Json, trace_id, correlation_id }
    }
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn plain(fields: &[Field]) -> Map<String, Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields
        .iter()
        .map(|field| (text(&field.name), Value::String(text(&field.value))))
        .filter(|(name, _)| !ENVELOPE.contains(&name.as_str()))
        .collect()
}
