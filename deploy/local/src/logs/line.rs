//! One log line, from JSON to a short text.

use std::fmt;

use serde_json::{Map, Value};

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look into something.
    Debug,
    /// The usual course of things.
    Info,
    /// Somebody should know.
    Warn,
    /// Something failed.
    Error,
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The process that wrote it.
    pub name: String,
    /// How serious it is.
    pub level: Level,
    /// Hours, minutes and seconds (UTC), where the line says when it was written.
    pub clock: Option<String>,
    /// What it says.
    pub text: String,
}

/// Fields that stand in the file for machines and would only be noise on a terminal.
const LEFT_OUT: [&str; 9] =
    ["message", "service", "trace_id", "span_id", "timestamp", "level", "target", "span", "spans"];

/// Servers write plain text; of a service it means that something went wrong before or beside its logging.
const SERVERS: [&str; 2] = ["nats", "redis"];

/// Makes a line short. What is not JSON stays as it is.
pub fn parse(name: &str, text: &str) -> Line {
    let name = name.to_owned();
    let Ok(Value::Object(record)) = serde_json::from_str(text) else {
        let level = if SERVERS.contains(&name.as_str()) { Level::Info } else { Level::Warn };
        return Line { name, level, clock: None, text: text.trim_end().to_owned() };
    };
    let clock = record.get("timestamp").and_then(Value::as_str).and_then(|time| time.get(11..19));
    Line { name, level: level(&record), clock: clock.map(str::to_owned), text: shorten(&record) }
}

fn level(record: &Map<String, Value>) -> Level {
    match record.get("level").and_then(Value::as_str) {
        Some("TRACE" | "DEBUG") => Level::Debug,
        Some("INFO") => Level::Info,
        Some("ERROR") => Level::Error,
        Some(_) | None => Level::Warn,
    }
}

fn shorten(record: &Map<String, Value>) -> String {
    let fields = record.get("fields").and_then(Value::as_object).unwrap_or(record);
    let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
    let rest = fields.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
    let rest: String = rest.map(|(key, value)| format!(" {key}={}", plain(value))).collect();
    format!("{message}{rest}").trim().to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_a_short_line_without_what_only_machines_need() {
        let text = r#"{"timestamp":"2026-01-31T09:30:00.250Z","level":"INFO","target":"gateway::ingest",
            "fields":{"message":"Portfolio update received","portfolio":"main","count":3,"trace_id":"ab"}}"#;
        let line = parse("gateway", text);
        assert_eq!(line.level, Level::Info);
        assert_eq!(line.clock.as_deref(), Some("09:30:00"));
        assert_eq!(line.text, "Portfolio update received count=3 portfolio=main");
    }

    #[test]
    fn flattened_fields_are_read_too() {
        let text = r#"{"timestamp":"2026-01-31T09:30:00Z","level":"WARN","message":"slow","role":"cro"}"#;
        assert_eq!(parse("arbiter", text).text, "slow role=cro");
    }

    #[test]
    fn plain_text_of_a_service_is_a_warning_and_of_a_server_is_not() {
        assert_eq!(parse("cro", "thread 'main' panicked").level, Level::Warn);
        assert_eq!(parse("nats", "[1] [INF] Server is ready").level, Level::Info);
        assert_eq!(parse("cro", "{\"level\":\"ERROR\"").text, "{\"level\":\"ERROR\"");
    }

    #[test]
    fn an_unknown_level_is_shown_rather_than_hidden() {
        assert_eq!(parse("cro", r#"{"level":"FATAL","message":"m"}"#).level, Level::Warn);
    }
}
