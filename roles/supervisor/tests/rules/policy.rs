//! The policy: what may be written, and what is told about what may not.

use proto::policy::Policy as _;
use proto::time::Period;
use supervisor::Policy;
use supervisor::policy::OnSilence;

#[test]
fn the_defaults_are_without_mistakes() {
    assert_eq!(Policy::default().mistakes(), []);
}

#[test]
fn one_number_can_be_changed_alone() {
    let text = "on_silence = \"pause\"\n[drawdown]\nduration = \"3h\"\n";
    let policy: Policy = toml::from_str(text).unwrap();
    let mut expected = Policy { on_silence: OnSilence::Pause, ..Policy::default() };
    expected.drawdown.duration = Period::from_hours(3);
    assert_eq!(policy, expected);
    let written: Policy = toml::from_str(&toml::to_string(&policy).unwrap()).unwrap();
    assert_eq!(written, policy);
}

#[test]
fn an_unknown_name_is_refused() {
    for text in ["drawdwon = 1", "[drawdown]\nabove = 0.1"] {
        assert!(toml::from_str::<Policy>(text).is_err(), "{text}");
    }
}

#[test]
fn every_mistake_is_found_at_once() {
    let text = r#"
        feed_silence = "0s"
        [capital]
        below_usd = 2000
        [drawdown]
        above_pct = 10.0
        duration = "30s"
        [loss_streak]
        losses = 0
        over_before = "30m"
        [lift]
        drawdown_below_pct = 0.0
        [veto]
        reversal_window = "2h"
    "#;
    let policy: Policy = toml::from_str(text).unwrap();
    let fields: Vec<String> = policy.mistakes().into_iter().map(|mistake| mistake.field).collect();
    assert_eq!(
        fields,
        [
            "feed_silence",
            "drawdown.above_pct",
            "drawdown.duration",
            "loss_streak.losses",
            "loss_streak.over_before",
            "lift.drawdown_below_pct",
            "lift.equity_above_usd",
            "veto.reversal_window",
        ]
    );
}

#[test]
fn each_bound_of_a_number_is_as_written() {
    let table: [(&str, &[&str]); 7] = [
        ("[loss_streak]\nmin_loss_pct = 0.0", &[]),
        ("[loss_streak]\nmin_loss_pct = 1.0", &["loss_streak.min_loss_pct"]),
        ("[loss_streak]\nmin_loss_pct = -0.1", &["loss_streak.min_loss_pct"]),
        ("[loss_streak]\nover_before = \"0s\"", &["loss_streak.over_before"]),
        ("[loss_streak]\nover_before = \"29m\"", &[]),
        ("[drawdown]\nduration = \"168h\"", &[]),
        ("[drawdown]\nduration = \"169h\"", &["drawdown.duration"]),
    ];
    for (text, expected) in table {
        let mistakes = toml::from_str::<Policy>(text).unwrap().mistakes();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        assert_eq!(fields, expected, "{text}");
    }
}
