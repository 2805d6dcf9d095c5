//! What the decoder takes; `refused` has what it does not take.

use proto::event::{EssState, Health, SystemStatus};
use proto::receipt::{Receipt, ReceiptStatus};
use serde_json::{Value, json};

use super::*;
use crate::feed::DrawdownUnit;

mod refused;

const NOW: Time = Time::from_millis(1_769_851_800_000);

fn age() -> Age {
    Age { now: NOW, max_event_age: Period::from_secs(60), max_skew: Period::from_secs(60) }
}

fn feed(kind: FeedKind) -> Feed {
    Feed { kind, stream: format!("quantum:stream:{kind}"), drawdown: DrawdownUnit::Fraction }
}

fn entry(fields: &[(&str, &str)]) -> Entry {
    let fields = fields
        .iter()
        .map(|(name, value)| Field { name: name.as_bytes().to_vec(), value: value.as_bytes().to_vec() })
        .collect();
    Entry { id: "1769851799000-0".parse().unwrap(), fields }
}

fn payload(value: &Value) -> Entry {
    entry(&[("event_type", "x"), ("payload", &value.to_string()), ("trace_id", ""), ("source", "test")])
}

fn snapshot() -> Value {
    json!({
        "total_equity": 12000.5, "drawdown_pct": 0.035, "realized_pnl_today": -12.5, "unrealized_pnl": 3,
        "num_positions": 3, "total_exposure_usd": 8000.0
    })
}

fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

fn good(kind: FeedKind, value: &Value) -> Decoded {
    decode(&feed(kind), &payload(value), &age()).unwrap()
}

fn bad(kind: FeedKind, entry: &Entry) -> (Reason, Vec<String>) {
    let defect = decode(&feed(kind), entry, &age()).unwrap_err();
    (defect.reason(), defect.faults.iter().map(|fault| fault.mistake.to_string()).collect())
}

fn snapshot_of(decoded: &Decoded) -> &proto::event::Snapshot {
    let Body::Snapshot(snapshot) = &decoded.body else { panic!("no snapshot: {decoded:?}") };
    snapshot
}

fn health_of(decoded: Decoded) -> Health {
    let Body::Health(health) = decoded.body else { panic!("no health: {:?}", decoded.body) };
    health
}

#[test]
fn a_flat_snapshot_without_a_portfolio_is_of_main() {
    let decoded = good(FeedKind::Snapshot, &snapshot());
    assert_eq!(decoded.portfolio, Some(PortfolioId::main()));
    assert_eq!((decoded.trace_id, decoded.stale), (None, false));
    let snapshot = snapshot_of(&decoded);
    assert_eq!((snapshot.drawdown_pct.get(), snapshot.num_positions), (0.035, 3));
    assert_eq!((snapshot.max_drawdown_pct, snapshot.cash_balance), (None, None));
}

#[test]
fn all_shapes_say_the_same() {
    let flat = good(FeedKind::Snapshot, &snapshot());
    let wrapped =
        json!({"event_type": "x", "timestamp": "2026-01-31T09:29:59", "trace_id": null, "data": snapshot()});
    let wrapped = good(FeedKind::Snapshot, &wrapped);
    let plain = entry(&[
        ("event_type", "x"),
        ("total_equity", "12000.5"),
        ("drawdown_pct", "0.035"),
        ("realized_pnl_today", "-12.5"),
        ("unrealized_pnl", "3"),
        ("num_positions", "3"),
        ("total_exposure_usd", "8000.0"),
        ("cash_balance", ""),
    ]);
    let plain = decode(&feed(FeedKind::Snapshot), &plain, &age()).unwrap();
    assert_eq!(flat, plain);
    assert_eq!(snapshot_of(&wrapped).reported_at.unwrap().to_string(), "2026-01-31T09:29:59.000Z");
    assert_eq!(snapshot_of(&wrapped).total_equity, snapshot_of(&flat).total_equity);
}

