//! `verify`: stored rulings are checked, and the first that is not sound is named.

use std::io::Write;

use anyhow::{Context as _, Result};
use replay::{Verified, Verifier};

use crate::args::Verify;
use crate::lines::Lines;
use crate::progress;

pub(crate) fn run(args: &Verify, out: &mut impl Write) -> Result<()> {
    let mut verifier = Verifier::new(crate::policies(args.policy.as_deref())?);
    let mut lines = Lines::open(&args.rulings)?;
    let bar = progress::bar(None);
    while let Some(line) = lines.next() {
        let line = line?;
        verifier.check(&line.bytes).with_context(|| lines.place(line.number))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let Verified { rulings, void, recomputed, other_policy, trusted: _ } = verifier.verified();
    writeln!(
        out,
        "{rulings} rulings are sound; {recomputed} verdicts and reviews were given again, word by word"
    )?;
    if other_policy > 0 {
        writeln!(
            out,
            "{other_policy} verdicts and reviews were not: they name another policy than the one given"
        )?;
    }
    if void > 0 {
        writeln!(out, "{void} rulings are void: another of the same version came first")?;
    }
    Ok(())
}
