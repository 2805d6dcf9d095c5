//! A bar that shows how far it is, for people who watch: on a terminal only.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

const WITH_END: &str = "{bar:40} {human_pos}/{human_len} {per_sec} {eta}";
const WITHOUT_END: &str = "{spinner} {human_pos} {per_sec}";

/// A bar on standard error; a hidden one where that is no terminal.
pub(crate) fn bar(expected: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match expected {
        Some(expected) => (ProgressBar::new(expected), WITH_END),
        None => (ProgressBar::new_spinner(), WITHOUT_END),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
