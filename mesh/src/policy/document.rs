//! A policy file's text as tables, with the line of everything in it.

use proto::id::{PolicyRevision, PortfolioId, Role};
use toml::Table;
use toml::de::{DeTable, DeValue};

use super::Located;

/// The section of the court.
const COURT: &str = "court";
/// The table of the parts for single portfolios.
const PORTFOLIO: &str = "portfolio";

/// A policy file, parsed.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) revision: PolicyRevision,
    tables: Table,
}

impl Document {
    /// No file: every section is its default.
    pub(super) fn defaults() -> Self {
        let revision = PolicyRevision::of(&format!("defaults {}", env!("CARGO_PKG_VERSION")));
        Self { text: String::new(), revision, tables: Table::new() }
    }

    /// Reads the text and looks at the names of its sections.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Located>> {
        let tables = text.parse::<Table>().map_err(|wrong| {
            let line = wrong.span().map(|span| line_at(text, span.start));
            vec![Located { line, what: wrong.message().to_owned() }]
        })?;
        let document = Self { text: text.to_owned(), revision: PolicyRevision::of(text), tables };
        let mistakes = document.unknown_names();
        if mistakes.is_empty() { Ok(document) } else { Err(mistakes) }
    }

    /// The common part of a section.
    pub(super) fn section(&self, name: &str) -> Table {
        table(&self.tables, &[name]).cloned().unwrap_or_default()
    }

    /// The portfolios that have a part of their own in a section, and that part.
    pub(super) fn portfolios(&self, name: &str) -> Vec<(PortfolioId, Table)> {
        let all = table(&self.tables, &[PORTFOLIO]).into_iter().flatten();
        all.filter_map(|(id, own)| Some((id.parse().ok()?, own.as_table()?.get(name)?.as_table()?.clone())))
            .collect()
    }

    /// The text of the table at this path, on its own, for errors that know their line.
    pub(super) fn spanned(&self, path: &[&str]) -> Option<toml::Spanned<DeTable<'_>>> {
        let mut at = DeTable::parse(&self.text).ok()?;
        for key in path {
            let (_, value) = at.into_inner().into_iter().find(|(name, _)| name.get_ref() == key)?;
            let span = value.span();
            let DeValue::Table(inner) = value.into_inner() else { return None };
            at = toml::Spanned::new(span, inner);
        }
        Some(at)
    }

    /// The line of the key at this path; none when it is not there.
    pub(super) fn line_of(&self, path: &[&str]) -> Option<usize> {
        let (key, tables) = path.split_last()?;
        let table = self.spanned(tables)?.into_inner();
        let (name, _) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(line_at(&self.text, name.span().start))
    }

    /// The line of a place in the text.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        line_at(&self.text, offset)
    }

    fn unknown_names(&self) -> Vec<Located> {
        let top = self.tables.iter().filter(|(name, _)| *name != PORTFOLIO);
        let mut found: Vec<Located> =
            top.flat_map(|(name, value)| self.unknown(&[name], name, value.is_table())).collect();
        let all = self.tables.get(PORTFOLIO);
        if all.is_some_and(|all| !all.is_table()) {
            found.push(self.mistake(&[PORTFOLIO], "portfolio has to be a table".to_owned()));
        }
        for (id, own) in all.and_then(toml::Value::as_table).into_iter().flatten() {
            if let Err(bad) = id.parse::<PortfolioId>() {
                found.push(self.mistake(&[PORTFOLIO, id], bad.to_string()));
            }
            for (name, value) in own.as_table().into_iter().flatten() {
                found.extend(self.unknown(&[PORTFOLIO, id, name], name, value.is_table()));
            }
        }
        found
    }

    fn unknown(&self, path: &[&str], name: &str, is_table: bool) -> Option<Located> {
        let known = || std::iter::once(COURT).chain(Role::ALL.iter().map(Role::as_str).collect::<Vec<_>>());
        if !known().any(|known| known == name) {
            let list: Vec<&str> = known().collect();
            let what = format!("section {name} is not known, expected one of {}", list.join(", "));
            return Some(self.mistake(path, what));
        }
        (!is_table).then(|| self.mistake(path, format!("{name} has to be a table")))
    }

    fn mistake(&self, path: &[&str], what: String) -> Located {
        Located { line: self.line_of(path), what }
    }
}

/// `over` laid over `base`: tables key by key, everything else whole.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// The path of a section's table.
pub(super) fn path_of<'a>(portfolio: Option<&'a PortfolioId>, name: &'a str) -> Vec<&'a str> {
    match portfolio {
        None => vec![name],
        Some(id) => vec![PORTFOLIO, id.as_str(), name],
    }
}

fn table<'a>(tables: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter().try_fold(tables, |at, key| at.get(*key)?.as_table())
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
