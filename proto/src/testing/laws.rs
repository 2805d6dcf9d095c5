//! How often a property is tried, and where what once failed is kept.

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

/// What cases are made up from where `PROPTEST_RNG_SEED` says nothing: the same ones every time, so that a red run is a change.
const SEED: u64 = 1;
/// How many cases a law is tried with where `PROPTEST_CASES` says nothing.
const CASES: u32 = 10_000;

/// The file beside the caller's `Cargo.toml` that keeps what once failed, from whatever folder the tests are run.
#[macro_export]
macro_rules! regressions {
    ($file:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/", $file, ".txt")
    };
}

/// As often as a law is tried, which has to hold always.
pub fn law(regressions: &'static str) -> Config {
    let usual = usual(regressions);
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { CASES };
    Config { cases, ..usual }
}

/// As often as is usual.
pub fn usual(regressions: &'static str) -> Config {
    let kept = FileFailurePersistence::Direct(regressions);
    let own = Config::default();
    let rng_seed =
        if std::env::var_os("PROPTEST_RNG_SEED").is_some() { own.rng_seed } else { RngSeed::Fixed(SEED) };
    Config { failure_persistence: Some(Box::new(kept)), rng_seed, ..own }
}
