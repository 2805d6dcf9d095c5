//! A role's office: request bytes in, answer bytes out, wherever it is asked.

use async_nats::HeaderMap;
use proto::case::Executive;

use super::answer::{self, Refused};
use super::service::{Answers, Metrics};
use crate::node::Node;
use crate::policy::{BadPolicy, Section};

/// Answers what a role is asked. Clones share what is counted.
#[derive(Debug)]
pub struct Office<E: Executive> {
    section: Section<E::Policy>,
    metrics: Metrics,
}

impl<E: Executive> Office<E> {
    /// Opens it: the role's section of the policy is read, and followed.
    ///
    /// # Errors
    /// The section holds mistakes.
    pub fn open(node: &Node) -> Result<Self, BadPolicy> {
        // Leaked once, for a name that lives as long as the process.
        let role: &'static str = String::from(E::ROLE).leak();
        Ok(Self { section: node.policy.section::<E::Policy>(role)?, metrics: Metrics::new(&node.admin) })
    }

    /// Answers a list of cases.
    ///
    /// # Errors
    /// The request cannot be read.
    pub fn evaluate(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused> {
        answer::evaluate::<E>(&self.section, &self.metrics, headers, request)
    }

    /// Answers a review.
    ///
    /// # Errors
    /// The request cannot be read, or the role has no answer to it.
    pub fn review(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused> {
        answer::review::<E>(&self.section, &self.metrics, headers, request)
    }
}

impl<E: Executive> Answers for Office<E> {
    fn evaluate(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused> {
        Self::evaluate(self, headers, request)
    }

    fn review(&self, headers: &HeaderMap, request: &[u8]) -> Result<Vec<u8>, Refused> {
        Self::review(self, headers, request)
    }

    fn refused(&self) {
        self.metrics.unreadable.inc();
    }
}

impl<E: Executive> Clone for Office<E> {
    fn clone(&self) -> Self {
        Self { section: self.section.clone(), metrics: self.metrics.clone() }
    }
}
