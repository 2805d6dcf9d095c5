//! Symbols.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Symbols that may be traded, in order of preference, and those that may only be reduced. Fewer active is tighter.
// Shared where it stands in values: it is long, is handed on again and again, and seldom changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Universe {
    /// May be traded.
    pub active_symbols: Vec<String>,
    /// May only be reduced, until flat.
    pub excluded_symbols: Vec<String>,
}

impl Universe {
    /// What both allow, in this one's order; everything else that either names is excluded.
    #[must_use]
    pub fn meet(&self, other: &Arc<Self>) -> Arc<Self> {
        other.narrowed_to(&self.active_symbols, &self.excluded_symbols)
    }

    /// These symbols as far as this one allows them too, in their order; everything else that is named is excluded, these
    /// `excluded` ones first.
    #[must_use]
    pub fn narrowed_to(self: &Arc<Self>, active: &[String], excluded: &[String]) -> Arc<Self> {
        // A cause that stands asks for the same again and again.
        if self.active_symbols == active && self.excluded_symbols == excluded {
            return Arc::clone(self);
        }
        let allows = |symbol: &&String| self.active_symbols.contains(symbol);
        let (kept, dropped): (Vec<&String>, Vec<&String>) = active.iter().partition(allows);
        let mut rest: Vec<&String> = Vec::with_capacity(excluded.len());
        let named = excluded.iter().chain(&self.active_symbols).chain(&self.excluded_symbols);
        for symbol in dropped.into_iter().chain(named) {
            if !kept.contains(&symbol) && !rest.contains(&symbol) {
                rest.push(symbol);
            }
        }
        let active_symbols = kept.into_iter().cloned().collect();
        Arc::new(Self { active_symbols, excluded_symbols: rest.into_iter().cloned().collect() })
    }

    pub(super) fn gives_more_than(&self, other: &Self) -> bool {
        self.active_symbols.iter().any(|symbol| !other.active_symbols.contains(symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn fewer_symbols_are_tighter() {
        let universe = |active: &[&str], excluded: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Arc::new(Universe { active_symbols: names(active), excluded_symbols: names(excluded) })
        };
        let (all, some) = (universe(&["A", "B"], &["C"]), universe(&["B"], &["A", "C"]));
        assert_eq!(all.meet(&some).active_symbols, ["B"]);
        assert_eq!(all.meet(&some).excluded_symbols, ["A", "C"]);
        assert!(Value::Symbols(all.clone()).is_looser_than(&Value::Symbols(some.clone())));
        assert!(!Value::Symbols(some).is_looser_than(&Value::Symbols(all)));
    }
}
