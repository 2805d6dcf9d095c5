//! What people and dashboards read.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use mesh::clock;
use proto::effective::Effective;
use proto::id::{DecisionId, PortfolioId, Role};
use proto::ledger::Ledger;
use proto::time::Time;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

use super::Api;
use super::named::Named;
use super::problem::{Kind, Problem};
use super::{delivery, query, why};
use crate::fields::{Fault, Reason};
use crate::status::{RoleDetail, Word};
use crate::view::Counts;

/// The service's name, as the backend knows it.
const SERVICE: &str = "federation-ai";

/// The answer of `/health`.
#[derive(Serialize)]
pub(super) struct Health {
    status: Word,
    service: &'static str,
    version: &'static str,
    roles_active: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    why: BTreeMap<String, String>,
}

/// The answer of `/api/federation/status`.
#[derive(Serialize)]
pub(super) struct Status {
    roles: BTreeMap<Role, bool>,
    total_decisions: u64,
    last_update: Option<Time>,
    role_details: BTreeMap<Role, RoleDetail>,
    portfolios: Portfolios,
}

#[derive(Serialize)]
struct Portfolios {
    count: usize,
    frozen: usize,
    holds: usize,
    mode: BTreeMap<proto::value::Mode, usize>,
}

pub(super) async fn health(State(api): State<Api>) -> Json<Health> {
    let open = api.admin.open_conditions();
    let status = api.mesh.get().map(|mesh| &mesh.status);
    let why = status.map_or(open.clone(), |status| status.amiss(open, clock::now()));
    let roles_active = status.map_or(0, |status| status.active_roles());
    let version = env!("CARGO_PKG_VERSION");
    Json(Health { status: Word::of(&why), service: SERVICE, version, roles_active, why })
}

pub(super) async fn status(State(api): State<Api>) -> Result<Json<Status>, Problem> {
    let known = &api.mesh()?.status;
    let role_details = known.roles();
    let Counts { decisions, portfolios, frozen, holds, modes } = known.view.counts();
    Ok(Json(Status {
        roles: role_details.iter().map(|(role, detail)| (role.clone(), detail.is_active())).collect(),
        total_decisions: decisions,
        last_update: known.view.last_decision_at(),
        role_details,
        portfolios: Portfolios { count: portfolios, frozen, holds, mode: modes },
    }))
}

pub(super) async fn decisions(
    State(api): State<Api>,
    pairs: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(pairs) = pairs.map_err(|rejected| Problem::new(Kind::Invalid, rejected.body_text()))?;
    let page = api.mesh()?.status.view.decisions(&query::filter(&pairs)?);
    let decisions: Vec<_> = page.decisions.iter().map(|said| &said.decision).collect();
    Ok(Json(json!({"total": page.total, "decisions": decisions})))
}

pub(super) async fn decision(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let id: DecisionId = id.parse().map_err(|_| bad_id("decision_id", &id, "a decision's id: a UUID"))?;
    let mesh = api.mesh()?;
    let said = mesh.status.view.decision(id);
    let said = said.ok_or_else(|| Problem::new(Kind::NotFound, format!("no decision {id} is remembered")))?;
    let ruling = why::ruling_of(&api.nats, &mesh.commander.config, &said).await;
    let ruling = ruling.unwrap_or_else(|failed| {
        warn!(decision_id = %id, "its ruling cannot be read: {failed:#}");
        None
    });
    let delivery = delivery::of(api.backend.as_ref(), &said.decision).await;
    Ok(Json(json!({
        "decision": said.decision,
        "why": ruling.as_ref().map(why::why),
        "delivery": delivery,
        "receipt": mesh.status.view.receipt(id),
    })))
}

pub(super) async fn portfolios(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let ledgers = api.mesh()?.status.view.ledgers();
    let all: Vec<Value> = ledgers.iter().map(|ledger| summary(ledger)).collect();
    Ok(Json(json!({"total": all.len(), "portfolios": all})))
}

fn summary(ledger: &Ledger) -> Value {
    json!({
        "portfolio": ledger.portfolio,
        "ruling": ledger.version,
        "as_of": ledger.at,
        "mode": ledger.effective.mode,
        "profile": ledger.effective.profile,
        "frozen": ledger.freeze.is_some(),
        "holds": ledger.holds.len(),
    })
}

pub(super) async fn portfolio(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let ledger = ledger(&api, &id)?;
    let effective = Effective::from(ledger.as_ref());
    Ok(Json(json!({"portfolio": ledger.portfolio, "effective": effective, "ledger": *ledger})))
}

pub(super) async fn holds(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let ledger = ledger(&api, &id)?;
    let holds: Vec<_> = ledger.holds.values().collect();
    Ok(Json(json!({"portfolio": ledger.portfolio, "total": holds.len(), "holds": holds})))
}

fn ledger(api: &Api, id: &str) -> Result<Arc<Ledger>, Problem> {
    let expected = "a portfolio id: 1 to 64 letters, digits, '_' or '-'";
    let id: PortfolioId = id.parse().map_err(|_| bad_id("portfolio", id, expected))?;
    let ledger = api.mesh()?.status.view.ledger(&id);
    ledger.ok_or_else(|| Problem::new(Kind::NotFound, format!("portfolio {id} has no ruling yet")))
}

fn bad_id(field: &str, seen: &str, expected: &str) -> Problem {
    Problem::of_faults(vec![Fault::new(Reason::BadText, field, seen, expected)])
}
