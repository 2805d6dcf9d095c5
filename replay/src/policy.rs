//! The policy file as the model reads it: sections with defaults, a part for each portfolio laid over them, every
//! mistake named at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ceo::Ceo;
use cfo::Cfo;
use cio::Cio;
use court::policy::CourtPolicy;
use cro::Cro;
use proto::case::Executive;
use proto::id::{PolicyRevision, PortfolioId, Role};
use proto::policy::Policy;
use proto::terms::Terms;
use researcher::Researcher;
use supervisor::Supervisor;
use toml::{Table, Value};

use crate::roles::{Serving, Staff};

/// The section of the court.
const COURT: &str = "court";
/// The table of the parts for single portfolios.
const PORTFOLIO: &str = "portfolio";

/// What court and roles go by, per portfolio.
pub struct Policies {
    revision: PolicyRevision,
    common: Book,
    portfolios: BTreeMap<PortfolioId, Book>,
}

/// What court and roles go by for one portfolio.
pub(crate) struct Book {
    pub(crate) terms: Terms,
    pub(crate) staff: Staff,
}

/// Everything that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy cannot be used:{}", self.0.iter().map(|what| format!("\n  {what}")).collect::<String>())]
pub struct BadPolicy(Vec<String>);

impl Policies {
    /// The compiled-in defaults, under the revision that services without a policy file name.
    ///
    /// # Errors
    /// None: the defaults have no mistakes.
    pub fn defaults() -> Result<Self, BadPolicy> {
        let revision = PolicyRevision::of(&format!("defaults {}", env!("CARGO_PKG_VERSION")));
        Self::read(&Table::new(), revision)
    }

    /// A policy file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let tables = text.parse::<Table>().map_err(|wrong| BadPolicy(vec![wrong.to_string()]))?;
        Self::read(&tables, PolicyRevision::of(text))
    }

    /// The policy's revision, as it stands in verdicts and rulings.
    #[must_use]
    pub fn revision(&self) -> &PolicyRevision {
        &self.revision
    }

    pub(crate) fn of(&self, portfolio: &PortfolioId) -> &Book {
        self.portfolios.get(portfolio).unwrap_or(&self.common)
    }

    fn read(tables: &Table, revision: PolicyRevision) -> Result<Self, BadPolicy> {
        let mut mistakes = Vec::new();
        let sections: Table = tables.clone().into_iter().filter(|(name, _)| name != PORTFOLIO).collect();
        let common = Book::read(&sections, &revision, "", &mut mistakes);
        let mut portfolios = BTreeMap::new();
        for (id, own) in inner(tables, PORTFOLIO, &mut mistakes) {
            let Ok(portfolio) = id.parse::<PortfolioId>().map_err(|bad| mistakes.push(bad.to_string()))
            else {
                continue;
            };
            let mut whole = sections.clone();
            merge(&mut whole, inner(&Table::from_iter([(id.clone(), own)]), &id, &mut mistakes));
            let within = format!("{PORTFOLIO}.{id}.");
            portfolios.extend(Some(portfolio).zip(Book::read(&whole, &revision, &within, &mut mistakes)));
        }
        match common {
            Some(common) if mistakes.is_empty() => Ok(Self { revision, common, portfolios }),
            Some(_) | None => Err(BadPolicy(mistakes)),
        }
    }
}

impl Book {
    fn read(
        sections: &Table,
        revision: &PolicyRevision,
        within: &str,
        mistakes: &mut Vec<String>,
    ) -> Option<Self> {
        let known = |name: &str| name == COURT || Role::ALL.iter().any(|role| role.as_str() == name);
        let unknown = sections.keys().filter(|name| !known(name));
        mistakes.extend(unknown.map(|name| format!("section {within}{name} is not known")));
        let mut reading = Reading { sections, within, mistakes, staff: Staff::new() };
        reading.employ::<Supervisor>();
        reading.employ::<Cro>();
        reading.employ::<Ceo>();
        reading.employ::<Cio>();
        reading.employ::<Cfo>();
        reading.employ::<Researcher>();
        let court: CourtPolicy = reading.section(COURT)?;
        Some(Self { terms: court.terms(revision.clone()), staff: reading.staff })
    }
}

/// Sections on their way to a book.
struct Reading<'a> {
    sections: &'a Table,
    within: &'a str,
    mistakes: &'a mut Vec<String>,
    staff: Staff,
}

impl Reading<'_> {
    fn employ<E: Executive>(&mut self) {
        if let Some(policy) = self.section::<E::Policy>(E::ROLE.as_str()) {
            self.staff.insert(E::ROLE, Box::new(Serving::<E>(Arc::new(policy))));
        }
    }

    /// A section as its type; none when something is wrong with it.
    fn section<P: Policy>(&mut self, name: &str) -> Option<P> {
        let label = format!("[{}{name}]", self.within);
        let section = self.sections.get(name).cloned().unwrap_or_else(|| Table::new().into());
        match section.try_into::<P>() {
            Ok(policy) => {
                let found = policy.mistakes();
                self.mistakes.extend(found.iter().map(|mistake| format!("{label} {mistake}")));
                found.is_empty().then_some(policy)
            }
            Err(wrong) => {
                self.mistakes.push(format!("{label} {}", wrong.message()));
                None
            }
        }
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// The table of this name; empty where there is none.
fn inner(tables: &Table, name: &str, mistakes: &mut Vec<String>) -> Table {
    match tables.get(name) {
        Some(Value::Table(inner)) => inner.clone(),
        Some(_) => {
            mistakes.push(format!("{name} has to be a table"));
            Table::new()
        }
        None => Table::new(),
    }
}

/// `over` laid over `under`: tables key by key, everything else whole.
fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_file_the_defaults_hold() {
        let policies = Policies::defaults().unwrap();
        let terms = &policies.of(&PortfolioId::main()).terms;
        assert_eq!(*terms, CourtPolicy::default().terms(policies.revision().clone()));
        assert_eq!(policies.of(&PortfolioId::main()).staff.len(), 6);
    }

    #[test]
    fn a_portfolio_has_its_own_part_over_the_common_one() {
        let text = "[court]\nconfirm = 5\nflap_budget = 4\n[portfolio.main.court]\nconfirm = 9\n";
        let policies = Policies::parse(text).unwrap();
        let numbers = |portfolio: &PortfolioId| {
            let terms = &policies.of(portfolio).terms;
            (terms.confirm, terms.flap_budget)
        };
        assert_eq!(numbers(&PortfolioId::main()), (9, 4));
        assert_eq!(numbers(&"other".parse().unwrap()), (5, 4));
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let text = "[coe]\n[court]\nconfirm = 0\n[ceo]\nwait = 3\n[portfolio.main.cfo]\nlock = 1\n[portfolio.\"a b\"]\n";
        let told = Policies::parse(text).unwrap_err().to_string();
        for part in ["section coe", "[court] confirm", "[ceo] ", "[portfolio.main.cfo] ", "a b"] {
            assert!(told.contains(part), "{part} is missing in {told}");
        }
    }
}
