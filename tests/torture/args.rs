//! What the harness is told.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// How long the runs of `make test` go on starting, unless told otherwise.
const SHORT: Duration = Duration::from_secs(75);

/// Within how many runs a planted bug has to be found.
const WITHIN: u64 = 20;

/// Kills, halts, cuts off and rolls back parts of a real mesh under load, and checks what came of it
#[derive(Debug, Clone, Parser)]
#[command(
    name = "torture",
    after_help = "The last line on stdout is JSON; the exit code is 0 when nothing was violated."
)]
pub(crate) struct Args {
    /// One run, of this seed
    #[arg(long, value_name = "N", conflicts_with_all = ["minutes", "runs", "from"])]
    pub(crate) seed: Option<u64>,

    /// Start runs for so long
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,

    /// So many runs, however long they take
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    runs: Option<u64>,

    /// The seed of the first run; each further one has the next
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,

    /// How many runs go on side by side, each with servers of its own
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) lanes: u8,

    /// How many seconds of each run are load with faults
    #[arg(long, value_name = "S", default_value_t = 15, value_parser = clap::value_parser!(u64).range(4..=600))]
    pub(crate) seconds: u64,

    /// The folder of the binaries; by default the one that this was built into
    #[arg(long, env = "FED_TORTURE_BINS", value_name = "DIR")]
    pub(crate) bins: Option<PathBuf>,

    /// Where runs that found something are kept
    #[arg(long, env = "FED_TORTURE_KEEP", value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    pub(crate) keep: PathBuf,

    /// The other way round: these bugs (their names in `mesh::planted`), which the binaries are built to have, are to be
    /// found, each within twenty runs
    #[arg(long, value_name = "BUG", value_delimiter = ',', requires = "bins", conflicts_with_all = ["seed", "minutes", "runs"])]
    pub(crate) find: Vec<String>,

    #[command(flatten)]
    pub(crate) harness: Harness,
}

/// What `cargo test` hands to every test program.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Harness {
    #[arg(hide = true)]
    filters: Vec<String>,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true)]
    pub(crate) list: bool,
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    test_threads: Option<u32>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    skip: Vec<String>,
}

/// Which runs there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// The first seed.
    pub(crate) from: u64,
    /// How many runs there are at most.
    pub(crate) most: u64,
    /// How long runs are started.
    pub(crate) lasts: Duration,
}

impl Args {
    pub(crate) fn schedule(&self) -> Schedule {
        let (from, ever) = (self.from, Duration::MAX);
        if !self.find.is_empty() {
            return Schedule { from, most: WITHIN, lasts: ever };
        }
        match (self.seed, self.runs, self.minutes) {
            (Some(seed), _, _) => Schedule { from: seed, most: 1, lasts: ever },
            (None, Some(runs), _) => Schedule { from, most: runs, lasts: ever },
            (None, None, Some(minutes)) => {
                Schedule { from, most: u64::MAX, lasts: Duration::from_secs_f64(minutes.max(0.0) * 60.0) }
            }
            (None, None, None) => Schedule { from, most: u64::MAX, lasts: SHORT },
        }
    }
}

impl Harness {
    /// Whether this test is among those that are asked for: its name is `torture`.
    pub(crate) fn asks_for_it(&self) -> bool {
        let named = |filter: &String| "torture".contains(filter.as_str());
        !self.ignored
            && !self.skip.iter().any(named)
            && (self.filters.is_empty() || self.filters.iter().any(named))
    }
}