#[test]
fn the_spellings_of_the_real_publisher_are_accepted_and_unknown_fields_ignored() {
    let value = json!({
        "total_equity": 100, "daily_drawdown_pct": 0.01, "realized_pnl_today": 0, "unrealized_pnl": 0,
        "num_positions": 2.0, "total_exposure": 5, "max_drawdown_pct": null, "weather": {"sky": "blue"}
    });
    let decoded = good(FeedKind::Snapshot, &value);
    assert_eq!(snapshot_of(&decoded).drawdown_pct.get(), 0.01);
    assert_eq!(snapshot_of(&decoded).num_positions, 2);
    let model = json!({"model_name": "nhits", "sharpe_ratio_7d": 0.0, "win_rate_7d": 0.4});
    let Body::Model(model) = good(FeedKind::Model, &model).body else { panic!("no model") };
    assert_eq!((model.sharpe_ratio.unwrap().get(), model.win_rate.unwrap().get()), (0.0, 0.4));
    let health = json!({"overall_status": "HEALTHY", "ess_state": "NOMINAL", "subsystem_scores": {}});
    assert_eq!(health_of(good(FeedKind::Health, &health)).system_status, SystemStatus::Healthy);
}

#[test]
fn the_first_spelling_wins_and_null_is_absence() {
    let both = with(snapshot(), &json!({"daily_drawdown_pct": 0.5}));
    assert_eq!(snapshot_of(&good(FeedKind::Snapshot, &both)).drawdown_pct.get(), 0.035);
    let null = with(snapshot(), &json!({"drawdown_pct": null, "daily_drawdown_pct": 0.5}));
    assert_eq!(snapshot_of(&good(FeedKind::Snapshot, &null)).drawdown_pct.get(), 0.5);
}

#[test]
fn health_and_models_without_a_portfolio_concern_everybody() {
    let health = json!({"system_status": "OPTIMAL", "ess_state": "NOMINAL"});
    assert_eq!(good(FeedKind::Health, &health).portfolio, None);
    let model = json!({"model_name": "nhits", "portfolio_id": "alpha"});
    assert_eq!(good(FeedKind::Model, &model).portfolio.unwrap().as_str(), "alpha");
}

#[test]
fn a_mixed_case_word_is_known() {
    let health =
        health_of(good(FeedKind::Health, &json!({"system_status": "healthy", "ess_state": " Caution "})));
    assert_eq!((health.system_status, health.ess_state), (SystemStatus::Healthy, EssState::Caution));
    assert!(health.unknown_words.is_empty());
}

#[test]
fn an_unknown_word_is_kept_as_a_warning_at_least() {
    let health =
        health_of(good(FeedKind::Health, &json!({"system_status": "ON FIRE", "ess_state": "NOMINAL"})));
    assert_eq!((health.system_status, health.ess_state), (SystemStatus::Degraded, EssState::Warning));
    assert_eq!(health.unknown_words, ["ON FIRE"]);
    let health =
        health_of(good(FeedKind::Health, &json!({"system_status": "EMERGENCY", "ess_state": "TRIPPED"})));
    assert_eq!((health.system_status, health.ess_state), (SystemStatus::Emergency, EssState::Warning));
}

#[test]
fn numbers_are_degraded_by_any_word_but_the_good_ones() {
    let cases = [
        (json!(null), false),
        (json!("good"), false),
        (json!(" OK "), false),
        (json!("degraded"), true),
        (json!("fallback"), true),
        (json!("unknown"), true),
    ];
    for (word, degraded) in cases {
        let value = with(snapshot(), &json!({"data_quality": word}));
        assert_eq!(snapshot_of(&good(FeedKind::Snapshot, &value)).degraded, degraded, "{word}");
    }
    let mistyped = payload(&with(snapshot(), &json!({"data_quality": 0.5})));
    assert_eq!(bad(FeedKind::Snapshot, &mistyped).0, Reason::MistypedField);
}

