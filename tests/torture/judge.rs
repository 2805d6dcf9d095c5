//! What must hold when the faults are over. Each thing that does not is a line that names it.

mod decisions;
mod entries;
mod events;
mod freezes;
mod laws;

use std::collections::BTreeSet;

use proto::id::PortfolioId;

use crate::sent::Sent;
use crate::tape::{Read, Tape};

pub(crate) use laws::laws;

/// All that is judged.
pub(crate) struct Matter<'a> {
    pub(crate) tape: &'a Tape,
    pub(crate) read: &'a Read,
    pub(crate) sent: &'a Sent,
    pub(crate) portfolios: &'a BTreeSet<PortfolioId>,
}

/// Everything that does not hold: of what came in, of what was ruled, of what went out. The laws that each ruling has to obey
/// come on top ([`laws`]).
pub(crate) fn judge(tape: &Tape, sent: &Sent, portfolios: &BTreeSet<PortfolioId>) -> Vec<String> {
    let matter = Matter { tape, read: &tape.read, sent, portfolios };
    let mut wrong = events::check(&matter);
    wrong.extend(entries::check(&matter));
    wrong.extend(decisions::check(&matter));
    wrong.extend(freezes::check(&matter));
    wrong
}
