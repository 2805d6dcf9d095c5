//! How the federation is: what `/health`, the status and the health stream tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh::roster::Roster;
use proto::id::{PortfolioId, Role};
use proto::time::{Period, Time};
use serde::Serialize;

use crate::emit::encode::OutEntry;
use crate::feed::FeedKind;
use crate::keys::FEDERATION_HEALTH;
use crate::roles::{Census, Serving};
use crate::view::View;

/// How long an event may wait for its ruling: a round takes far less, and a new leader of RULINGS at most half of it.
const RULING_PATIENCE: Period = Period::from_secs(30);

/// All that is known, for whoever tells it.
#[derive(Debug)]
pub struct Status {
    /// Portfolios and decisions.
    pub view: Arc<View>,
    /// Which roles answer.
    pub census: Census,
    /// Which roles are switched on.
    pub roster: Roster,
    /// How long each feed may be silent.
    pub patience: Vec<Patience>,
}

/// How long a feed may be silent once it was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// The feed.
    pub kind: FeedKind,
    /// Its stream.
    pub stream: String,
    /// How long.
    pub period: Period,
}

/// One role's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleDetail {
    /// Whether it is switched on.
    pub enabled: bool,
    /// What answers for it.
    #[serde(flatten)]
    pub serving: Serving,
}

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Everybody is there.
    Healthy,
    /// Somebody is missing.
    Degraded,
}

/// What the health stream tells the backend.
#[derive(Serialize)]
struct HealthData {
    status: Word,
    active_roles: usize,
    total_decisions: u64,
}

impl RoleDetail {
    /// Whether it takes part: switched on, and somebody answers.
    pub const fn is_active(&self) -> bool {
        self.enabled && self.serving.replicas > 0
    }
}

impl Patience {
    /// What to tell of a feed whose latest entry is from then; nothing while that is young enough, or there never was one.
    fn silence(&self, heard: Option<Time>, now: Time) -> Option<String> {
        let (heard, period) = (heard?, self.period);
        let is_silent = now.since(heard) > period;
        is_silent.then(|| format!("silent since {heard}, expected an entry every {period}"))
    }
}

impl Status {
    /// Every role of the mesh, and every other one that answers.
    pub fn roles(&self) -> BTreeMap<Role, RoleDetail> {
        let roster = self.roster.roles();
        let mut serving = self.census.latest();
        for role in Role::ALL {
            serving.entry(role).or_default();
        }
        let detail = |(role, serving): (Role, Serving)| {
            let enabled = roster.is_enabled(&role);
            (role, RoleDetail { enabled, serving })
        };
        serving.into_iter().map(detail).collect()
    }

    /// The roles that take part.
    pub fn active_roles(&self) -> usize {
        self.roles().values().filter(|detail| detail.is_active()).count()
    }

    /// Portfolios that nobody governs: their events wait for a ruling.
    pub fn neglected(&self, now: Time) -> BTreeSet<PortfolioId> {
        self.view.neglected(now.before(RULING_PATIENCE))
    }

    /// What is amiss, by name; nothing when all is well. `open` is what this process itself waits for.
    pub fn amiss(&self, mut open: BTreeMap<String, String>, now: Time) -> BTreeMap<String, String> {
        open.extend(self.view.troubled_feeds());
        for feed in &self.patience {
            if let Some(told) = feed.silence(self.view.heard(&feed.stream), now) {
                let all = open.remove(&format!("feed {}", feed.kind));
                let all = all.map_or_else(|| told.clone(), |all| format!("{all}; {told}"));
                open.insert(format!("feed {}", feed.kind), all);
            }
        }
        let neglected = self.neglected(now);
        if let Some(first) = neglected.first() {
            let told = format!("events of {} portfolios ({first} …) wait for a ruling", neglected.len());
            open.insert("arbiter".to_owned(), told);
        }
        let halted = self.view.halted();
        if !halted.is_empty() {
            let told: Vec<String> = halted
                .iter()
                .map(|(portfolio, why)| format!("portfolio {portfolio} halted: {why}"))
                .collect();
            open.insert("rulings".to_owned(), told.join("; "));
        }
        let disobeyed = self.view.disobeyed();
        if let Some((first, what)) = disobeyed.first_key_value() {
            let told =
                format!("{} portfolios do not have what was decided: {first} ({what}) …", disobeyed.len());
            open.insert("backend".to_owned(), told);
        }
        let hung = self.view.hung();
        for (role, detail) in self.roles() {
            if !detail.enabled {
                open.insert(role.to_string(), "switched off".to_owned());
            } else if detail.serving.replicas == 0 {
                open.insert(role.to_string(), "nobody answers".to_owned());
            } else if hung.contains(&role) {
                open.insert(role.to_string(), "does not answer in time, and is not asked".to_owned());
            }
        }
        open
    }

    /// The entry of the health stream.
    ///
    /// # Errors
    /// None: what it holds has a JSON form.
    pub fn health_entry(&self, now: Time) -> Result<OutEntry, serde_json::Error> {
        let amiss = self.amiss(BTreeMap::new(), now);
        let data = HealthData {
            status: Word::of(&amiss),
            active_roles: self.active_roles(),
            total_decisions: self.view.counts().decisions,
        };
        OutEntry::new(FEDERATION_HEALTH, now, &data)
    }
}

impl Word {
    /// The word for what is amiss.
    pub fn of(amiss: &BTreeMap<String, String>) -> Self {
        if amiss.is_empty() { Self::Healthy } else { Self::Degraded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_silent_once_it_was_heard_and_is_not_for_too_long() {
        let at = Time::from_millis;
        let stream = "quantum:stream:portfolio.snapshot_updated".to_owned();
        let feed = Patience { kind: FeedKind::Snapshot, stream, period: Period::from_secs(60) };
        assert_eq!(feed.silence(None, at(100_000)), None, "who never spoke is not silent");
        assert_eq!(feed.silence(Some(at(40_000)), at(100_000)), None);
        let told = feed.silence(Some(at(39_999)), at(100_000)).unwrap();
        assert!(told.starts_with("silent since 1970-01-01T00:00:39.999Z"), "{told}");
    }
}
