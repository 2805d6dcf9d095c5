//! Log lines as JSON, each with the trace id of the event that it is about.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::clock;

/// The field of a span, and of a line, that names the trace.
const TRACE_ID: &str = "trace_id";

/// Keeps the `trace_id` field of each span, for the lines below it.
pub(crate) struct TraceIds;

/// One JSON object a line.
pub(crate) struct JsonLines {
    service: String,
}

impl JsonLines {
    pub(crate) const fn new(service: String) -> Self {
        Self { service }
    }
}

struct TraceIdOf(Value);

#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S> Layer<S> for TraceIds
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        keep(fields, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        keep(fields, id, &context);
    }
}

fn keep<S>(mut fields: Fields, id: &Id, context: &Context<'_, S>)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if let (Some(trace), Some(span)) = (fields.0.remove(TRACE_ID), context.span(id)) {
        span.extensions_mut().replace(TraceIdOf(trace));
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), clock::now().to_string().into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("service".to_owned(), self.service.as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        let spans = context.event_scope().into_iter().flatten();
        let above =
            spans.filter_map(|span| span.extensions().get::<TraceIdOf>().map(|id| id.0.clone())).next();
        line.extend(above.map(|trace| (TRACE_ID.to_owned(), trace)));
        line.extend(fields.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{fmt, registry};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_below_a_span_with_a_trace_names_it() {
        let lines = Lines::default();
        let sink = lines.clone();
        let json = fmt::layer()
            .event_format(JsonLines::new("federation-x".into()))
            .with_writer(move || sink.clone());
        tracing::subscriber::with_default(registry().with(TraceIds).with(json), || {
            let round = info_span!("round", trace_id = "abc");
            round.in_scope(|| {
                info_span!("ask").in_scope(|| info!(portfolio = %"main", times = 3_u64, "ruled"));
            });
        });
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(line["trace_id"], "abc");
        assert_eq!(line["message"], "ruled");
        assert_eq!(line["portfolio"], "main");
        assert_eq!(line["times"], 3);
        assert_eq!(line["service"], "federation-x");
    }
}
