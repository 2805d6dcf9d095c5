//! The fold of a portfolio's rulings: which of those in the log count.
//!
//! The log decides who won. The first ruling with the next version and the right hash counts; any other is void.
//! Every reader folds by this one rule, so two arbiters at once cannot fork a portfolio, whatever the broker does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{PortfolioId, RulingHash, Version};

/// The end of a portfolio's chain of counted rulings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub struct Chain {
    /// The latest counted ruling; 0 before the first.
    pub version: Version,
    /// Its hash.
    pub hash: RulingHash,
}

/// The part of a ruling that the fold needs; cheaper to read than the whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// Whose ruling it is.
    pub portfolio: PortfolioId,
    /// Its number.
    pub version: Version,
    /// The hash of the one before.
    pub previous: RulingHash,
}

impl Chain {
    /// Whether a ruling is the next one that counts.
    pub fn accepts(&self, version: Version, previous: RulingHash) -> bool {
        version == self.version.next() && previous == self.hash
    }

    /// Takes the next ruling of the log: true when it counts, false when it is void.
    pub fn fold(&mut self, version: Version, previous: RulingHash, hash: RulingHash) -> bool {
        let counts = self.accepts(version, previous);
        if counts {
            *self = Self { version, hash };
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_with_the_next_version_and_the_right_hash_counts() {
        let hash = |text: &str| RulingHash::of(text.as_bytes());
        let mut chain = Chain::default();
        assert!(chain.fold(Version(1), RulingHash::default(), hash("a1")));
        assert!(
            !chain.fold(Version(1), RulingHash::default(), hash("b1")),
            "the second of a version is void"
        );
        assert!(!chain.fold(Version(2), hash("b1"), hash("b2")), "what follows a void ruling is void");
        assert!(!chain.fold(Version(3), hash("a1"), hash("a3")), "a gap is void");
        assert!(chain.fold(Version(2), hash("a1"), hash("a2")));
        assert_eq!(chain, Chain { version: Version(2), hash: hash("a2") });
    }
}
