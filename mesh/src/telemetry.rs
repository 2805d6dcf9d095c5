//! Logs and traces: text on a terminal, JSON otherwise; spans over OTLP when an endpoint is set.

use std::env;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tracing::warn;
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::log::{JsonLines, TraceIds};
use crate::trace::Ids;

/// Spans that may wait for the collector: at 5,000 a second a stalled collector loses none for three seconds.
const SPAN_QUEUE: usize = 16_384;
/// How long the end of the process waits for the last spans.
const FLUSH: Duration = Duration::from_secs(3);
/// Our crates: only their spans are exported.
const OURS: [&str; 5] = ["mesh", "arbiter", "federation_arbiter", "gateway", "federation_gateway"];

/// The running exporter; [`Telemetry::finish`] flushes it.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts logs and traces for this process. Call it outside of the runtime: the exporter has a thread of its own.
///
/// # Errors
/// The log filter or the `OTEL_*` variables cannot be used, or the process has a subscriber already.
pub fn start(service: &str, log_level: &str) -> anyhow::Result<Telemetry> {
    let provider = endpoint_is_set().then(|| exporting(service)).transpose()?;
    let spans = provider.as_ref().map(|provider| spans(provider.tracer(format!("federation-{service}"))));
    let filter = filter(log_level)?.or(every_span());
    let lines = if stdout().is_terminal() {
        fmt::layer().with_target(false).boxed()
    } else {
        fmt::layer().event_format(JsonLines::new(format!("federation-{service}"))).boxed()
    };
    let subscriber = registry().with(TraceIds).with(spans).with(lines.with_filter(filter));
    subscriber.try_init().context("cannot start logging")?;
    Ok(Telemetry { provider })
}

impl Telemetry {
    /// Sends the last spans, and waits for that a bounded time.
    pub fn finish(self) {
        if let Some(provider) = self.provider
            && let Err(failed) = provider.shutdown_with_timeout(FLUSH)
        {
            warn!("the last spans may be lost: {failed}");
        }
    }
}

/// The filter for a level as people write it, Python's names among them, or for directives.
fn filter(log_level: &str) -> anyhow::Result<EnvFilter> {
    let level = match log_level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" | "fatal" => "error".to_owned(),
        other => other.to_owned(),
    };
    EnvFilter::try_new(&level).with_context(|| format!("log level {log_level:?} is not one"))
}

/// Spans are seen at every log level: the lines below them take their trace id from there.
fn every_span() -> FilterFn {
    filter_fn(|metadata| metadata.is_span() && OURS.iter().any(|ours| metadata.target().starts_with(ours)))
}

fn endpoint_is_set() -> bool {
    let set = |name: &str| env::var(name).is_ok_and(|value| !value.is_empty());
    let disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !disabled && (set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

fn exporting(service: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder().with_http().build().context("cannot set up the OTLP exporter")?;
    let mut batch = BatchConfigBuilder::default();
    if env::var_os("OTEL_BSP_MAX_QUEUE_SIZE").is_none() {
        batch = batch.with_max_queue_size(SPAN_QUEUE);
    }
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch.build()).build();
    let mut resource = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(format!("federation-{service}"));
    }
    Ok(SdkTracerProvider::builder()
        .with_id_generator(Ids::default())
        .with_resource(resource.build())
        .with_span_processor(processor)
        .build())
}

fn spans<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let ours = Targets::new().with_targets(OURS.map(|target| (target, LevelFilter::INFO)));
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_taken_as_people_write_them() {
        for level in ["info", "INFO", "WARNING", "critical", "info,mesh=debug"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        assert!(filter("info,=,=").is_err());
    }
}
