//! The roles: the real ones, each in its office, answering on the broker's subjects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use ceo::Ceo;
use cfo::Cfo;
use cio::Cio;
use cro::Cro;
use mesh::Node;
use mesh::role::{Office, Refused};
use proto::case::Executive;
use proto::id::Role;
use proto::subject::Subjects;
use researcher::Researcher;
use serde_json::json;
use supervisor::Supervisor;

type Answer = dyn Fn(&HeaderMap, &[u8]) -> Result<Vec<u8>, Refused> + Send + Sync;

/// Who answers where.
#[derive(Default)]
pub(crate) struct Staff {
    desks: BTreeMap<String, (Role, Arc<Answer>)>,
    away: BTreeSet<Role>,
}

impl Staff {
    /// Everybody, on the policy of this node.
    pub(crate) fn hired(node: &Node, subjects: &Subjects) -> Self {
        let mut staff = Self::default();
        staff.hire::<Supervisor>(node, subjects);
        staff.hire::<Cro>(node, subjects);
        staff.hire::<Ceo>(node, subjects);
        staff.hire::<Cio>(node, subjects);
        staff.hire::<Cfo>(node, subjects);
        staff.hire::<Researcher>(node, subjects);
        staff
    }

    fn hire<E: Executive>(&mut self, node: &Node, subjects: &Subjects) {
        let office = Office::<E>::open(node).unwrap();
        let reviewing = office.clone();
        let evaluate: Arc<Answer> = Arc::new(move |headers, bytes| office.evaluate(headers, bytes));
        self.desks.insert(subjects.evaluate(&E::ROLE), (E::ROLE, evaluate));
        if E::REVIEWS {
            let review: Arc<Answer> = Arc::new(move |headers, bytes| reviewing.review(headers, bytes));
            self.desks.insert(subjects.review(&E::ROLE), (E::ROLE, review));
        }
    }

    pub(crate) fn roles(&self) -> Vec<Role> {
        let roles: BTreeSet<Role> = self.desks.values().map(|(role, _)| role.clone()).collect();
        roles.into_iter().collect()
    }

    /// Nobody answers for these roles.
    pub(crate) fn set_away(&mut self, away: BTreeSet<Role>) {
        self.away = away;
    }

    /// The answer of whoever sits there; none when nobody does.
    pub(crate) fn answer(
        &self,
        subject: &str,
        headers: &HeaderMap,
        request: &Bytes,
    ) -> Option<Result<Vec<u8>, String>> {
        let (role, answer) = self.desks.get(subject)?;
        let present = !self.away.contains(role);
        present.then(|| answer(headers, request).map_err(|refused| refused.why))
    }

    /// What everybody who is there tells about itself.
    pub(crate) fn introductions(&self) -> Vec<Bytes> {
        let there = self.desks.iter().filter(|(_, (role, _))| !self.away.contains(role));
        let told = there.map(|(subject, (role, _))| {
            json!({"version": "0", "metadata": {"role": role}, "endpoints": [{"subject": subject}]})
        });
        told.map(|told| Bytes::from(told.to_string())).collect()
    }
}
