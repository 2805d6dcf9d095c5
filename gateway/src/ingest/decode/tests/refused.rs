//! What the decoder does not take, and what it says of it.

use serde_json::json;

use super::*;

/// Each malformed snapshot, and what is said of it: field, seen, expected.
#[test]
fn malformed_snapshots_are_refused_with_field_value_and_expectation() {
    let cases = [
        (
            json!({"total_equity": null}),
            Reason::MissingField,
            "total_equity: seen nothing, expected a number",
        ),
        (
            json!({"drawdown_pct": null}),
            Reason::MissingField,
            "drawdown_pct: seen nothing, expected a fraction from 0 to 1 (or daily_drawdown_pct)",
        ),
        (
            json!({"total_equity": "12"}),
            Reason::MistypedField,
            "total_equity: seen \"12\", expected a number",
        ),
        (json!({"total_equity": true}), Reason::MistypedField, "total_equity: seen true, expected a number"),
        (
            json!({"unrealized_pnl": [1]}),
            Reason::MistypedField,
            "unrealized_pnl: seen [1], expected a number",
        ),
        (
            json!({"num_positions": 2.5}),
            Reason::MistypedField,
            "num_positions: seen 2.5, expected a whole number of at least 0",
        ),
        (
            json!({"num_positions": -1}),
            Reason::OutOfRange,
            "num_positions: seen -1, expected a whole number of at least 0",
        ),
        (
            json!({"drawdown_pct": 3.5}),
            Reason::OutOfRange,
            "drawdown_pct: seen 3.5, expected a fraction from 0 to 1: it looks like percent, expected a fraction",
        ),
        (
            json!({"drawdown_pct": -0.01}),
            Reason::OutOfRange,
            "drawdown_pct: seen -0.01, expected a fraction from 0 to 1: a negative one is not expected",
        ),
        (
            json!({"max_drawdown_pct": 12}),
            Reason::OutOfRange,
            "max_drawdown_pct: seen 12, expected a fraction from 0 to 1: it looks like percent, expected a fraction",
        ),
        (
            json!({"win_rate_today": 55}),
            Reason::OutOfRange,
            "win_rate_today: seen 55, expected a fraction from 0 to 1: it looks like percent, expected a fraction",
        ),
        (
            json!({"total_exposure_usd": -5}),
            Reason::OutOfRange,
            "total_exposure_usd: seen -5, expected a number of at least 0",
        ),
        (
            json!({"closed_trades_today": "3"}),
            Reason::MistypedField,
            "closed_trades_today: seen \"3\", expected a whole number of at least 0",
        ),
        (
            json!({"portfolio_id": "a.b"}),
            Reason::BadPortfolio,
            "portfolio_id: seen \"a.b\", expected a portfolio id: 1 to 64 letters, digits, '_' or '-'",
        ),
        (
            json!({"portfolio_id": 7}),
            Reason::BadPortfolio,
            "portfolio_id: seen 7, expected a portfolio id: 1 to 64 letters, digits, '_' or '-'",
        ),
        (
            json!({"timestamp": "yesterday"}),
            Reason::BadTime,
            "timestamp: seen \"yesterday\", expected a time such as 2026-01-31T09:30:00Z",
        ),
        (
            json!({"timestamp": 1769851800}),
            Reason::MistypedField,
            "timestamp: seen 1769851800, expected a time such as 2026-01-31T09:30:00Z",
        ),
        (
            json!({"timestamp": "2026-01-31T09:31:01Z"}),
            Reason::FutureTime,
            "timestamp: seen 2026-01-31T09:31:01.000Z, expected a time not after 2026-01-31T09:31:00.000Z",
        ),
    ];
    for (change, reason, mistake) in cases {
        let seen = bad(FeedKind::Snapshot, &payload(&with(snapshot(), &change)));
        assert_eq!(seen, (reason, vec![mistake.to_owned()]));
    }
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    for word in ["NaN", "Infinity", "-Infinity", "1e999"] {
        let text = snapshot().to_string().replace("0.035", word);
        let (reason, mistakes) = bad(FeedKind::Snapshot, &entry(&[("payload", &text)]));
        assert_eq!(reason, Reason::NotFinite, "{word}");
        assert_eq!(
            mistakes,
            [format!("drawdown_pct: seen \"{word}\", expected a finite number, as JSON has them")]
        );
    }
    let plain = entry(&[("model_name", "nhits"), ("sharpe_ratio", "nan")]);
    assert_eq!(bad(FeedKind::Model, &plain).0, Reason::NotFinite);
}

