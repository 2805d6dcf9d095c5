//! The page that shows a run or a comparison: one file of HTML and SVG that needs no network and no script.
//!
//! Pure text from counts and courses; who calls it decides where it goes.

mod axis;
mod chart;
mod columns;
mod course;
mod curve;
mod lanes;
mod page;
mod section;
mod summary;
mod text;

use std::collections::BTreeMap;

use proto::id::{PolicyRevision, PortfolioId};

use crate::diff::Difference;
use crate::tally::Tally;

pub use course::{Course, Courses, Mark, Way};

/// One policy's side of a page.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What the policy is called, such as its file.
    pub policy: &'a str,
    /// Its revision.
    pub revision: &'a PolicyRevision,
    /// What came of it, by portfolio.
    pub tallies: &'a BTreeMap<PortfolioId, Tally>,
    /// How it went, by portfolio.
    pub courses: &'a Courses,
}

/// The page of a run. `source` says where the events came from.
#[must_use]
pub fn of_run(source: &str, side: &Side) -> String {
    page::page(source, &[*side], &BTreeMap::new())
}

/// The page of a comparison: `a` is what one starts from.
#[must_use]
pub fn of_diff(source: &str, a: &Side, b: &Side, differences: &BTreeMap<PortfolioId, Difference>) -> String {
    page::page(source, &[*a, *b], differences)
}
