//! The six roles as the arbiter meets them: untyped cases in, untyped verdicts out.

use std::collections::BTreeMap;

use proto::case::{Case, Executive, ReviewCase, Verdict, Veto};
use proto::id::Role;

/// A role that can be asked.
pub(crate) trait Desk {
    /// Its verdict on a case; an error when its memory cannot be read or written.
    fn evaluate(&self, case: Case) -> Result<Verdict, serde_json::Error>;

    /// What it forbids; none for a role that does not review.
    fn review(&self, case: ReviewCase) -> Result<Vec<Veto>, serde_json::Error>;
}

/// Who serves which role.
pub(crate) type Staff = BTreeMap<Role, Box<dyn Desk>>;

/// A role with the policy that it goes by.
pub(crate) struct Serving<E: Executive>(pub(crate) E::Policy);

impl<E: Executive> Desk for Serving<E> {
    fn evaluate(&self, case: Case) -> Result<Verdict, serde_json::Error> {
        E::evaluate(&self.0, &case.typed()?).untyped()
    }

    fn review(&self, case: ReviewCase) -> Result<Vec<Veto>, serde_json::Error> {
        Ok(E::review(&self.0, &case.typed()?))
    }
}
