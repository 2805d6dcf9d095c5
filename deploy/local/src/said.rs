//! What the followers of a running mesh have to say, in one order.

use proto::decision::Decision;

use crate::logs::line::Line;

/// Something to show.
#[derive(Debug)]
pub enum Said {
    /// A line of a process's log.
    Log(Line),
    /// A decision, as the backend sees it.
    Decision(Box<Decision>),
    /// A line of the demo's story.
    Story(String),
    /// Something that went wrong while following.
    Trouble(String),
}