#[test]
fn traces_and_correlations_come_from_the_entry_or_its_wrapper() {
    let text = snapshot().to_string();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let from_entry = entry(&[("payload", &text), ("trace_id", trace), ("correlation_id", "c-1")]);
    let decoded = decode(&feed(FeedKind::Snapshot), &from_entry, &age()).unwrap();
    assert_eq!(decoded.trace_id.unwrap().to_string(), trace);
    assert_eq!(decoded.correlation_id.as_deref(), Some("c-1"));
    let wrapped = json!({"data": snapshot(), "trace_id": trace, "correlation_id": "c-2"});
    let decoded = good(FeedKind::Snapshot, &wrapped);
    assert_eq!(decoded.trace_id.unwrap().to_string(), trace);
    assert_eq!(decoded.correlation_id.as_deref(), Some("c-2"));
    let odd = entry(&[("payload", &text), ("trace_id", "not-a-trace")]);
    assert_eq!(decode(&feed(FeedKind::Snapshot), &odd, &age()).unwrap().trace_id, None);
}

#[test]
fn drawdowns_are_read_in_the_unit_of_their_source() {
    for (unit, sent, wrong) in [(DrawdownUnit::Percent, 5.0, 101.0), (DrawdownUnit::Negative, -0.05, 0.05)] {
        let feed = Feed { drawdown: unit, ..feed(FeedKind::Snapshot) };
        let value = with(snapshot(), &json!({"drawdown_pct": sent, "max_drawdown_pct": sent}));
        let decoded = decode(&feed, &payload(&value), &age()).unwrap();
        assert_eq!(snapshot_of(&decoded).drawdown_pct.get(), 0.05, "{unit:?}");
        assert_eq!(snapshot_of(&decoded).max_drawdown_pct.unwrap().get(), 0.05, "{unit:?}");
        let wrong = with(snapshot(), &json!({"drawdown_pct": wrong}));
        assert_eq!(decode(&feed, &payload(&wrong), &age()).unwrap_err().reason(), Reason::OutOfRange);
    }
}

#[test]
fn an_old_event_is_stale_by_its_entry_or_by_its_own_time() {
    let old_entry = Entry { id: "1769851730000-0".parse().unwrap(), ..payload(&snapshot()) };
    assert!(decode(&feed(FeedKind::Snapshot), &old_entry, &age()).unwrap().stale);
    assert!(good(FeedKind::Snapshot, &with(snapshot(), &json!({"timestamp": "2026-01-31T09:28:59Z"}))).stale);
    assert!(!good(FeedKind::Snapshot, &with(snapshot(), &json!({"timestamp": "2026-01-31T09:29:01"}))).stale);
}

const DECISION: &str = "6f0a4a3e-52a1-4b5e-9c61-7d0f8e1b24c3";

fn receipt_of(decoded: Decoded) -> Receipt {
    let Body::Receipt(receipt) = decoded.body else { panic!("no receipt: {:?}", decoded.body) };
    receipt
}

#[test]
fn a_receipt_says_what_became_of_a_decision_and_whose_it_is_is_known_later() {
    let holds = json!({"mode": "PAUSED", "limits": [1, 2.5], "max": 1e9});
    let value = json!({"decision_id": DECISION, "status": "rejected", "detail": " no such mode ", "effective": holds});
    let decoded = good(FeedKind::Receipt, &value);
    assert_eq!(decoded.portfolio, None);
    let receipt = receipt_of(decoded);
    assert_eq!(receipt.decision_id.to_string(), DECISION);
    assert_eq!((receipt.status, receipt.detail.as_deref()), (ReceiptStatus::Rejected, Some("no such mode")));
    assert_eq!(receipt.effective.as_ref(), holds.as_object());
    let plain = entry(&[("decision_id", DECISION), ("status", "APPLIED"), ("effective", r#"{"max": NaN}"#)]);
    let receipt = receipt_of(decode(&feed(FeedKind::Receipt), &plain, &age()).unwrap());
    assert_eq!((receipt.status, receipt.detail), (ReceiptStatus::Applied, None));
    assert_eq!(Value::Object(receipt.effective.unwrap()), json!({"max": "NaN"}));
}
