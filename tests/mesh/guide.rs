//! The integration guide: its curl lines, its handler and its widget's payload work as printed there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use local::Mesh;
use proto::decision::{Decision, DecisionType, Payload};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::oracle;
use crate::support::{Told, World, health, quick_policy, snapshot, wait_for};

/// What the backend answers with.
const RECEIPT: &str = "federation.decision_applied";

/// Step 9 of the guide, line by line; only the port is this mesh's.
const STEP_9: &str = r#"
curl http://localhost:8001/health

curl http://localhost:8001/api/federation/status

curl -X POST http://localhost:8001/api/federation/mode \
  -H "Content-Type: application/json" \
  -d '{"mode": "SHADOW", "reason": "Testing integration", "duration_minutes": 5}'

curl http://localhost:8001/api/federation/decisions?limit=10
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_line_of_step_9_works() -> Result<()> {
    let world = World::start(Mesh::builder()).await?;
    let address = world.mesh.http_url().replace("http://", "").replace("127.0.0.1", "localhost");
    let mut answers = Vec::new();
    for line in STEP_9.trim().split("\n\n") {
        let line =
            line.replace("localhost:8001", &address).replacen("curl", "curl -sS -4 --fail-with-body", 1);
        let output = tokio::process::Command::new("bash").arg("-c").arg(&line).output().await?;
        ensure!(output.status.success(), "{line}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).with_context(|| line.clone())?;
        answers.push(answer);
    }
    let [health, status, mode, decisions] = answers.try_into().unwrap();
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["service"], "federation-ai");
    assert_eq!(health["roles_active"], 6);
    for role in ["supervisor", "cro", "ceo", "cio", "cfo", "researcher"] {
        assert_eq!(status["roles"][role], true, "{status}");
    }
    assert_eq!(status["roles"].as_object().unwrap().len(), 6, "the widget counts them");
    assert_eq!(status["total_decisions"], 0);
    assert_eq!(status["last_update"], Value::Null);
    assert_eq!((&mode["success"], &mode["mode"]), (&json!(true), &json!("SHADOW")), "{mode}");
    assert_eq!(decisions["total"], 1, "{decisions}");
    assert_eq!(decisions["decisions"][0]["decision_id"], mode["decision_id"]);
    assert_eq!(decisions["decisions"][0]["payload"]["duration_minutes"], 5);

    let status = world.get("/api/federation/status").await?;
    assert_eq!(status["total_decisions"], 1);
    assert!(status["last_update"].is_string(), "{status}");
    oracle::check(&world, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_may_read_from_another_origin() -> Result<()> {
    let world = World::start(Mesh::builder()).await?;
    let url = format!("{}/api/federation/status", world.mesh.http_url());
    let answer = world.http.get(url).header("Origin", "http://dashboard.example:3000").send().await?;
    let allowed = answer.headers().get("access-control-allow-origin").context("no CORS header")?;
    assert!(["*", "http://dashboard.example:3000"].contains(&allowed.to_str()?));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_handler_takes_every_type_of_decision() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let policy = quick_policy(folder.path())?;
    let mut world = World::start(Mesh::builder().policy(&policy)).await?;
    every_type_of_decision(&mut world).await?;
    let told = world.told().await?;
    let types: BTreeSet<DecisionType> = told.iter().map(|told| told.decision.decision_type()).collect();
    assert_eq!(types, DecisionType::ALL.into_iter().collect(), "every type was decided");

    let handled = handled(&told)?;
    for (told, Handled { calls, .. }) in told.iter().zip(&handled) {
        let called: Vec<&str> = calls.iter().filter_map(|call| call[0].as_str()).collect();
        match &told.decision.payload {
            Payload::Freeze { duration_minutes, .. } => {
                let freeze = if *duration_minutes == 0 { "freeze_indefinite" } else { "freeze" };
                assert!(called.contains(&format!("trading_engine.{freeze}").as_str()), "{calls:?}");
            }
            Payload::ModeChange { .. } => {
                assert!(
                    !called.iter().any(|call| call.contains("freeze")),
                    "a lift never freezes: {calls:?}"
                );
                assert!(called.iter().any(|call| call.starts_with("trading_engine.")), "{calls:?}");
            }
            Payload::RiskAdjustment { .. } => assert_eq!(called.len(), 6, "five limits and a line of log"),
            Payload::EssPolicy { .. } => assert!(called.contains(&"ess_service.update_thresholds")),
            Payload::StrategyAllocation { .. } => assert!(called.contains(&"ai_engine.set_model_weights")),
            Payload::CapitalProfile { .. } | Payload::SymbolUniverse { .. } | Payload::Cashflow { .. } => {
                assert!(called.contains(&"policy_store.set"), "{calls:?}");
            }
            Payload::ResearchTask(_) | Payload::Override { .. } => assert_eq!(called, ["logger"]),
        }
    }
    receipts_are_seen(&mut world, &told, &handled).await?;
    oracle::check(&world, Some(&policy)).await
}

/// Makes the mesh decide something of every type, a lifted freeze included.
async fn every_type_of_decision(world: &mut World) -> Result<()> {
    for model in ["xgboost", "lightgbm", "nhits", "patchtst"] {
        let sharpe = if model == "xgboost" { 2.5 } else { 0.5 };
        let results = json!({"model_name": model, "sharpe_ratio": sharpe, "win_rate": 0.55});
        let entry = world.publish("model.performance_updated", &results).await?;
        world.ruled("main", "model.performance_updated", &entry).await?;
    }
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.01)).await?;
    world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    let entry = world.publish("system.health_updated", &health("DEGRADED", "NOMINAL")).await?;
    world.ruled("main", "system.health_updated", &entry).await?;
    // More symbols while DEGRADED: the supervisor's veto.
    let mut good = snapshot(0.01);
    good["win_rate_today"] = 0.7.into();
    good["realized_pnl_today"] = 10.0.into();
    let entry = world.publish("portfolio.snapshot_updated", &good).await?;
    world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    let entry = world.publish("portfolio.snapshot_updated", &snapshot(0.12)).await?;
    let ledger = world.ruled("main", "portfolio.snapshot_updated", &entry).await?;
    let freeze = ledger["freeze"]["holds"][0].as_str().context("no freeze stands")?.to_owned();
    let release = json!({"reason": "looked at it"});
    let (code, answer) = world.post(&format!("/api/federation/holds/{freeze}/release"), release).await?;
    ensure!(code == 200, "{code} {answer}");
    world.told_at_least(10).await?;
    wait_for("the lift", || {
        let mut redis = world.redis.clone();
        async move {
            let told = crate::support::decisions(&mut redis).await?;
            let lifted = told.iter().any(|told| {
                matches!(&told.decision.payload, Payload::ModeChange { lifts, .. } if !lifts.is_empty())
            });
            Ok(lifted.then_some(()))
        }
    })
    .await
}

