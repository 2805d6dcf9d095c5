//! What the CRO has observed of a portfolio. Observations only: what is in force, and what a rule saw when it last
//! moved something, stands in the ledger.

use proto::event::{EssState, Snapshot};
use proto::number::Fraction;
use proto::time::Time;
use serde::{Deserialize, Serialize};

use crate::exposure_pct;
use crate::limits::LastSteps;
use crate::policy::Policy;

/// What the CRO has observed of a portfolio.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The lowest drawdown since a rise of it last moved something.
    pub(crate) lowest_drawdown: Lowest,
    /// The lowest exposure since too much of it last moved something.
    pub(crate) lowest_exposure: Lowest,
    /// The worst drawdown so far, as last reported: it falls when the producer begins to count anew.
    pub(crate) worst_drawdown: Option<Fraction>,
    /// Since when the drawdown has been low enough to restore thresholds.
    pub(crate) calm_since: Option<Time>,
    /// When a snapshot was last seen.
    pub(crate) seen_at: Option<Time>,
    /// The emergency stop's state as last heard.
    pub(crate) ess_state: Option<EssState>,
}

/// The lowest value seen since a rule last moved something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lowest {
    /// When the rule moved something; none before it ever did.
    pub(crate) since: Option<Time>,
    /// The lowest value; none before one was seen.
    pub(crate) value: Option<Fraction>,
}

impl Memory {
    pub(crate) fn see_snapshot(
        &mut self,
        policy: &Policy,
        now: Time,
        last: LastSteps<'_>,
        snapshot: &Snapshot,
    ) {
        self.lowest_drawdown.see(last.rise_at(), Some(snapshot.drawdown_pct));
        self.lowest_exposure.see(last.exposed_at(), exposure_pct(snapshot));
        self.worst_drawdown = snapshot.max_drawdown_pct.or(self.worst_drawdown);
        self.see_calm(policy, now, snapshot.drawdown_pct);
        self.seen_at = Some(now);
    }

    fn see_calm(&mut self, policy: &Policy, now: Time, drawdown: Fraction) {
        let rule = &policy.ess_restore;
        // What happened while nobody looked is unknown, and no calm.
        let watched = self.seen_at.is_some_and(|seen| now.since(seen) <= rule.longest_gap);
        let calm_so_far = self.calm_since.filter(|_| watched);
        let calm = drawdown < rule.drawdown_below_pct;
        self.calm_since = if calm { calm_so_far.or(Some(now)) } else { None };
    }
}

impl Lowest {
    fn see(&mut self, since: Option<Time>, seen: Option<Fraction>) {
        if since != self.since {
            *self = Self { since, value: None };
        }
        self.value = match (self.value, seen) {
            (Some(value), Some(seen)) => Some(value.min(seen)),
            (value, seen) => value.or(seen),
        };
    }
}
