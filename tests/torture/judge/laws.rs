//! The laws that each ruling has to obey, and the roles asked again: verdicts, reviews and rulings recomputed byte for byte,
//! every portfolio from its first ruling on, with the recorded participation.

use anyhow::{Context as _, Result};
use replay::{Policies, Verified, Verifier};

use crate::tape::Tape;

/// The first thing that is not sound in each portfolio, and what was checked.
///
/// # Errors
/// The policy cannot be used.
pub(crate) fn laws(tape: &Tape, policy: &str) -> Result<(Vec<String>, Verified)> {
    let policies = Policies::parse(policy).context("the policy of the run")?;
    let mut verifier = Verifier::new(policies);
    let mut wrong = Vec::new();
    for (sequence, bytes) in &tape.rulings {
        if let Err(rejected) = verifier.check(bytes) {
            wrong.push(format!("RULINGS {sequence}: {rejected}"));
        }
    }
    let verified = verifier.verified();
    if verified.other_policy > 0 {
        wrong
            .push(format!("{} verdicts under another policy than the one of the run", verified.other_policy));
    }
    Ok((wrong, verified))
}
