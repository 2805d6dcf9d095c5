//! The policy file: every mistake found at once, a part for each portfolio, taken up again when it changes.

mod document;
mod section;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use proto::id::PolicyRevision;
use proto::policy::Policy;
use tracing::{error, info};

use self::document::Document;
use self::section::Reading;
use crate::admin::Admin;
use crate::metric;
use crate::node::BadConfiguration;
use crate::shutdown::Shutdown;

pub use section::{Current, Section};

/// How often a policy file is looked at for changes.
const POLL: Duration = Duration::from_secs(2);

/// The policy file, or the defaults where there is none.
#[derive(Clone)]
pub struct PolicyFile {
    path: Option<PathBuf>,
    document: Arc<RwLock<Arc<Document>>>,
    readings: Arc<Mutex<Vec<Arc<dyn Reading>>>>,
}

/// Everything that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BadPolicy {
    file: String,
    mistakes: Vec<Located>,
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The line, where it is known; from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl BadPolicy {
    /// Everything that is wrong.
    pub fn mistakes(&self) -> &[Located] {
        &self.mistakes
    }
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy cannot be used:")?;
        self.mistakes.iter().try_for_each(|Located { line, what }| match line {
            Some(line) => write!(f, "\n  {}:{line}: {what}", self.file),
            None => write!(f, "\n  {}: {what}", self.file),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    outcome: &'static str,
}

impl PolicyFile {
    /// Reads the file; the defaults without one.
    ///
    /// # Errors
    /// The file cannot be read ([`BadConfiguration`]), or is no policy ([`BadPolicy`]).
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let document = match path {
            Some(path) => Self::parsed(path, &read(path)?)?,
            None => Document::defaults(),
        };
        Ok(Self::over(path.map(Path::to_owned), document))
    }

    /// A policy from text, for tests and tools.
    ///
    /// # Errors
    /// The text is no policy.
    pub fn from_text(text: &str) -> Result<Self, BadPolicy> {
        Ok(Self::over(None, Self::parsed(Path::new("policy.toml"), text)?))
    }

    fn over(path: Option<PathBuf>, document: Document) -> Self {
        Self { path, document: Arc::new(RwLock::new(Arc::new(document))), readings: Arc::default() }
    }

    fn parsed(path: &Path, text: &str) -> Result<Document, BadPolicy> {
        Document::parse(text).map_err(|mistakes| BadPolicy { file: path.display().to_string(), mistakes })
    }

    /// The revision in use.
    pub fn revision(&self) -> PolicyRevision {
        self.document().revision.clone()
    }

    /// A section, whole and per portfolio; it follows the file when that changes.
    ///
    /// # Errors
    /// The section holds mistakes: all of them are named.
    pub fn section<P: Policy>(&self, name: &'static str) -> Result<Section<P>, BadPolicy> {
        let document = self.document();
        let (section, reading) = Section::read(name, &document).map_err(|mistakes| self.bad(mistakes))?;
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
        Ok(section)
    }

    /// Looks at the file every two seconds: a valid change is taken up, an invalid one is logged and the last good
    /// policy stays.
    pub fn watch(&self, admin: &Admin, shutdown: &Shutdown) {
        let Some(path) = self.path.clone() else { return };
        let reloads = Family::<Reload, Counter>::default();
        admin.register(|registry| {
            registry.register(metric::POLICY_RELOADS, "Changed policy files, by outcome", reloads.clone());
        });
        let policy = self.clone();
        shutdown.attend("policy", async move {
            let mut seen = policy.document().text.clone();
            loop {
                tokio::time::sleep(POLL).await;
                let Ok(text) = tokio::fs::read_to_string(&path).await else { continue };
                if text == seen {
                    continue;
                }
                let outcome = policy.take_up(&path, &text);
                reloads.get_or_create(&Reload { outcome }).inc();
                seen = text;
            }
        });
    }

    fn take_up(&self, path: &Path, text: &str) -> &'static str {
        match self.replace(path, text) {
            Ok(revision) => {
                info!(%revision, "the policy file changed and is in use");
                "used"
            }
            Err(bad) => {
                error!("the policy file changed and is not used, the last good one stays: {bad}");
                "refused"
            }
        }
    }

    /// All sections of the new file, or none.
    fn replace(&self, path: &Path, text: &str) -> Result<PolicyRevision, BadPolicy> {
        let document = Arc::new(Self::parsed(path, text)?);
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut ready, mut mistakes) = (Vec::new(), Vec::new());
        for reading in readings.iter() {
            match reading.prepare(&document) {
                Ok(commit) => ready.push(commit),
                Err(found) => mistakes.extend(found),
            }
        }
        if !mistakes.is_empty() {
            return Err(BadPolicy { file: path.display().to_string(), mistakes });
        }
        ready.into_iter().for_each(|commit| commit());
        let revision = document.revision.clone();
        *self.document.write().unwrap_or_else(PoisonError::into_inner) = document;
        Ok(revision)
    }

    fn document(&self) -> Arc<Document> {
        Arc::clone(&self.document.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn bad(&self, mistakes: Vec<Located>) -> BadPolicy {
        let file =
            self.path.as_deref().map_or_else(|| "policy".to_owned(), |path| path.display().to_string());
        BadPolicy { file, mistakes }
    }
}

impl fmt::Debug for PolicyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyFile").field("path", &self.path).field("revision", &self.revision()).finish()
    }
}

