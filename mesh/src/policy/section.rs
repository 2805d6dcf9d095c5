//! A section of the policy file, as its type, whole and per portfolio.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use proto::id::{PolicyRevision, PortfolioId};
use proto::policy::{Mistake, Policy};
use toml::Table;

use super::Located;
use super::document::{Document, merge, path_of};

/// A section of the policy; it follows the file.
#[derive(Debug, Clone)]
pub struct Section<P>(Arc<Follower<P>>);

/// What holds for a portfolio now.
#[derive(Debug, Clone)]
pub struct Current<P> {
    /// The section.
    pub policy: Arc<P>,
    /// The revision of the file that it comes from.
    pub revision: PolicyRevision,
}

/// Puts what was prepared in force.
type Commit = Box<dyn FnOnce() + Send>;

/// Somebody who has to agree before a changed file is taken up.
pub(super) trait Reading: Send + Sync {
    /// Reads the section from a new document, without taking it up yet.
    fn prepare(&self, document: &Document) -> Result<Commit, Vec<Located>>;
}

#[derive(Debug)]
struct Follower<P> {
    name: &'static str,
    now: Arc<RwLock<Arc<Read<P>>>>,
}

/// A section, read from one document.
#[derive(Debug)]
struct Read<P> {
    revision: PolicyRevision,
    common: Arc<P>,
    portfolios: BTreeMap<PortfolioId, Arc<P>>,
}

impl<P: Policy> Section<P> {
    pub(super) fn read(
        name: &'static str,
        document: &Document,
    ) -> Result<(Self, Arc<dyn Reading>), Vec<Located>> {
        let read = Read::of(name, document)?;
        let follower = Arc::new(Follower { name, now: Arc::new(RwLock::new(Arc::new(read))) });
        let reading: Arc<dyn Reading> = Arc::clone(&follower) as _;
        Ok((Self(follower), reading))
    }

    /// What holds for this portfolio now.
    pub fn of(&self, portfolio: &PortfolioId) -> Current<P> {
        let now = self.0.now();
        let policy = now.portfolios.get(portfolio).unwrap_or(&now.common);
        Current { policy: Arc::clone(policy), revision: now.revision.clone() }
    }

    /// What holds for a portfolio that has no part of its own.
    pub fn common(&self) -> Current<P> {
        let now = self.0.now();
        Current { policy: Arc::clone(&now.common), revision: now.revision.clone() }
    }
}

impl<P> Follower<P> {
    fn now(&self) -> Arc<Read<P>> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<P: Policy> Reading for Follower<P> {
    fn prepare(&self, document: &Document) -> Result<Commit, Vec<Located>> {
        let read = Arc::new(Read::<P>::of(self.name, document)?);
        let now = Arc::clone(&self.now);
        Ok(Box::new(move || *now.write().unwrap_or_else(PoisonError::into_inner) = read))
    }
}

impl<P: Policy> Read<P> {
    fn of(name: &str, document: &Document) -> Result<Self, Vec<Located>> {
        let base = document.section(name);
        let mut mistakes = Vec::new();
        let mut part = |portfolio: Option<&PortfolioId>, table: Table| {
            part::<P>(document, name, portfolio, table).map_err(|found| mistakes.extend(found)).ok()
        };
        let common = part(None, base.clone());
        let portfolios = document.portfolios(name).into_iter().filter_map(|(id, own)| {
            let mut whole = base.clone();
            merge(&mut whole, own);
            Some((id.clone(), Arc::new(part(Some(&id), whole)?)))
        });
        let portfolios: BTreeMap<PortfolioId, Arc<P>> = portfolios.collect();
        match common {
            Some(common) if mistakes.is_empty() => {
                Ok(Self { revision: document.revision.clone(), common: Arc::new(common), portfolios })
            }
            Some(_) | None => Err(mistakes),
        }
    }
}

/// One part of a section: its shape first, then its values.
fn part<P: Policy>(
    document: &Document,
    name: &str,
    portfolio: Option<&PortfolioId>,
    whole: Table,
) -> Result<P, Vec<Located>> {
    let path = path_of(portfolio, name);
    let label = path.join(".");
    // The part as it stands in the text, before it is laid over the common one: its errors know their line.
    if let Some(own) = document.spanned(&path)
        && let Err(wrong) = P::deserialize(toml::Deserializer::from(own))
    {
        let line = wrong.span().map(|span| document.line_at(span.start));
        return Err(vec![Located { line, what: format!("[{label}] {}", wrong.message()) }]);
    }
    let policy: P = toml::Value::Table(whole).try_into().map_err(|wrong: toml::de::Error| {
        vec![Located { line: None, what: format!("[{label}] {}", wrong.message()) }]
    })?;
    let mistakes: Vec<Located> =
        policy.mistakes().iter().map(|mistake| located(document, &path, name, &label, mistake)).collect();
    if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
}

/// The mistake with the line that the value comes from: the portfolio's part, else the common one.
fn located(document: &Document, path: &[&str], name: &str, label: &str, mistake: &Mistake) -> Located {
    let field = || mistake.field.split('.');
    let own: Vec<&str> = path.iter().copied().chain(field()).collect();
    let common: Vec<&str> = std::iter::once(name).chain(field()).collect();
    let line = document.line_of(&own).or_else(|| document.line_of(&common));
    Located { line, what: format!("[{label}] {mistake}") }
}
