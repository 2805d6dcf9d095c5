//! The terms that the court rules by, per portfolio, from the policy file as it is now.

use court::policy::CourtPolicy;
use mesh::policy::{BadPolicy, Current, PolicyFile, Section};
use proto::id::PortfolioId;
use proto::terms::Terms;

/// The policy section that the terms stand in.
const SECTION: &str = "court";

/// Terms by portfolio; they follow the file.
#[derive(Clone)]
pub(crate) struct TermsBook {
    section: Section<CourtPolicy>,
}

impl TermsBook {
    /// Terms from this policy file.
    ///
    /// # Errors
    /// The section cannot be used.
    pub(crate) fn read(policy: &PolicyFile) -> Result<Self, BadPolicy> {
        Ok(Self { section: policy.section(SECTION)? })
    }

    /// The terms for a portfolio.
    pub(crate) fn of(&self, portfolio: &PortfolioId) -> Terms {
        let Current { policy, revision } = self.section.of(portfolio);
        policy.terms(revision)
    }

    /// The terms for a portfolio that has no part of its own.
    pub(crate) fn common(&self) -> Terms {
        let Current { policy, revision } = self.section.common();
        policy.terms(revision)
    }
}
