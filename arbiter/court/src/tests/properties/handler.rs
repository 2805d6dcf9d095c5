//! The backend's side of the integration guide: the handler that every user was told to copy, line by line, over a backend
//! that writes down what it is asked.

use serde_json::Value;

/// One call on the backend: which object's method, and with what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) arguments: Vec<Value>,
}

/// A key that the handler took for granted.
#[derive(Debug, PartialEq)]
pub(super) struct KeyError(&'static str);

/// `handle_federation_decision`: the calls that it makes for one event, in order.
pub(super) fn handle(event: &Value) -> Result<Vec<Call>, KeyError> {
    let decision = at(event, "data")?;
    let payload = at(decision, "payload")?;
    match at(decision, "decision_type")?.as_str() {
        Some("MODE_CHANGE") => mode_change(payload),
        Some("CAPITAL_PROFILE") => Ok(vec![
            set("capital_profile", at(payload, "profile")?),
            set("max_risk_per_trade_pct", at(payload, "max_risk_per_trade_pct")?),
            set("max_daily_risk_pct", at(payload, "max_daily_risk_pct")?),
            set("max_positions", at(payload, "max_positions")?),
        ]),
        Some("RISK_ADJUSTMENT") => Ok(vec![
            set("max_leverage", &get(payload, "max_leverage")),
            set("max_position_size_usd", &get(payload, "max_position_size_usd")),
            set("max_drawdown_pct", &get(payload, "max_drawdown_pct")),
            set("max_exposure_pct", &get(payload, "max_exposure_pct")),
            set("stop_loss_multiplier", &get(payload, "stop_loss_multiplier")),
        ]),
        Some("ESS_POLICY") => {
            let (caution, warning) =
                (at(payload, "caution_threshold_pct")?, at(payload, "warning_threshold_pct")?);
            let critical = at(payload, "critical_threshold_pct")?;
            Ok(vec![call("ess_service.update_thresholds", [caution, warning, critical])])
        }
        Some("STRATEGY_ALLOCATION") => {
            Ok(vec![call("ai_engine.set_model_weights", [at(payload, "model_weights")?])])
        }
        Some("SYMBOL_UNIVERSE") => Ok(vec![set("active_symbols", at(payload, "active_symbols")?)]),
        Some("CASHFLOW") => Ok(vec![
            set("profit_lock_pct", at(payload, "profit_lock_pct")?),
            set("reinvest_pct", at(payload, "reinvest_pct")?),
            set("reserve_buffer_pct", at(payload, "reserve_buffer_pct")?),
        ]),
        Some("FREEZE") => Ok(vec![freeze(payload)]),
        Some("RESEARCH_TASK") => {
            let (task, description) = (at(payload, "task_type")?, at(payload, "description")?);
            Ok(vec![call("logger.info", [task, description, &get(payload, "expected_impact")])])
        }
        Some("OVERRIDE") => {
            Ok(vec![call("logger.warning", [at(payload, "reason")?, at(payload, "overridden_decision_id")?])])
        }
        // Whatever else there is falls through in silence.
        Some(_) | None => Ok(Vec::new()),
    }
}

fn mode_change(payload: &Value) -> Result<Vec<Call>, KeyError> {
    Ok(match at(payload, "mode")?.as_str() {
        Some("EMERGENCY") => vec![call("trading_engine.emergency_stop", [])],
        Some("PAUSED") => vec![call("trading_engine.pause", [&get(payload, "duration_minutes")])],
        Some("SHADOW") => vec![call("trading_engine.set_shadow_mode", [])],
        Some("LIVE") => vec![call("trading_engine.set_live_mode", [])],
        Some(_) | None => Vec::new(),
    })
}

fn freeze(payload: &Value) -> Call {
    let duration = payload.get("duration_minutes").cloned().unwrap_or(Value::from(0));
    let reason = get(payload, "reason");
    if duration == 0 {
        call("trading_engine.freeze_indefinite", [&reason])
    } else {
        call("trading_engine.freeze", [&duration, &reason])
    }
}

/// `document[key]`.
fn at<'v>(document: &'v Value, key: &'static str) -> Result<&'v Value, KeyError> {
    document.get(key).ok_or(KeyError(key))
}

/// `document.get(key)`.
fn get(document: &Value, key: &str) -> Value {
    document.get(key).cloned().unwrap_or(Value::Null)
}

/// `policy_store.set(key, value)`.
fn set(key: &str, value: &Value) -> Call {
    call("policy_store.set", [&Value::from(key), value])
}

fn call<const N: usize>(method: &'static str, arguments: [&Value; N]) -> Call {
    Call { method, arguments: arguments.map(Value::clone).into() }
}
