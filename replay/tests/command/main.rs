//! The command as its users run it: files, pipes and a mesh in, text, JSON and pages out, exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test cannot run is a failed test"
)]

mod desk;
mod mesh_streams;
mod page;
#[path = "../../../mesh/tests/server/mod.rs"]
mod server;

use std::path::Path;

use desk::{Desk, as_file, lines_of_json, told};
use proto::event::{Body, Event};
use proto::ruling::Ruling;
use proto::wire::Message as _;
use replay::Synthetic;
use serde_json::Value;

#[test]
fn made_up_events_are_ruled_counted_and_written() {
    let desk = Desk::new();
    let text = desk.told("run --synthetic 600 --seed 5 --portfolios 2 --rulings rulings.jsonl --json");
    let lines = lines_of_json(&text);
    let [one, two, all, last] = lines.as_slice() else { panic!("{text}") };
    assert_eq!((&one["portfolio"], &two["portfolio"]), (&"synthetic-1".into(), &"synthetic-2".into()));
    assert_eq!((&one["events"], &two["events"], &all["events"]), (&300.into(), &300.into(), &600.into()));
    assert_eq!(last.as_object().unwrap().keys().collect::<Vec<_>>(), ["events", "events_per_second"]);
    assert_eq!(last["events"], 600);
    assert!(last["events_per_second"].as_f64().unwrap() > 0.0);

    let written = desk.read("rulings.jsonl");
    let rulings: Vec<Ruling> =
        written.lines().map(|line| Ruling::from_bytes(line.as_bytes()).unwrap()).collect();
    assert_eq!(all["rulings"], rulings.len());
    let decisions: usize = rulings.iter().map(|ruling| ruling.decisions.len()).sum();
    let counted: u64 = all["decisions"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted, decisions as u64);
    assert!(decisions > 0, "a run in which nothing is decided is no test");
}

#[test]
fn the_same_events_give_the_same_rulings_from_a_file_a_pipe_or_a_seed() {
    let desk = Desk::new();
    desk.write("events.jsonl", as_file(Synthetic::new(5, 1).unwrap().take(200)));
    desk.told("run --synthetic 200 --seed 5 --rulings seed.jsonl");
    desk.told("run --events events.jsonl --rulings file.jsonl");
    let mut piped = desk.command("run --events - --rulings pipe.jsonl");
    piped.stdin(std::fs::File::open(desk.path("events.jsonl")).unwrap());
    told(piped);
    let rulings = desk.read("seed.jsonl");
    assert_eq!(desk.read("file.jsonl"), rulings);
    assert_eq!(desk.read("pipe.jsonl"), rulings);
}

#[test]
fn what_a_file_holds_of_timers_and_events_twice_is_said() {
    let desk = Desk::new();
    let events: Vec<Event> = Synthetic::new(5, 1).unwrap().take(5).collect();
    let timer = Event::clock_due(&events[4].portfolio, events[4].at);
    desk.write("events.jsonl", as_file([events.clone(), vec![timer, events[4].clone()]].concat()));
    let text = desk.told("run --events events.jsonl");
    let has = |name: &str, count: &str| {
        text.lines().any(|line| line.split_whitespace().eq(name.split(' ').chain([count])))
    };
    assert!(has("events", "6") && has("ruled before", "1"), "{text}");
    assert!(text.contains("1 timers of the source left out"), "{text}");
    assert!(text.contains("6 events in "), "{text}");
}

#[test]
fn a_line_that_is_no_event_is_named_with_its_field() {
    let desk = Desk::new();
    let snapshot = as_file(Synthetic::new(5, 1).unwrap().skip(1).take(1));
    let (before, rest) = snapshot.split_once("\"drawdown_pct\":").unwrap();
    let (_, after) = rest.split_once(',').unwrap();
    let wrong = format!("{before}\"drawdown_pct\":\"3 %\",{after}");
    desk.write("wrong.jsonl", format!("\n{wrong}\n"));
    let trouble = desk.trouble("run --events wrong.jsonl");
    let expected =
        "wrong.jsonl:2: this is no event: body.data.drawdown_pct: invalid type: string \"3 %\", expected f64";
    assert!(trouble.contains(expected), "{trouble}");
    let first = as_file(Synthetic::new(5, 1).unwrap().take(1));
    desk.write("events.jsonl", first + "\n{\"schema\":\"fed.event/2\"}\n");
    let trouble = desk.trouble("run --events events.jsonl");
    assert!(trouble.contains("events.jsonl:3: this is no event"), "{trouble}");
}

#[test]
fn every_mistake_of_a_policy_is_named_before_anything_runs() {
    let desk = Desk::new();
    desk.write("policy.toml", "[court]\nconfirm = 0\n[coe]\n");
    let trouble = desk.misuse("run --synthetic 1 --policy policy.toml --rulings rulings.jsonl");
    for part in ["policy.toml", "[court] confirm", "section coe"] {
        assert!(trouble.contains(part), "{part} is missing in {trouble}");
    }
    assert!(!desk.path("rulings.jsonl").exists());
}

