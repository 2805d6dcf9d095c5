//! The side that decisions go to: what is written there at once, and how far it is.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use proto::chain::Chain;
use proto::effective::Effective;
use proto::id::{PortfolioId, Sequence, Version};
use proto::ledger::Ledger;

use super::batch::{Batch, parse_chain};
use super::encode::OutEntry;

/// Where decisions go, over one connection.
pub trait Downstream: Send {
    /// How far it is.
    fn position(&mut self) -> BoxFuture<'_, Result<Position>>;

    /// Writes a batch of rulings from the RULINGS of this identity, all of it or nothing: what is known there already is
    /// passed over, and the position moves with the rest.
    ///
    /// An error means that nobody knows whether it was written.
    fn write<'a>(&'a mut self, identity: &'a str, batch: &'a Batch) -> BoxFuture<'a, Result<Written>>;

    /// Renews documents, but none with an older one than stands there.
    fn renew<'a>(&'a mut self, documents: &'a [Document]) -> BoxFuture<'a, Result<()>>;

    /// Tells how the federation is.
    fn tell<'a>(&'a mut self, entry: &'a OutEntry) -> BoxFuture<'a, Result<()>>;
}

/// How far the downstream is, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Which RULINGS it was written from; none before the first batch.
    pub stream: Option<String>,
    /// Up to where.
    pub sequence: Sequence,
    /// Where each portfolio's chain ends.
    pub chains: BTreeMap<PortfolioId, Chain>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// Another RULINGS was read before: a person has to look.
    OtherStream,
    /// The downstream is behind: it lost what was written before.
    Behind,
}

/// What is in effect for a portfolio, as the backend reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whose it is.
    pub portfolio: PortfolioId,
    /// The ruling after which it is in effect.
    pub version: Version,
    /// The document, as JSON.
    pub json: String,
}

impl Position {
    /// Reads the position from the fields that it is kept in.
    ///
    /// # Errors
    /// They are no position.
    pub fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self> {
        let mut position = Self { stream: fields.get("stream").cloned(), ..Self::default() };
        if let Some(sequence) = fields.get("sequence") {
            position.sequence = Sequence(sequence.parse().context("the position's sequence is no number")?);
        }
        for (name, value) in fields {
            if let Some(portfolio) = name.strip_prefix("portfolio:") {
                let chain =
                    parse_chain(value).with_context(|| format!("the position's {name} is {value:?}"))?;
                position.chains.insert(portfolio.parse()?, chain);
            }
        }
        Ok(position)
    }
}

impl Document {
    /// The document of a ledger.
    ///
    /// # Errors
    /// None: what is in effect has a JSON form.
    pub fn of(ledger: &Ledger) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(&Effective::from(ledger))?;
        Ok(Self { portfolio: ledger.portfolio.clone(), version: ledger.version, json })
    }
}

#[cfg(test)]
mod tests {
    use proto::id::RulingHash;

    use super::*;
    use crate::emit::batch::chain_text;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_position_is_read_from_its_fields() {
        assert_eq!(Position::from_fields(&fields(&[])).unwrap(), Position::default());
        let hash = RulingHash::of(b"a");
        let chain = chain_text(Version(3), hash);
        let kept =
            fields(&[("stream", "s"), ("sequence", "9"), ("portfolio:a", &chain), ("effective:a", "3")]);
        let position = Position::from_fields(&kept).unwrap();
        assert_eq!((position.stream.as_deref(), position.sequence), (Some("s"), Sequence(9)));
        assert_eq!(position.chains[&"a".parse().unwrap()], Chain { version: Version(3), hash });
    }

    #[test]
    fn what_is_no_position_is_not_taken_for_one() {
        for wrong in [("sequence", "x"), ("portfolio:a", "3"), ("portfolio:no id!", "3 x")] {
            assert!(Position::from_fields(&fields(&[wrong])).is_err(), "{wrong:?}");
        }
    }
}
