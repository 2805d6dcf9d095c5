//! One trace an event, parent and child, from the Redis entry through NATS and every role and back to Redis.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use local::Mesh;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::{World, snapshot, wait_for};

type Spans = Arc<Mutex<Vec<Span>>>;

async fn take(State(spans): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    StatusCode::OK
}

/// An OTLP receiver; its address and what it received.
async fn receiver() -> Result<(String, Spans)> {
    let spans = Spans::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(spans.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((address, spans))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_tree_from_redis_to_redis() -> Result<()> {
    let (address, spans) = receiver().await?;
    let builder =
        Mesh::builder().env("OTEL_EXPORTER_OTLP_ENDPOINT", &address).env("OTEL_BSP_SCHEDULE_DELAY", "200");
    let mut world = World::start(builder).await?;
    world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let told = world.told_at_least(7).await?;
    let trace_id = told[0].decision.trace_id.to_string();
    assert!(told.iter().all(|told| told.fields["trace_id"] == trace_id), "one trace for one event");

    let roles = ["supervisor", "cro", "ceo", "cio", "cfo", "researcher"];
    let tree = wait_for("the whole tree of spans", || async {
        let of_trace: Vec<Span> =
            spans.lock().unwrap().iter().filter(|span| hex(&span.trace_id) == trace_id).cloned().collect();
        let count =
            |name: &str| of_trace.iter().filter(|span| span.name.split(' ').next() == Some(name)).count();
        let whole = count("ingest") == 1
            && count("round") == 1
            && count("ask") == roles.len()
            && count("evaluate") == roles.len()
            && count("rule") == 1
            && count("emit") >= 1;
        Ok(whole.then_some(of_trace))
    })
    .await?;
    let by_id: BTreeMap<&[u8], &Span> = tree.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    let parent = |span: &Span| -> Result<&Span> {
        by_id
            .get(span.parent_span_id.as_slice())
            .copied()
            .with_context(|| format!("{} has no parent", span.name))
    };
    for span in &tree {
        let expected = match span.name.split(' ').next().unwrap_or_default() {
            "round" => "ingest",
            "ask" | "rule" => "round",
            "evaluate" => "ask",
            "emit" => "round",
            _ => continue,
        };
        let mut above = parent(span)?;
        // A span in between (the append of the ruling, say) is no broken tree.
        while above.name.split(' ').next() != Some(expected) {
            above = parent(above).with_context(|| format!("{} is not under {expected}", span.name))?;
        }
    }
    for role in roles {
        assert!(tree.iter().any(|span| span.name == format!("ask {role}")), "{role} was asked");
    }
    Ok(())
}
