//! All that is printed: one line at a time, coloured on a terminal only.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the command talks to its user")]

use std::io::IsTerminal as _;

use local::decisions::in_short;
use local::logs::line::{Level, Line};
use proto::decision::{Decision, Priority};

/// How much room the name of a process gets.
const NAME_WIDTH: usize = 11;

/// Prints to standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    colours: bool,
}

#[derive(Debug, Clone, Copy)]
enum Colour {
    Dim,
    Bold,
    Red,
    Yellow,
    Green,
    Cyan,
}

impl Printer {
    /// Colours when standard output is a terminal and nobody asked for none.
    pub(crate) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours }
    }

    /// A plain line.
    pub(crate) fn say(self, text: &str) {
        println!("{text}");
    }

    /// A line of the demo's story.
    pub(crate) fn story(self, text: &str) {
        println!("{}", self.paint(Colour::Bold, &format!("── {text}")));
    }

    /// A line of a process's log.
    pub(crate) fn log(self, line: &Line) {
        let colour = match line.level {
            Level::Debug | Level::Info => Colour::Dim,
            Level::Warn => Colour::Yellow,
            Level::Error => Colour::Red,
        };
        let clock = line.clock.as_deref().unwrap_or("        ");
        let name = self.paint(Colour::Cyan, &format!("{:<NAME_WIDTH$}", line.name));
        println!("{clock} {name} {}", self.paint(colour, &format!("{:<5} {}", line.level, line.text)));
    }

    /// A decision.
    pub(crate) fn decision(self, decision: &Decision) {
        let colour = match decision.priority {
            Priority::Critical => Colour::Red,
            Priority::High => Colour::Yellow,
            Priority::Normal | Priority::Low => Colour::Green,
        };
        let clock = decision.timestamp.to_string();
        let clock = clock.get(11..19).unwrap_or_default();
        let author = self.paint(Colour::Cyan, &format!("{:<NAME_WIDTH$}", decision.role_source.to_string()));
        let kind = self.paint(colour, &format!("{:<19}", decision.decision_type().as_str()));
        let reason = self.paint(Colour::Dim, &decision.reason);
        println!("{clock} {author} {kind} {} {} {reason}", decision.portfolio, in_short(&decision.payload));
    }

    /// Something that went wrong.
    pub(crate) fn trouble(self, text: &str) {
        eprintln!("{}", self.paint(Colour::Red, text));
    }

    fn paint(self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Dim => 2,
            Colour::Bold => 1,
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Green => 32,
            Colour::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