#[test]
fn what_is_no_object_is_refused_as_a_whole() {
    let of = |text: &str| bad(FeedKind::Snapshot, &entry(&[("payload", text)]));
    assert_eq!(of("{\"a\": ").0, Reason::NotJson);
    assert_eq!(of("").0, Reason::NotJson);
    assert_eq!(of("{'a': 1}").0, Reason::NotJson);
    assert_eq!(
        of("[1, 2]"),
        (Reason::NotObject, vec!["payload: seen [1,2], expected a JSON object".to_owned()])
    );
    let mut binary = entry(&[("payload", "")]);
    binary.fields[0].value = vec![0xff, 0xfe, 0x00];
    assert_eq!(bad(FeedKind::Snapshot, &binary).0, Reason::NotJson);
    let (reason, mistakes) = of(&format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES)));
    assert_eq!(reason, Reason::TooLarge);
    assert!(mistakes[0].contains("at most 262144 bytes"), "{mistakes:?}");
}

#[test]
fn everything_missing_is_named_at_once() {
    let (reason, mistakes) = bad(FeedKind::Snapshot, &entry(&[("event_type", "x"), ("weather", "fine")]));
    assert_eq!((reason, mistakes.len()), (Reason::MissingField, 6), "{mistakes:?}");
    let (reason, mistakes) = bad(FeedKind::Health, &payload(&json!({})));
    assert_eq!((reason, mistakes.len()), (Reason::MissingField, 2), "{mistakes:?}");
}

#[test]
fn malformed_health_and_models_are_refused() {
    let cases = [
        (FeedKind::Health, json!({"system_status": 3, "ess_state": "NOMINAL"}), Reason::MistypedField),
        (FeedKind::Health, json!({"system_status": "", "ess_state": "NOMINAL"}), Reason::BadText),
        (FeedKind::Health, json!({"system_status": "OPTIMAL"}), Reason::MissingField),
        (FeedKind::Model, json!({"sharpe_ratio": 1.0}), Reason::MissingField),
        (FeedKind::Model, json!({"model_name": "x".repeat(65)}), Reason::BadText),
        (FeedKind::Model, json!({"model_name": "a\nb"}), Reason::BadText),
        (FeedKind::Model, json!({"model_name": "nhits", "win_rate": 1.01}), Reason::OutOfRange),
        (FeedKind::Model, json!({"model_name": "nhits", "total_trades": -1}), Reason::OutOfRange),
        (FeedKind::Model, json!({"model_name": "nhits", "days_since_training": -1}), Reason::OutOfRange),
        (FeedKind::Model, json!({"model_name": "nhits", "profit_factor": -0.1}), Reason::OutOfRange),
    ];
    for (kind, value, reason) in cases {
        assert_eq!(bad(kind, &payload(&value)).0, reason, "{value}");
    }
}

#[test]
fn a_malformed_receipt_is_refused() {
    let fine = json!({"decision_id": DECISION, "status": "APPLIED"});
    let deep = (0..8).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (json!({"decision_id": null}), Reason::MissingField, "decision_id: seen nothing"),
        (
            json!({"decision_id": "7"}),
            Reason::BadText,
            "decision_id: seen \"7\", expected a decision's id: a UUID",
        ),
        (
            json!({"status": "DONE"}),
            Reason::BadText,
            "status: seen \"DONE\", expected APPLIED, FAILED or REJECTED",
        ),
        (json!({"status": 1}), Reason::MistypedField, "status: seen 1"),
        (json!({"detail": "x".repeat(513)}), Reason::BadText, "detail: "),
        (json!({"effective": [1]}), Reason::MistypedField, "effective: seen [1], expected a JSON object"),
        (json!({"effective": {"x": deep}}), Reason::TooLarge, "effective: seen 23 bytes, 9 deep, expected"),
        (
            json!({"effective": {"x": "x".repeat(16 * 1024)}}),
            Reason::TooLarge,
            "effective: seen 16392 bytes, 1 deep",
        ),
    ];
    for (changes, reason, told) in cases {
        let (seen, mistakes) = bad(FeedKind::Receipt, &payload(&with(fine.clone(), &changes)));
        assert_eq!(seen, reason, "{changes}");
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(told), "{mistakes:?}");
    }
}

#[test]
fn an_entry_from_the_future_is_refused() {
    let future = Entry { id: "1769851861000-0".parse().unwrap(), ..payload(&snapshot()) };
    assert_eq!(bad(FeedKind::Snapshot, &future).0, Reason::FutureTime);
}
