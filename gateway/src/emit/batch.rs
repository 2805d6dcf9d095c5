//! What a batch of rulings writes to Redis: pure, from rulings that count to one script call.

use std::collections::BTreeSet;

use proto::chain::Chain;
use proto::decision::Decision;
use proto::effective::Effective;
use proto::id::{PortfolioId, RulingHash, Sequence, Version};
use proto::ruling::Ruling;

use super::encode::OutEntry;

/// Rulings that are written at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// What Redis has to be at: the batch goes on from there.
    pub base: Sequence,
    /// Where Redis is afterwards, void rulings included.
    pub through: Sequence,
    /// The rulings that count, in order.
    pub rulings: Vec<Outgoing>,
}

/// What one ruling writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it stands in RULINGS.
    pub sequence: Sequence,
    /// Whose it is.
    pub portfolio: PortfolioId,
    /// Its number.
    pub version: Version,
    /// Its hash.
    pub hash: RulingHash,
    /// What is in effect after it; none where a later ruling of the batch says more.
    pub document: Option<String>,
    /// The decisions, as entries.
    pub entries: Vec<OutEntry>,
    /// The decisions themselves, to be counted.
    pub decisions: Vec<Decision>,
}

impl Batch {
    /// An empty batch that goes on from here.
    pub fn after(base: Sequence) -> Self {
        Self { base, through: base, rulings: Vec::new() }
    }

    /// Adds a ruling that counts.
    ///
    /// # Errors
    /// A decision has no JSON form.
    pub fn add(
        &mut self,
        sequence: Sequence,
        ruling: Ruling,
        hash: RulingHash,
    ) -> Result<(), serde_json::Error> {
        let entries: Result<Vec<OutEntry>, _> = ruling.decisions.iter().map(OutEntry::of_decision).collect();
        let document = serde_json::to_string(&Effective::from(&ruling.after))?;
        self.through = sequence;
        self.rulings.push(Outgoing {
            sequence,
            portfolio: ruling.portfolio,
            version: ruling.version,
            hash,
            document: Some(document),
            entries: entries?,
            decisions: ruling.decisions,
        });
        Ok(())
    }

    /// Passes over a ruling that does not count.
    pub const fn pass(&mut self, sequence: Sequence) {
        self.through = sequence;
    }

    /// Keeps only the last document of each portfolio.
    #[must_use]
    pub fn with_last_documents(mut self) -> Self {
        let mut later = BTreeSet::new();
        for ruling in self.rulings.iter_mut().rev() {
            if !later.insert(ruling.portfolio.clone()) {
                ruling.document = None;
            }
        }
        self
    }
}

/// A chain's end as the position keeps it.
pub fn chain_text(version: Version, hash: RulingHash) -> String {
    format!("{version} {hash}")
}

/// Reads what [`chain_text`] wrote.
pub fn parse_chain(text: &str) -> Option<Chain> {
    let (version, hash) = text.split_once(' ')?;
    Some(Chain { version: Version(version.parse().ok()?), hash: hash.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proto::value::Mode;

    use super::*;
    use crate::testing::{portfolio, ruling, snapshot_event, stored};

    #[test]
    fn only_the_last_document_of_a_portfolio_is_written() {
        let mut batch = Batch::after(Sequence(4));
        for (sequence, (id, version)) in [("a", 1), ("b", 1), ("a", 2)].into_iter().enumerate() {
            let event = snapshot_event(&portfolio(id), version);
            let ruling = ruling(event, version, RulingHash::default(), Mode::Paused);
            let (_, hash) = stored(&ruling);
            batch.add(Sequence(5 + sequence as u64), ruling, hash).unwrap();
        }
        batch.pass(Sequence(8));
        let batch = batch.with_last_documents();
        let documents: Vec<bool> = batch.rulings.iter().map(|ruling| ruling.document.is_some()).collect();
        assert_eq!(documents, [false, true, true]);
        assert_eq!((batch.base, batch.through), (Sequence(4), Sequence(8)));
        let document: serde_json::Value =
            serde_json::from_str(batch.rulings[2].document.as_ref().unwrap()).unwrap();
        assert_eq!((&document["ruling"], &document["mode"]), (&2.into(), &"PAUSED".into()));
    }

    #[test]
    fn a_chain_reads_back() {
        let chain = Chain { version: Version(7), hash: RulingHash::of(b"x") };
        assert_eq!(parse_chain(&chain_text(chain.version, chain.hash)), Some(chain));
        assert_eq!(parse_chain("7"), None);
    }
}