/// The backend's receipts are shown with the decisions, and one that it does not take is told of.
async fn receipts_are_seen(world: &mut World, told: &[Told], handled: &[Handled]) -> Result<()> {
    for (told, Handled { receipts, .. }) in told.iter().zip(handled) {
        let [receipt] = receipts.as_slice() else { bail!("not one receipt: {receipts:?}") };
        assert_eq!(receipt["decision_id"], json!(told.decision.decision_id));
        world.publish(RECEIPT, receipt).await?;
    }
    for told in told {
        let shown = receipt_of(world, &told.decision, "APPLIED").await?;
        assert_eq!(shown["delivery"], "told", "{shown}");
    }
    assert_eq!(world.get("/health").await?["why"]["backend"], Value::Null);
    let refused = &told[0].decision;
    let receipt =
        json!({"decision_id": refused.decision_id, "status": "REJECTED", "detail": "no such scope"});
    let entry = world.publish(RECEIPT, &receipt).await?;
    let shown = receipt_of(world, refused, "REJECTED").await?;
    assert_eq!(shown["receipt"]["detail"], "no such scope");
    let health = world.get("/health").await?;
    let why = health["why"]["backend"].as_str().unwrap_or_default();
    assert!(why.contains(&format!("{} REJECTED", refused.decision_id)), "{health}");
    // It is an event like any other, and nothing comes of it.
    let ledger = world.ruled("main", RECEIPT, &entry).await?;
    assert_eq!(ledger["portfolio"], "main");
    assert_eq!(world.told().await?.len(), told.len());
    Ok(())
}

/// A decision as it is shown, once it has a receipt of this status.
async fn receipt_of(world: &World, decision: &Decision, status: &str) -> Result<Value> {
    let path = format!("/api/federation/decisions/{}", decision.decision_id);
    wait_for("a receipt", || async {
        let shown = world.get(&path).await?;
        Ok((shown["receipt"]["status"] == status).then_some(shown))
    })
    .await
}

/// What the backend made of an entry.
#[derive(Debug, Deserialize)]
struct Handled {
    /// The calls of the guide's handler.
    calls: Vec<Value>,
    /// What the client package told.
    receipts: Vec<Value>,
}

/// What the backend makes of each of these entries.
fn handled(told: &[Told]) -> Result<Vec<Handled>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guide/backend.py");
    let mut python =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = python.stdin.take().context("stdin")?;
    for told in told {
        writeln!(stdin, "{}", serde_json::to_string(&told.fields)?)?;
    }
    drop(stdin);
    let output = python.wait_with_output()?;
    ensure!(output.status.success(), "the handler failed: its traceback is above");
    let lines = String::from_utf8(output.stdout)?;
    let handled: Vec<Handled> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(handled.len() == told.len(), "{} entries, {} handled", told.len(), handled.len());
    Ok(handled)
}

#[test]
fn the_client_package_reads_every_shape_of_a_bus_and_each_decision_once() -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/client");
    let tests = package.join("tests/test_client.py");
    let ran = Command::new("python3").arg(tests).env("PYTHONPATH", package).status()?;
    ensure!(ran.success(), "its failures are above");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_commands_get_problem_documents_that_name_everything() -> Result<()> {
    let world = World::start(Mesh::builder()).await?;
    let bad = json!({"mode": "SLEEPY", "duration_minutes": -5});
    let (code, problem) = world.post("/api/federation/mode", bad).await?;
    let text = problem.to_string();
    assert_eq!(code, 422, "{problem}");
    for word in ["mode", "SLEEPY", "LIVE", "duration_minutes", "-5", "reason"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let bad = json!({"max_leverage": -3, "max_exposure_pct": 90, "reason": "x"});
    let (code, problem) = world.post("/api/federation/risk", bad).await?;
    let text = problem.to_string();
    assert_eq!(code, 422, "{problem}");
    assert!(text.contains("max_leverage") && text.contains("max_exposure_pct"), "{text}");

    let (code, answer) =
        world.post("/api/federation/risk", json!({"max_leverage": 3, "reason": "thin market"})).await?;
    assert_eq!(code, 200, "{answer}");
    assert_eq!(answer["limits"].as_object().unwrap().len(), 5, "the full effective set: {answer}");
    assert_eq!(answer["limits"]["max_leverage"], 3.0);
    let unknown = world.get("/api/federation/decisions/6f0a4a3e-52a1-4b5e-9c61-7d0f8e1b24c3").await?;
    assert_eq!(unknown["status"], 404, "{unknown}");
    oracle::check(&world, None).await
}
