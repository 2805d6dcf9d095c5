//! HTTP: what people and dashboards read, and what operators command.

pub mod answer;
pub mod auth;
pub mod button;
pub mod command;
mod delivery;
pub mod guard;
mod named;
pub mod order;
pub mod problem;
pub mod query;
mod read;
pub mod why;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mesh::admin::Admin;
use mesh::nats::Nats;
use tokio::sync::SetOnce;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::auth::{APPROVAL, Door, authenticate};
use self::button::Button;
use self::command::Commander;
use self::guard::{Origins, guard};
use self::problem::{Kind, Problem};
use crate::backend::Backend;
use crate::metrics::Metrics;
use crate::status::Status;

/// The largest body.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// All that the handlers need.
#[derive(Debug, Clone)]
pub struct Api {
    /// What is known of the mesh, once it is.
    pub mesh: Arc<SetOnce<Mesh>>,
    /// The stop that needs no mesh.
    pub button: Button,
    /// The connection.
    pub nats: Nats,
    /// What this process waits for.
    pub admin: Admin,
    /// What is counted.
    pub metrics: Metrics,
    /// Where decisions go.
    pub backend: Arc<dyn Backend>,
}

/// What is known of the mesh once it was looked at.
#[derive(Debug)]
pub struct Mesh {
    /// How the federation is.
    pub status: Arc<Status>,
    /// Who gives commands.
    pub commander: Commander,
}

impl Api {
    /// What is known of the mesh.
    ///
    /// # Errors
    /// A problem: nothing is, since the mesh was not reached yet.
    fn mesh(&self) -> Result<&Mesh, Problem> {
        self.mesh.get().ok_or_else(|| {
            let open = self.admin.open_conditions();
            let told: Vec<String> = open.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            let detail = format!("nothing is known of the mesh yet: {}", told.join("; "));
            Problem::new(Kind::Unreachable, detail)
        })
    }
}

/// Every route. `origins` may command from a browser; any may read. `door` says who may at all.
pub fn router(api: Api, origins: &Origins, door: Door) -> Router {
    let federation = Router::new()
        .route("/status", get(read::status))
        .route("/decisions", get(read::decisions))
        .route("/decisions/{id}", get(read::decision))
        .route("/portfolios", get(read::portfolios))
        .route("/portfolios/{id}", get(read::portfolio))
        .route("/portfolios/{id}/holds", get(read::holds))
        .route("/mode", post(write::mode))
        .route("/risk", post(write::risk))
        .route("/freeze", post(write::freeze))
        .route("/holds/{id}/release", post(write::release))
        .route("/roles/{role}/enable", post(write::enable))
        .route("/roles/{role}/disable", post(write::disable))
        .layer(from_fn_with_state(door, authenticate));
    let admin = api.admin.router();
    Router::new()
        .route("/health", get(read::health))
        .nest("/api/federation", federation)
        .with_state(api)
        .merge(admin)
        .fallback(async || Problem::new(Kind::NotFound, "there is no such path").into_response())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(origins.clone(), guard))
        .layer(cors(origins))
}

async fn method_not_allowed(method: Method) -> Response {
    Problem::new(Kind::MethodNotAllowed, format!("this path does not take {method}")).into_response()
}

/// Any origin may read. Only the configured ones may send what is not a plain read.
fn cors(origins: &Origins) -> CorsLayer {
    let commanding: Vec<HeaderValue> = origins.0.iter().filter_map(|origin| origin.parse().ok()).collect();
    let allowed = AllowOrigin::predicate(move |origin, request| {
        let asks = request.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        let reads =
            asks.unwrap_or(&HeaderValue::from_static("GET")) == "GET" && request.method != Method::POST;
        reads || commanding.contains(origin)
    });
    let headers = [
        header::CONTENT_TYPE,
        HeaderName::from_static("idempotency-key"),
        header::AUTHORIZATION,
        HeaderName::from_static("x-operator"),
        HeaderName::from_static(APPROVAL),
    ];
    CorsLayer::new().allow_origin(allowed).allow_methods([Method::GET, Method::POST]).allow_headers(headers)
}
