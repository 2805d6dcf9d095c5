//! Which rulings of the log count, portfolio by portfolio.

use std::collections::BTreeMap;

use proto::chain::Chain;
use proto::id::{PortfolioId, RulingHash, Version};
use proto::ruling::Ruling;

/// The chain of each portfolio, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    chains: BTreeMap<PortfolioId, Chain>,
}

/// What a ruling is to the fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the next one.
    Counts,
    /// It lost: drop it.
    Void,
    /// Its number lies ahead of the chain: void, unless the log was trimmed and this is the oldest that it still has.
    Ahead,
}

impl Fold {
    /// A fold that was carried on from here.
    pub const fn new(chains: BTreeMap<PortfolioId, Chain>) -> Self {
        Self { chains }
    }

    /// Takes the next ruling of the log.
    pub fn take(&mut self, ruling: &Ruling, hash: RulingHash) -> Standing {
        self.take_link(&ruling.portfolio, ruling.version, ruling.previous, hash)
    }

    fn take_link(
        &mut self,
        portfolio: &PortfolioId,
        version: Version,
        previous: RulingHash,
        hash: RulingHash,
    ) -> Standing {
        let mut chain = self.chain(portfolio);
        if chain.fold(version, previous, hash) {
            self.chains.insert(portfolio.clone(), chain);
            Standing::Counts
        } else if version > chain.version.next() {
            Standing::Ahead
        } else {
            Standing::Void
        }
    }

    /// Carries a portfolio's chain on from here, whatever came before.
    pub fn restart_at(&mut self, portfolio: &PortfolioId, chain: Chain) {
        self.chains.insert(portfolio.clone(), chain);
    }

    /// The end of a portfolio's chain.
    pub fn chain(&self, portfolio: &PortfolioId) -> Chain {
        self.chains.get(portfolio).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portfolios_fold_on_their_own() {
        let hash = |text: &str| RulingHash::of(text.as_bytes());
        let (a, b): (PortfolioId, PortfolioId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut fold = Fold::default();
        let start = RulingHash::default();
        assert_eq!(fold.take_link(&a, Version(1), start, hash("a1")), Standing::Counts);
        assert_eq!(fold.take_link(&b, Version(1), start, hash("b1")), Standing::Counts);
        assert_eq!(fold.take_link(&a, Version(1), start, hash("x1")), Standing::Void);
        assert_eq!(fold.take_link(&a, Version(2), hash("x1"), hash("x2")), Standing::Void);
        assert_eq!(fold.take_link(&a, Version(3), hash("x2"), hash("x3")), Standing::Ahead);
        assert_eq!(fold.take_link(&a, Version(2), hash("a1"), hash("a2")), Standing::Counts);
        assert_eq!(fold.chain(&a), Chain { version: Version(2), hash: hash("a2") });
    }
}
