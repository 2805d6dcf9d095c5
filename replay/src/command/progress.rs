//! A bar that shows how far it is, for people who watch: on a terminal only.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

const WITH_END: &str = "{bar:40} {human_pos}/{human_len} {per_sec} {eta}";
const WITHOUT_END: &str = "{spinner} {human_pos} {per_sec}";

/// After so many steps the bar moves, and it is asked whether the user wants to stop: the one reads a clock, the other takes
/// a lock, which is much for a step.
pub(crate) const STRIDE: u64 = 256;

/// A bar that moves now and then.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Steps that it does not show yet.
    ahead: u64,
}

impl Bar {
    /// One step on.
    pub(crate) fn step(&mut self) {
        self.ahead += 1;
        if self.ahead == STRIDE {
            self.bar.inc(std::mem::take(&mut self.ahead));
        }
    }

    /// The end, and nothing left to see.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// A bar on standard error; a hidden one where that is no terminal.
pub(crate) fn bar(expected: Option<u64>) -> Bar {
    Bar { bar: shown(expected), ahead: 0 }
}

fn shown(expected: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match expected {
        Some(expected) => (ProgressBar::new(expected), WITH_END),
        None => (ProgressBar::new_spinner(), WITHOUT_END),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
