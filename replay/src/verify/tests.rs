use proto::event::Body;
use proto::number::Fraction;
use proto::time::Period;
use serde_json::Value;

use super::*;
use crate::{Model, Synthetic};

/// Hours of two portfolios: enough for reviews to be in it.
const EVENTS: usize = 1000;

fn log(policies: Policies, events: usize) -> Vec<Vec<u8>> {
    let mut model = Model::new(policies);
    let events = Synthetic::new(5, 2).unwrap().take(events);
    events.flat_map(|event| model.tell(event).unwrap()).map(|ruling| ruling.to_bytes().unwrap()).collect()
}

fn defaults() -> Policies {
    Policies::defaults().unwrap()
}

/// The first line that does not pass, and why.
fn first_flaw(lines: &[Vec<u8>]) -> Option<(usize, String)> {
    let mut verifier = Verifier::new(defaults());
    lines.iter().enumerate().find_map(|(at, line)| Some((at, verifier.check(line).err()?.to_string())))
}

/// The same log with one ruling changed.
fn changed(lines: &[Vec<u8>], at: usize, change: impl Fn(&mut Ruling)) -> Vec<Vec<u8>> {
    let mut lines = lines.to_vec();
    let mut ruling = Ruling::from_bytes(&lines[at]).unwrap();
    change(&mut ruling);
    lines[at] = ruling.to_bytes().unwrap();
    lines
}

fn breaks(lines: &[Vec<u8>], at: usize, law: &str) {
    let (found, why) = first_flaw(lines).unwrap_or_else(|| panic!("nothing found; expected {law}"));
    assert_eq!(found, at, "{why}");
    assert!(why.contains(&format!("breaks {law}:")), "expected {law}, found: {why}");
}

#[test]
fn what_the_model_rules_is_sound_and_every_verdict_is_given_again() {
    let lines = log(defaults(), EVENTS);
    let mut verifier = Verifier::new(defaults());
    for line in &lines {
        verifier.check(line).unwrap();
    }
    let Verified { rulings, void, recomputed, other_policy, trusted } = verifier.verified();
    assert_eq!((rulings, void, other_policy, trusted), (lines.len() as u64, 0, 0, 0));
    let reviewed = lines.iter().any(|line| Ruling::from_bytes(line).unwrap().hearing.review.is_some());
    assert!(reviewed && recomputed > rulings, "reviews are in it, and several roles are heard on an event");
}

#[test]
fn a_second_ruling_of_a_version_is_void_and_no_flaw() {
    let lines = log(defaults(), 10);
    let mut with_rival = lines.clone();
    with_rival.insert(5, lines[4].clone());
    let mut verifier = Verifier::new(defaults());
    with_rival.iter().for_each(|line| verifier.check(line).unwrap());
    assert_eq!(verifier.verified().void, 1);
}

#[test]
fn a_ruling_that_is_missing_or_was_changed_breaks_the_chain() {
    let lines = log(defaults(), 20);
    let mut gap = lines.clone();
    gap.remove(6);
    breaks(&gap, 7, "law 4");
    breaks(&lines[1..], 1, "law 4");
    breaks(&changed(&lines, 8, |ruling| ruling.previous = RulingHash::default()), 8, "law 4");
}

#[test]
fn a_log_that_lost_its_oldest_rulings_is_checked_from_the_oldest_on() {
    let lines = log(defaults(), 60).split_off(20);
    let sound = |lines: &[Vec<u8>]| {
        let mut verifier = Verifier::new(defaults()).trimmed();
        lines.iter().try_for_each(|line| verifier.check(line)).map(|()| verifier.verified())
    };
    let verified = sound(&lines).unwrap();
    assert_eq!((verified.rulings, verified.trusted), (lines.len() as u64, 2), "both portfolios begin late");
    let mut gap = lines.clone();
    gap.remove(10);
    assert!(sound(&gap).unwrap_err().to_string().contains("breaks law 4"), "trust ends with the first");
    assert_eq!(sound(&log(defaults(), 60)).unwrap().trusted, 0);
    breaks(&lines, 0, "law 4");
}

#[test]
fn the_first_law_that_a_changed_ruling_breaks_is_named() {
    let lines = log(defaults(), 20);
    let mut spaced = lines.clone();
    spaced[9].push(b' ');
    breaks(&spaced, 9, "P5");
    breaks(&changed(&lines, 9, |ruling| ruling.before.owned.mode = proto::value::Mode::Paused), 9, "law 7");
    breaks(
        &changed(&lines, 9, |ruling| ruling.after.at = ruling.after.at.after(Period::from_secs(1))),
        9,
        "P9",
    );
    let deepened = changed(&lines, 9, |ruling| {
        if let Body::Snapshot(seen) = &mut ruling.event.body {
            seen.drawdown_pct = Fraction::lit(0.2);
        }
    });
    assert!(first_flaw(&deepened).is_some_and(|(at, _)| at == 9));
}

/// A forger who rules again what was never said: sound in itself, but the role says something else.
#[test]
fn a_verdict_that_the_role_would_not_give_is_found() {
    let lines = log(defaults(), 20);
    let forged = changed(&lines, 9, |ruling| {
        for heard in ruling.hearing.roles.values_mut() {
            if let Heard::Verdict { verdict, .. } = heard {
                verdict.memory = Value::Null;
            }
        }
        *ruling = court::rule(&ruling.terms, Matter::from(&*ruling));
    });
    breaks(&forged, 9, "law 1");
}

#[test]
fn terms_that_the_policy_does_not_hold_are_found() {
    let lines = log(defaults(), 20);
    let forged = changed(&lines, 9, |ruling| {
        ruling.terms.confirm += 1;
        *ruling = court::rule(&ruling.terms, Matter::from(&*ruling));
    });
    breaks(&forged, 9, "law 1");
}

#[test]
fn verdicts_under_another_policy_are_counted_and_not_judged() {
    let other = Policies::parse("[supervisor.drawdown]\nabove_pct = 0.09\n").unwrap();
    let mut verifier = Verifier::new(defaults());
    let lines = log(other, 50);
    lines.iter().for_each(|line| verifier.check(line).unwrap());
    let Verified { rulings, recomputed, other_policy, .. } = verifier.verified();
    assert_eq!((rulings, recomputed), (lines.len() as u64, 0));
    assert!(other_policy > rulings, "several roles are heard on an event");
}

#[test]
fn what_is_no_ruling_is_said_to_be_none() {
    let (at, why) = first_flaw(&[b"{}".to_vec()]).unwrap();
    assert_eq!(at, 0);
    assert!(why.contains("no ruling"), "{why}");
}
