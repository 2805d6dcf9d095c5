//! The policy: what may be written, and what is told about what may not.

use cro::Policy;
use proto::number::Ratio;
use proto::policy::Policy as _;

#[test]
fn the_defaults_are_without_mistakes() {
    assert_eq!(Policy::default().mistakes(), []);
}

#[test]
fn one_number_can_be_changed_alone() {
    let policy: Policy = toml::from_str("[ess_escalation]\nmax_leverage = 4.0\n").unwrap();
    let mut expected = Policy::default();
    expected.ess_escalation.max_leverage = Ratio::lit(4.0);
    assert_eq!(policy, expected);
    let written: Policy = toml::from_str(&toml::to_string(&policy).unwrap()).unwrap();
    assert_eq!(written, policy);
}

#[test]
fn an_unknown_name_is_refused() {
    for text in ["leverage = 1", "[recovery]\nsharpe = 2.0"] {
        assert!(toml::from_str::<Policy>(text).is_err(), "{text}");
    }
}

#[test]
fn every_mistake_is_found_at_once() {
    let text = r#"
        [ess_escalation]
        max_leverage = 0.0
        [drawdown_rise]
        leverage_factor = 1.3
        leverage_floor = 0.5
        position_floor_usd = -1.0
        [exposure]
        armed_below_pct = 0.9
        [recovery]
        factor = 0.5
        [ess_tight]
        warning_threshold_pct = 0.02
        critical_threshold_pct = 6.0
        [ess_restore]
        drawdown_below_pct = 0.06
        calm_for = "0s"
    "#;
    let policy: Policy = toml::from_str(text).unwrap();
    let fields: Vec<String> = policy.mistakes().into_iter().map(|mistake| mistake.field).collect();
    assert_eq!(
        fields,
        [
            "ess_escalation.max_leverage",
            "drawdown_rise.leverage_factor",
            "drawdown_rise.leverage_floor",
            "drawdown_rise.position_floor_usd",
            "exposure.armed_below_pct",
            "recovery.factor",
            "ess_tight.warning_threshold_pct",
            "ess_tight.critical_threshold_pct",
            "ess_restore.calm_for",
            "ess_restore.drawdown_below_pct",
        ]
    );
}

#[test]
fn each_bound_of_a_number_is_as_written() {
    let table: [(&str, &[&str]); 9] = [
        (
            "[exposure]\nabove_pct = 0.0\narmed_below_pct = 0.0",
            &["exposure.above_pct", "exposure.armed_below_pct"],
        ),
        ("[exposure]\narmed_below_pct = 0.85", &[]),
        ("[exposure]\nposition_factor = 1.0", &["exposure.position_factor"]),
        ("[exposure]\nposition_factor = 0.0", &["exposure.position_factor"]),
        ("[exposure]\nposition_floor_usd = 0.0", &[]),
        ("[recovery]\nfactor = 1.0", &["recovery.factor"]),
        ("[recovery]\nfactor = 10.0", &[]),
        ("[ess_tight]\nwarning_threshold_pct = 0.02", &["ess_tight.warning_threshold_pct"]),
        ("[ess_tight]\ncritical_threshold_pct = 0.04", &["ess_tight.critical_threshold_pct"]),
    ];
    for (text, expected) in table {
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(fields, expected, "{text}");
    }
}
