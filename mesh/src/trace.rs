//! Traces across processes: W3C headers in and out, and spans that belong to the trace of an event.
//!
//! Without an OpenTelemetry layer every function here does nothing.

use std::cell::Cell;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanId, TraceContextExt, TraceId as OtelTraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use proto::id::TraceId;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header with trace and parent span. Always written in lower case; read in any, as servers may change it.
pub const TRACEPARENT: &str = "traceparent";

thread_local! {
    /// The trace id that the next root span on this thread gets.
    static NEXT_TRACE: Cell<Option<OtelTraceId>> = const { Cell::new(None) };
}

/// Draws ids at random, but takes the trace id that [`adopt_trace`] has put ready.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> OtelTraceId {
        NEXT_TRACE.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Writes the span's context into the headers, beside what they hold. A message that carries several cases carries
/// one `traceparent` a case, in the same order.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Writer(headers));
}

/// Makes the span a child of the context in the headers, where there is one.
pub fn adopt(span: &Span, headers: &HeaderMap) -> bool {
    adopt_nth(span, headers, 0)
}

/// Makes the span a child of the context of the message's `nth` case, where there is one.
pub fn adopt_nth(span: &Span, headers: &HeaderMap, nth: usize) -> bool {
    let context = TraceContextPropagator::new().extract(&Reader { headers, nth });
    // The parent can only be set before the span starts; where it cannot, the span stays in its own trace.
    context.span().span_context().is_valid() && span.set_parent(context).is_ok()
}

/// Makes a span that has no parent and has not been entered the root of this very trace.
pub fn adopt_trace(span: &Span, trace: TraceId) {
    NEXT_TRACE.set(Some(OtelTraceId::from_bytes(trace.to_bytes())));
    // Asking for its context starts the span, here and now, on this thread.
    let _started = span.context();
    NEXT_TRACE.set(None);
}

/// Makes the span a child of the context in the headers; without one, the root of the trace that the record names.
pub fn adopt_or_trace(span: &Span, headers: &HeaderMap, trace: TraceId) {
    if !adopt(span, headers) {
        adopt_trace(span, trace);
    }
}

struct Writer<'a>(&'a mut HeaderMap);

impl Injector for Writer<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate says nothing.
        if !value.is_empty() {
            self.0.append(key, value);
        }
    }
}

struct Reader<'a> {
    headers: &'a HeaderMap,
    nth: usize,
}

impl Extractor for Reader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let name = |name: &HeaderName| -> bool { AsRef::<str>::as_ref(name).eq_ignore_ascii_case(key) };
        let (_, values) = self.headers.iter().find(|(found, _)| name(found))?;
        values.get(self.nth).map(HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| AsRef::<str>::as_ref(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::info_span;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn with_spans<R>(test: impl FnOnce() -> R) -> R {
        let provider = SdkTracerProvider::builder().with_id_generator(Ids::default()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test)
    }

    fn trace_of(span: &Span) -> String {
        span.context().span().span_context().trace_id().to_string()
    }

    #[test]
    fn a_root_span_gets_the_trace_of_its_event_and_hands_it_on() {
        with_spans(|| {
            let root = info_span!(parent: None, "ingest");
            adopt_trace(&root, TRACE.parse().unwrap());
            assert_eq!(trace_of(&root), TRACE);

            let mut headers = HeaderMap::new();
            inject(&root, &mut headers);
            assert!(headers.get(TRACEPARENT).unwrap().as_str().contains(TRACE));
            let child = info_span!(parent: None, "round");
            assert!(adopt(&child, &headers));
            assert_eq!(trace_of(&child), TRACE);
            assert_ne!(trace_of(&info_span!(parent: None, "other")), TRACE, "the id is used once");
        });
    }

    #[test]
    fn a_header_is_read_in_any_case_and_each_case_has_its_own() {
        with_spans(|| {
            let mut headers = HeaderMap::new();
            headers.append("Traceparent", format!("00-{}-00f067aa0ba902b7-01", "1".repeat(32)).as_str());
            headers.append("Traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").as_str());
            let second = info_span!(parent: None, "evaluate");
            assert!(adopt_nth(&second, &headers, 1));
            assert_eq!(trace_of(&second), TRACE);
            assert!(!adopt_nth(&info_span!(parent: None, "evaluate"), &headers, 2));
        });
    }

    #[test]
    fn without_a_layer_nothing_happens() {
        let span = info_span!("round");
        let mut headers = HeaderMap::new();
        adopt_or_trace(&span, &headers, TRACE.parse().unwrap());
        inject(&span, &mut headers);
        assert!(headers.is_empty());
    }
}
