//! Events one a line, as the replay command reads them: whatever can be read is ruled, and the rulings verify.

use proto::event::{Event, EventKind};
use proto::time::Period;
use proto::wire::Message as _;
use replay::{Model, Policies, Synthetic, Verifier};

use crate::Taken;
use crate::judge::{read, sound};

/// How many events of one input are told.
const EVENTS: usize = 8;
/// Over how long: timers go off all the while, and each is a ruling.
const SPAN: Period = Period::from_hours(7 * 24);

pub(crate) fn run(input: &[u8]) -> Taken {
    let lines = input.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let events: Vec<Event> = lines.filter_map(read::<Event>).take(EVENTS).collect();
    let Some(begin) = events.first().map(|event| event.at) else { return Taken::No };
    let events = events.into_iter().filter(|event| event.at <= begin.after(SPAN));
    let policies = || Policies::defaults().expect("the defaults have no mistakes");
    let (mut model, mut verifier) = (Model::new(policies()), Verifier::new(policies()));
    // The command leaves out a file's timers: the model sets its own.
    for event in events.filter(|event| event.kind() != EventKind::ClockDue) {
        for ruling in model.tell(event).expect("every ruling has a JSON form") {
            sound(&ruling);
            let stored = ruling.to_bytes().expect("a JSON form");
            if let Err(rejected) = verifier.check(&stored) {
                panic!("{rejected}: {}", String::from_utf8_lossy(&stored));
            }
        }
    }
    Taken::Yes
}

/// The first lines of a made-up day.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let lines = |seed| {
        let events = Synthetic::new(seed, 2).expect("a portfolio's name").take(EVENTS);
        let lines: Vec<Vec<u8>> = events.filter_map(|event| event.to_bytes().ok()).collect();
        lines.join(&b'\n')
    };
    vec![lines(1), lines(2)]
}
