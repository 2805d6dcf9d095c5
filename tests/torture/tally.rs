//! Counts over all runs: the last line.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::tape::Tape;

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    pub(crate) events: u64,
    pub(crate) rulings: u64,
    pub(crate) decisions: u64,
    pub(crate) letters: u64,
    /// Rulings in the log that do not count.
    pub(crate) void: u64,
    pub(crate) violations: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) slowest: BTreeMap<String, Duration>,
}

impl Tally {
    /// Counts a run.
    pub(crate) fn count(&mut self, stage: &Stage, tape: &Tape) {
        let read = &tape.read;
        self.events += read.events.len() as u64;
        self.rulings += read.rulings.len() as u64;
        self.decisions += tape.redis.told.len() as u64;
        self.letters += read.letters.len() as u64;
        self.faults.extend(stage.faults.clone());
        self.slowest.extend(stage.recoveries.slowest());
    }

    /// Adds another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += 1;
        self.events += other.events;
        self.rulings += other.rulings;
        self.decisions += other.decisions;
        self.letters += other.letters;
        self.void += other.void;
        self.violations += other.violations;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind.clone()).or_default() += count;
        }
        for (kind, took) in &other.slowest {
            let slowest = self.slowest.entry(kind.clone()).or_default();
            *slowest = (*slowest).max(*took);
        }
    }

    pub(crate) fn json(&self) -> Value {
        let seconds = |took: &Duration| (took.as_secs_f64() * 100.0).round() / 100.0;
        let slowest: BTreeMap<&String, f64> =
            self.slowest.iter().map(|(kind, took)| (kind, seconds(took))).collect();
        json!({
            "runs": self.runs,
            "events": self.events,
            "rulings": self.rulings,
            "decisions": self.decisions,
            "dead_letters": self.letters,
            "void_rulings": self.void,
            "faults": self.faults,
            "violations": self.violations,
            "slowest_recovery_seconds": slowest,
        })
    }

    /// A run in a few words.
    pub(crate) fn words(&self) -> String {
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!(
            "{} events, {} rulings, {} decisions, {} letters, {} void; {}",
            self.events,
            self.rulings,
            self.decisions,
            self.letters,
            self.void,
            faults.join(", ")
        )
    }
}
