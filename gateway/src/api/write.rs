//! What operators command.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use proto::command::Order;
use proto::id::{HoldId, Role};
use serde_json::json;
use tokio::time::timeout;
use tracing::{error, info};

use super::answer::{Answer, Told, together};
use super::auth::{self, Caller};
use super::button::STOP_PATIENCE;
use super::guard::expect_json;
use super::named::Named;
use super::order::{self, Asked, OrderKind};
use super::problem::{Kind, Problem};
use super::{Api, MAX_BODY_BYTES};
use crate::fields::{Fault, Reason};
use crate::metrics::Commanded;

/// The header under which an order is carried out once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

type Body = Result<Bytes, BytesRejection>;

pub(super) async fn mode(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    give(&api, OrderKind::Mode, caller, &headers, body).await
}

pub(super) async fn risk(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    give(&api, OrderKind::Risk, caller, &headers, body).await
}

pub(super) async fn freeze(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    give(&api, OrderKind::Freeze, caller, &headers, body).await
}

pub(super) async fn release(
    State(api): State<Api>,
    Named(hold): Named,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match hold.parse::<HoldId>() {
        Ok(hold) => give(&api, OrderKind::Release(hold), caller, &headers, body).await,
        Err(_) => {
            let fault = Fault::new(Reason::BadText, "hold", hold, "a hold's id: a UUID");
            Problem::of_faults(vec![fault]).into_response()
        }
    }
}

pub(super) async fn enable(
    State(api): State<Api>,
    Named(role): Named,
    Extension(caller): Extension<Caller>,
) -> Response {
    answered(switch(&api, &role, true, &caller).await)
}

pub(super) async fn disable(
    State(api): State<Api>,
    Named(role): Named,
    Extension(caller): Extension<Caller>,
) -> Response {
    answered(switch(&api, &role, false, &caller).await)
}

async fn give(api: &Api, kind: OrderKind, caller: Caller, headers: &HeaderMap, body: Body) -> Response {
    let answer = order(api, kind, caller, headers, body).await;
    let outcome = match &answer {
        Ok((StatusCode::OK, _)) => "done",
        Ok(_) => "pending",
        Err(problem) if problem.status() == StatusCode::CONFLICT => "refused",
        Err(_) => "failed",
    };
    api.metrics.commands.get_or_create(&Commanded { order: kind.to_string(), outcome }).inc();
    answered(answer)
}

async fn order(
    api: &Api,
    kind: OrderKind,
    caller: Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<(StatusCode, serde_json::Value), Problem> {
    expect_json(headers)?;
    let body = body.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, format!("the body has more than {MAX_BODY_BYTES} bytes"))
        }
        _ => Problem::new(Kind::Malformed, rejected.body_text()),
    })?;
    let key = auth::text(headers, IDEMPOTENCY_KEY)?;
    let asked = order::read(kind, &body)?;
    let answers = hand_over(api, asked, caller, key).await?;
    Ok(match together(&answers)? {
        Told::Done(document) => (StatusCode::OK, document),
        Told::Accepted(document) => (StatusCode::ACCEPTED, document),
    })
}

/// Gives an order to the court; a freeze goes to the backend itself where nothing is known of the mesh.
async fn hand_over(
    api: &Api,
    asked: Asked,
    caller: Caller,
    key: Option<&str>,
) -> Result<Vec<Answer>, Problem> {
    if !matches!(asked.order, Order::Freeze { .. }) {
        return api.mesh()?.commander.give(asked, caller, key).await;
    }
    match timeout(STOP_PATIENCE, api.mesh.wait()).await {
        Ok(mesh) => mesh.commander.give(asked, caller, key).await,
        Err(_) => api.button.press(asked, caller, key).await,
    }
}

/// Switches a role, and answers once that is in force here. The supervisor stays on: without it nothing would loosen, and
/// nobody would freeze.
async fn switch(
    api: &Api,
    name: &str,
    enabled: bool,
    caller: &Caller,
) -> Result<(StatusCode, serde_json::Value), Problem> {
    let by = &caller.by;
    let status = &api.mesh()?.status;
    let known = status.roles();
    let role = name.parse::<Role>().ok().filter(|role| known.contains_key(role));
    let role = role.ok_or_else(|| {
        let known: Vec<&str> = known.keys().map(Role::as_str).collect();
        Problem::new(Kind::NotFound, format!("there is no role {name:?}; there are {}", known.join(", ")))
    })?;
    if role == Role::SUPERVISOR && !enabled {
        return Err(Problem::new(Kind::Forbidden, "the supervisor cannot be switched off"));
    }
    status.roster.set_enabled(&role, enabled, &by.name).await.map_err(|failed| {
        error!(%role, "cannot switch it: {failed:#}");
        Problem::new(Kind::Unreachable, format!("{role} could not be switched: {failed:#}"))
    })?;
    info!(%role, enabled, by = by.name, "role switched");
    Ok((StatusCode::OK, json!({"success": true, "role": role, "enabled": enabled})))
}

fn answered(answer: Result<(StatusCode, serde_json::Value), Problem>) -> Response {
    match answer {
        Ok((status, document)) => (status, Json(document)).into_response(),
        Err(problem) => problem.into_response(),
    }
}