#[test]
fn rulings_verify_under_their_policy_and_are_said_to_be_unjudged_under_another() {
    let desk = Desk::new();
    desk.write("policy.toml", "[supervisor.drawdown]\nabove_pct = 0.08\n");
    desk.told("run --synthetic 300 --policy policy.toml --rulings rulings.jsonl");
    let text = desk.told("verify --rulings rulings.jsonl --policy policy.toml");
    assert!(text.contains(" rulings are sound") && !text.contains("another policy"), "{text}");
    let text = desk.told("verify --rulings rulings.jsonl");
    assert!(text.contains("0 verdicts and reviews were given again"), "{text}");
    assert!(text.contains("another policy"), "{text}");
}

#[test]
fn the_first_ruling_that_is_not_sound_is_named_with_its_law() {
    let desk = Desk::new();
    desk.told("run --synthetic 40 --rulings rulings.jsonl");
    let sound = desk.read("rulings.jsonl");
    let mut lines: Vec<&str> = sound.lines().collect();
    let changed = lines[9].replacen("\"total_equity\":", "\"total_equity\":1", 1);
    assert!(changed != lines[9]);
    lines[9] = &changed;
    desk.write("changed.jsonl", lines.join("\n"));
    let trouble = desk.trouble("verify --rulings changed.jsonl");
    assert!(trouble.contains("changed.jsonl:10: ruling 10 of synthetic-1 breaks P9"), "{trouble}");
    lines.remove(9);
    desk.write("gap.jsonl", lines.join("\n"));
    let trouble = desk.trouble("verify --rulings gap.jsonl");
    assert!(trouble.contains("gap.jsonl:10: ruling 11 of synthetic-1 breaks law 4"), "{trouble}");
}

/// Drawdowns that deepen over an hour, stay, and are gone: to 12 % in one portfolio, to 9 % in another. What one number of
/// the policy changes about them, in both directions.
#[test]
fn one_threshold_changed_shows_in_the_difference_and_nothing_else() {
    const DEEPEST: [f64; 2] = [0.12, 0.09];
    let desk = Desk::new();
    let mut events: Vec<Event> = Synthetic::new(5, 2).unwrap().take(1200).collect();
    for (number, event) in events.iter_mut().enumerate() {
        if let Body::Snapshot(seen) = &mut event.body {
            let (step, deepest) = (number / 2, DEEPEST[number % 2]);
            let depth = if step < 300 { (step as f64 * 0.001).min(deepest) } else { 0.0 };
            seen.drawdown_pct = proto::number::Fraction::new(depth).unwrap();
        }
    }
    desk.write("events.jsonl", as_file(events));
    desk.write("a.toml", "");
    desk.write("b.toml", "[supervisor.drawdown]\nabove_pct = 0.08\n");
    let diff = |from: &str, to: &str| {
        desk.told(&format!("diff --events events.jsonl --policy {from}.toml --policy {to}.toml"))
    };
    let same = diff("a", "a");
    assert!(same.contains(" the same, 0 added, 0 removed, 0 earlier, 0 later"), "{same}");
    golden("diff", &format!("a to b\n{}b to a\n{}", diff("a", "b"), diff("b", "a")));
}

#[test]
fn a_comparison_in_json_names_every_change_and_ends_with_the_speed() {
    let desk = Desk::new();
    desk.write("a.toml", "");
    desk.write(
        "b.toml",
        "[supervisor.drawdown]\nabove_pct = 0.01\n[supervisor.lift]\ndrawdown_below_pct = 0.005\n",
    );
    let lines =
        lines_of_json(&desk.told("diff --synthetic 600 --seed 5 --policy a.toml --policy b.toml --json"));
    let [portfolio, last] = lines.as_slice() else { panic!("{lines:?}") };
    let counted: u64 =
        ["added", "removed", "earlier", "later"].iter().map(|name| portfolio[name].as_u64().unwrap()).sum();
    assert_eq!(portfolio["changes"].as_array().unwrap().len() as u64, counted);
    assert!(counted > 0 && portfolio["a"]["events"] == 600, "{portfolio}");
    assert_eq!(last.as_object().unwrap().keys().collect::<Vec<_>>(), ["events", "events_per_second"]);
}

#[test]
fn events_come_from_one_source_and_a_seed_is_for_made_up_ones() {
    let desk = Desk::new();
    for line in
        ["run", "run --synthetic 1 --events -", "run --events - --seed 3", "run --synthetic 1 --portfolios 0"]
    {
        desk.misuse(line);
    }
}

#[test]
fn a_comparison_takes_two_policies() {
    let desk = Desk::new();
    desk.write("a.toml", "");
    assert!(desk.misuse("diff --synthetic 1 --policy a.toml").contains("two policies"));
}

/// Compares with what stands beside this file; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command").join(format!("{name}.golden"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(
        text,
        std::fs::read_to_string(&path).unwrap_or_default(),
        "{} reads otherwise",
        path.display()
    );
}
