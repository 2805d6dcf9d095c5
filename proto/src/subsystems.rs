//! What a freeze stops.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names of subsystems, in order, each once. A copy costs nothing: a freeze is asked for again on each event while its
/// cause stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Subsystems(Arc<BTreeSet<String>>);

impl Subsystems {
    /// The names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        // Mostly both are the same ones.
        self == others || others.0.is_subset(&self.0)
    }

    /// These and the others.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        if self.cover(others) { self.clone() } else { self.iter().chain(others.iter()).collect() }
    }
}

impl<Name: Into<String>> FromIterator<Name> for Subsystems {
    fn from_iter<Names: IntoIterator<Item = Name>>(names: Names) -> Self {
        Self(Arc::new(names.into_iter().map(Into::into).collect()))
    }
}

impl<Name: Into<String>, const N: usize> From<[Name; N]> for Subsystems {
    fn from(names: [Name; N]) -> Self {
        names.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_order_each_once_however_they_were_written() {
        let read: Subsystems = serde_json::from_str(r#"["trading", "risk", "trading"]"#).unwrap();
        assert_eq!(read, Subsystems::from(["risk", "trading"]));
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["risk","trading"]"#);
    }

    #[test]
    fn more_cover_fewer_and_both_together_cover_each() {
        let (one, two) = (Subsystems::from(["risk", "trading"]), Subsystems::from(["signals", "trading"]));
        let both = one.with(&two);
        assert_eq!(both.iter().collect::<Vec<_>>(), ["risk", "signals", "trading"]);
        assert!(both.cover(&one) && both.cover(&two) && one.cover(&one));
        assert!(!one.cover(&two) && !one.cover(&both));
        assert_eq!(both.with(&one), both);
        assert!(one.cover(&Subsystems::default()), "of nothing all is there");
    }
}
