//! The command as its users run it: files and pipes in, text and JSON out, exit codes.

#![allow(clippy::unwrap_used, reason = "what a test cannot run is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use proto::event::{Body, Event};
use proto::ruling::Ruling;
use proto::wire::Message as _;
use replay::Synthetic;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for each test, in which the command runs.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_federation-replay"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// What the command says; it must go well, and say nothing on the side.
    fn told(&self, line: &str) -> String {
        told(self.command(line))
    }

    /// What the command complains of; it must exit with 1.
    fn trouble(&self, line: &str) -> String {
        let Output { status, stderr, .. } = self.command(line).output().unwrap();
        assert_eq!(status.code(), Some(1), "{line}");
        String::from_utf8(stderr).unwrap()
    }
}

fn told(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8_lossy(&stderr), "", "a bar is for terminals only");
    String::from_utf8(stdout).unwrap()
}

fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Made-up events as a file, one a line.
fn as_file(events: impl IntoIterator<Item = Event>) -> String {
    let line = |event: Event| String::from_utf8(event.to_bytes().unwrap()).unwrap() + "\n";
    events.into_iter().map(line).collect()
}

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
    assert!(text.contains("1 timers of the file left out"), "{text}");
    assert!(text.contains("6 events in "), "{text}");
}

#[test]
fn a_line_that_is_no_event_is_named() {
    let desk = Desk::new();
    let first = as_file(Synthetic::new(5, 1).unwrap().take(1));
    desk.write("events.jsonl", first + "\n{\"schema\":\"fed.event/2\"}\n");
    let trouble = desk.trouble("run --events events.jsonl");
    assert!(trouble.contains("events.jsonl:3: this is no event"), "{trouble}");
}

#[test]
fn every_mistake_of_a_policy_is_named_before_anything_runs() {
    let desk = Desk::new();
    desk.write("policy.toml", "[court]\nconfirm = 0\n[coe]\n");
    let trouble = desk.trouble("run --synthetic 1 --policy policy.toml --rulings rulings.jsonl");
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

/// A drawdown that deepens to 12 % over an hour, stays, and is gone: what one number of the policy changes about it.
#[test]
fn one_threshold_changed_shows_in_the_difference_and_nothing_else() {
    let desk = Desk::new();
    let mut events: Vec<Event> = Synthetic::new(5, 1).unwrap().take(600).collect();
    for (step, event) in events.iter_mut().enumerate() {
        if let Body::Snapshot(seen) = &mut event.body {
            let depth = if step < 300 { step.min(120) as f64 * 0.001 } else { 0.0 };
            seen.drawdown_pct = proto::number::Fraction::new(depth).unwrap();
        }
    }
    desk.write("events.jsonl", as_file(events));
    desk.write("a.toml", "");
    desk.write("b.toml", "[supervisor.drawdown]\nabove_pct = 0.08\n");
    let same = desk.told("diff --events events.jsonl --policy a.toml --policy a.toml");
    assert!(same.contains(" the same, 0 added, 0 removed, 0 earlier, 0 later"), "{same}");
    golden("diff", &desk.told("diff --events events.jsonl --policy a.toml --policy b.toml"));
}

#[test]
fn events_come_from_one_source_and_a_seed_is_for_made_up_ones() {
    let desk = Desk::new();
    for line in
        ["run", "run --synthetic 1 --events -", "run --events - --seed 3", "run --synthetic 1 --portfolios 0"]
    {
        assert_eq!(desk.command(line).output().unwrap().status.code(), Some(2), "{line}");
    }
}

#[test]
fn a_comparison_takes_two_policies() {
    let desk = Desk::new();
    desk.write("a.toml", "");
    assert!(desk.trouble("diff --synthetic 1 --policy a.toml").contains("two policies"));
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
