//! `verify`: stored rulings are checked, and the first that is not sound is named.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result};
use proto::id::Version;
use proto::ruling::Ruling;
use proto::subject::Stream;
use replay::{Flaw, Rejected, Verified, Verifier};
use serde::Serialize;

use crate::args::Verify;
use crate::records::Records;
use crate::shell::Shell;
use crate::speed::{self, Speed};
use crate::{message, policy, progress};

/// What can be done about a log that lost its beginning.
const BEGINS_LATE: &str = "the first rulings of this portfolio are not here; --trimmed goes on without them";

/// The line of counts.
#[derive(Serialize)]
struct Counts {
    rulings: u64,
    void: u64,
    recomputed: u64,
    other_policy: u64,
    trusted_portfolios: u64,
}

pub(crate) fn run(args: &Verify, shell: &Shell, out: &mut impl Write) -> Result<()> {
    let began = Instant::now();
    let verified = verify(args, shell)?;
    let speed = Speed::since(began, verified.rulings + verified.void);
    if args.json {
        as_json(verified, out)?;
    } else {
        for_people(verified, out)?;
    }
    speed.tell(args.json, out)
}

fn verify(args: &Verify, shell: &Shell) -> Result<Verified> {
    let mut verifier = Verifier::new(policy::open(args.policy.as_deref())?);
    if args.trimmed {
        verifier = verifier.trimmed();
    }
    let mut records = open(args, shell)?;
    let mut bar = progress::bar(records.expected());
    while let Some(record) = records.next().transpose()? {
        shell.go_on()?;
        let checked = verifier.check(&record.bytes).map_err(|rejected| explained(&record.bytes, rejected));
        checked.with_context(|| records.place(&record))?;
        bar.step();
    }
    bar.finish();
    Ok(verifier.verified())
}

fn open<'a>(args: &'a Verify, shell: &'a Shell) -> Result<Records<'a>> {
    let Verify { rulings, connection, limits, .. } = args;
    match (&rulings.rulings, &rulings.nats_url) {
        (None, Some(url)) => Records::of_mesh(shell, url, connection, Stream::Rulings, limits),
        (file, _) => Records::of_file(file.as_deref().unwrap_or("-".as_ref()), Stream::Rulings, limits),
    }
}

/// Says which field is wrong, and what can be done about rulings that are gone.
fn explained(bytes: &[u8], rejected: Rejected) -> anyhow::Error {
    match rejected {
        Rejected::Unreadable(failed) => {
            message::explained::<Ruling>(bytes, failed).context("this is no ruling")
        }
        Rejected::Unsound(unsound) => {
            let begins_late = matches!(unsound.flaw, Flaw::Unchained { after } if after == Version(0));
            let unsound = anyhow::Error::from(unsound);
            if begins_late { unsound.context(BEGINS_LATE) } else { unsound }
        }
    }
}

fn as_json(verified: Verified, out: &mut impl Write) -> Result<()> {
    let Verified { rulings, void, recomputed, other_policy, trusted } = verified;
    let counts = Counts { rulings, void, recomputed, other_policy, trusted_portfolios: trusted };
    speed::line(&counts, out)
}

fn for_people(verified: Verified, out: &mut impl Write) -> Result<()> {
    let Verified { rulings, void, recomputed, other_policy, trusted } = verified;
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
    if trusted > 0 {
        writeln!(out, "{trusted} portfolios begin after their first ruling; that state was taken on trust")?;
    }
    if void > 0 {
        writeln!(out, "{void} rulings are void: another of the same version came first")?;
    }
    Ok(())
}
