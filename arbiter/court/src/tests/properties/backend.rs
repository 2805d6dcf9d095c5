//! P10: what a backend does that handles every decision as the integration guide prints it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::decision::{Decision, DecisionType};
use proto::ledger::Ledger;
use proto::regressions;
use proto::ruling::Ruling;
use proto::testing::laws::law;
use proto::value::Kind;
use serde_json::{Value, json};

use super::handler::{Call, handle};
use crate::testing::random::tales;

/// What the backend holds after the calls so far.
#[derive(Default)]
struct Backend {
    store: BTreeMap<String, Value>,
    mode: Option<&'static str>,
    thresholds: Option<Vec<Value>>,
    weights: Option<Value>,
}

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p10_the_guides_handler_never_freezes_on_a_lift_never_writes_none_never_raises(tale in tales()) {
        let mut backend = Backend::default();
        tale.tell(|ruling| {
            for decision in &ruling.decisions {
                let data = serde_json::to_value(decision).unwrap();
                let calls = handle(&json!({ "data": data })).unwrap();
                freezes_only_on_a_freeze(decision, &calls, ruling);
                never_none(&calls);
                calls.into_iter().for_each(|call| backend.take(call));
            }
            backend.holds(&ruling.after);
        });
    }
}

/// A FREEZE freezes, for as long as the freeze in effect; nothing else ever does, a lift least of all.
fn freezes_only_on_a_freeze(decision: &Decision, calls: &[Call], ruling: &Ruling) {
    let called: Vec<&str> = calls.iter().map(|call| call.method).collect();
    if decision.decision_type() == DecisionType::Freeze {
        let until = ruling.after.freeze.as_ref().expect("trading is frozen").until;
        let expected =
            if until.is_none() { "trading_engine.freeze_indefinite" } else { "trading_engine.freeze" };
        assert_eq!(called, [expected], "{decision:?}");
        let minutes = calls[0].arguments[0].as_u64();
        assert!(until.is_none() || minutes.is_some_and(|minutes| minutes > 0), "{decision:?}");
    } else {
        assert!(!called.iter().any(|method| method.contains("freeze")), "{decision:?}");
        assert!(!called.is_empty(), "handled in silence: {decision:?}");
    }
}

/// None is nothing to store. A pause may come without an end: it lasts until the mode changes.
fn never_none(calls: &[Call]) {
    for call in calls.iter().filter(|call| call.method != "trading_engine.pause") {
        assert!(!call.arguments.contains(&Value::Null), "{call:?}");
    }
}

impl Backend {
    fn take(&mut self, call: Call) {
        let Call { method, mut arguments } = call;
        match method {
            "policy_store.set" => {
                let value = arguments.pop().expect("a value");
                self.store.insert(arguments[0].as_str().expect("a key").to_owned(), value);
            }
            "trading_engine.emergency_stop" => self.mode = Some("EMERGENCY"),
            "trading_engine.pause" => self.mode = Some("PAUSED"),
            "trading_engine.set_shadow_mode" => self.mode = Some("SHADOW"),
            "trading_engine.set_live_mode" => self.mode = Some("LIVE"),
            "ess_service.update_thresholds" => self.thresholds = Some(arguments),
            "ai_engine.set_model_weights" => self.weights = arguments.pop(),
            "trading_engine.freeze"
            | "trading_engine.freeze_indefinite"
            | "logger.info"
            | "logger.warning" => {}
            unknown => panic!("the backend has no {unknown}"),
        }
    }

    /// What was told is what is in effect: nothing is left over, and no key was missed.
    fn holds(&self, ledger: &Ledger) {
        for kind in Kind::ALL {
            let effective = serde_json::to_value(ledger.effective.get(kind)).unwrap();
            let value = &effective["value"];
            match kind {
                Kind::Mode => assert!(self.mode.is_none_or(|mode| value == mode), "{kind}"),
                Kind::Profile => self.stores("capital_profile", value),
                Kind::Ess => {
                    let keys = ["caution_threshold_pct", "warning_threshold_pct", "critical_threshold_pct"];
                    let wanted = keys.map(|key| value[key].clone());
                    assert!(self.thresholds.as_ref().is_none_or(|told| told[..] == wanted), "{kind}");
                }
                Kind::Allocation => {
                    assert!(
                        self.weights.as_ref().is_none_or(|told| *told == value["model_weights"]),
                        "{kind}"
                    );
                }
                Kind::Symbols => self.stores("active_symbols", &value["active_symbols"]),
                Kind::Limits | Kind::Cashflow => {
                    let fields = value.as_object().expect("fields");
                    fields.iter().for_each(|(key, value)| self.stores(key, value));
                }
            }
        }
    }

    fn stores(&self, key: &str, value: &Value) {
        assert!(self.store.get(key).is_none_or(|told| told == value), "{key}: not {value}");
    }
}
