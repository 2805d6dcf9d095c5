//! Trading mode.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trading mode, from loosest to tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Orders reach the exchange.
    Live,
    /// Orders are simulated.
    Shadow,
    /// No new orders.
    Paused,
    /// The emergency stop is pulled.
    Emergency,
}

impl Mode {
    /// All four, loosest first.
    pub const ALL: [Self; 4] = [Self::Live, Self::Shadow, Self::Paused, Self::Emergency];

    /// The word for it, as it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Shadow => "SHADOW",
            Self::Paused => "PAUSED",
            Self::Emergency => "EMERGENCY",
        }
    }

    /// The mode one stage looser on the way back to LIVE.
    #[must_use]
    pub const fn one_stage_looser(self) -> Self {
        match self {
            Self::Emergency => Self::Paused,
            Self::Paused => Self::Shadow,
            Self::Shadow | Self::Live => Self::Live,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_to_live_has_three_stages() {
        let stages: Vec<Mode> =
            std::iter::successors(Some(Mode::Emergency), |mode| Some(mode.one_stage_looser()))
                .take(5)
                .collect();
        assert_eq!(stages, [Mode::Emergency, Mode::Paused, Mode::Shadow, Mode::Live, Mode::Live]);
    }
}