fn read(path: &Path) -> Result<String, BadConfiguration> {
    std::fs::read_to_string(path)
        .map_err(|failed| BadConfiguration::new(format!("--policy {}: {failed}", path.display())))
}

#[cfg(test)]
mod tests {
    use proto::id::PortfolioId;
    use proto::number::Fraction;
    use proto::policy::Mistake;
    use proto::time::Period;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Ceo {
        drawdown_pct: Fraction,
        wait: Period,
        deep: Deep,
    }

    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Deep {
        days: u32,
        times: u32,
    }

    impl Default for Ceo {
        fn default() -> Self {
            Self { drawdown_pct: Fraction::lit(0.05), wait: Period::from_secs(60), deep: Deep::default() }
        }
    }

    impl Policy for Ceo {
        fn mistakes(&self) -> Vec<Mistake> {
            let mut mistakes = Vec::new();
            if self.drawdown_pct > Fraction::lit(1.0) {
                mistakes.push(Mistake::new("drawdown_pct", self.drawdown_pct, "a fraction"));
            }
            if self.deep.days > 100 {
                mistakes.push(Mistake::new("deep.days", self.deep.days, "at most 100"));
            }
            mistakes
        }
    }

    fn main() -> PortfolioId {
        PortfolioId::main()
    }

    fn mistakes(text: &str) -> Vec<String> {
        let found = match PolicyFile::from_text(text) {
            Ok(policy) => policy.section::<Ceo>("ceo").unwrap_err(),
            Err(bad) => bad,
        };
        found.mistakes().iter().map(|at| format!("{:?} {}", at.line, at.what)).collect()
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let policy = PolicyFile::open(None).unwrap();
        let ceo = policy.section::<Ceo>("ceo").unwrap();
        assert_eq!(*ceo.of(&main()).policy, Ceo::default());
        assert_eq!(ceo.of(&main()).revision, policy.revision());
    }

    #[test]
    fn a_portfolio_has_its_own_part_over_the_common_one() {
        let policy = PolicyFile::from_text(
            "[ceo]\ndrawdown_pct = 0.04\n[ceo.deep]\ndays = 3\ntimes = 4\n[portfolio.main.ceo.deep]\ndays = 9\n",
        )
        .unwrap();
        let ceo = policy.section::<Ceo>("ceo").unwrap();
        let other = ceo.of(&"other".parse().unwrap()).policy;
        assert_eq!((other.deep.days, other.deep.times), (3, 4));
        let own = ceo.of(&main()).policy;
        assert_eq!((own.deep.days, own.deep.times, own.drawdown_pct), (9, 4, Fraction::lit(0.04)));
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        assert_eq!(
            mistakes(
                "[ceo]\ndrawdown_pct = 3.0\n[ceo.deep]\ndays = 200\n\n[portfolio.main.ceo.deep]\ndays = 300\n"
            ),
            [
                "Some(2) [ceo] drawdown_pct: seen 300 %, expected a fraction",
                "Some(4) [ceo] deep.days: seen 200, expected at most 100",
                "Some(2) [portfolio.main.ceo] drawdown_pct: seen 300 %, expected a fraction",
                "Some(7) [portfolio.main.ceo] deep.days: seen 300, expected at most 100",
            ]
        );
    }

    #[test]
    fn shapes_that_do_not_fit_are_named_with_their_line() {
        let found = mistakes("[ceo]\nwait = \"soon\"\n[portfolio.main.ceo]\ndrawdawn = 1\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("Some(2) [ceo] ") && found[0].contains("soon"), "{found:?}");
        assert!(found[1].starts_with("Some(4) [portfolio.main.ceo] unknown field `drawdawn`"), "{found:?}");
    }

    #[test]
    fn unknown_sections_and_portfolios_are_mistakes() {
        let found = mistakes("[coe]\n[portfolio.main.cto]\n[portfolio.\"a b\".ceo]\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("Some(1) section coe is not known"), "{found:?}");
        assert!(mistakes("[ceo\n")[0].starts_with("Some(1)"));
    }

    #[test]
    fn a_valid_change_is_taken_up_and_an_invalid_one_is_not() {
        let path = Path::new("policy.toml");
        let policy = PolicyFile::from_text("[ceo]\ndrawdown_pct = 0.04\n").unwrap();
        let ceo = policy.section::<Ceo>("ceo").unwrap();
        let first = policy.revision();
        assert_eq!(policy.take_up(path, "[ceo]\ndrawdown_pct = 7.0\n"), "refused");
        assert_eq!(ceo.of(&main()).policy.drawdown_pct, Fraction::lit(0.04));
        assert_eq!(policy.revision(), first);
        assert_eq!(policy.take_up(path, "[ceo]\ndrawdown_pct = 0.07\n"), "used");
        let now = ceo.of(&main());
        assert_eq!(now.policy.drawdown_pct, Fraction::lit(0.07));
        assert_eq!(now.revision, policy.revision());
        assert_ne!(now.revision, first);
    }
}
