//! The CFO: where profit goes. Pure, and without memory: a verdict is a function of policy and snapshot.

mod policy;
mod rules;

pub use policy::{BuildReserve, ExcessReserve, Policy, Preserve, StrongProfit};
pub use rules::{BUILD_RESERVE, EXCESS_RESERVE, PRESERVE, STRONG_PROFIT};

use proto::case::{Brief, Executive, Statement};
use proto::event::{Body, EventKind};
use proto::id::Role;

/// The role that owns the cashflow.
#[derive(Debug, Clone, Copy)]
pub struct Cfo;

impl Executive for Cfo {
    const ROLE: Role = Role::CFO;
    const INTERESTS: &'static [EventKind] = &[EventKind::Snapshot];
    type Policy = Policy;
    type Memory = ();

    fn hear(policy: &Policy, brief: Brief<'_>, (): &mut ()) -> Statement {
        let proposals = match &brief.event.body {
            Body::Snapshot(snapshot) => rules::first(policy, snapshot).into_iter().collect(),
            Body::Health(_) | Body::Model(_) | Body::Receipt(_) | Body::ClockDue(_) | Body::Command(_) => {
                Vec::new()
            }
        };
        Statement { proposals, wake_at: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::case::{Case, Verdict};
    use proto::event::Snapshot;
    use proto::number::Fraction;
    use proto::proposal::Ask;
    use proto::regressions;
    use proto::testing::laws::usual;
    use proto::testing::{self, MONDAY, Story, any, snapshot};
    use proto::time::Period;

    use super::*;

    #[test]
    fn a_standing_cause_asks_for_the_same_again() {
        let mut story = Story::<Cfo>::default();
        let deep = Snapshot { drawdown_pct: Fraction::lit(0.12), ..snapshot() };
        let first = story.tell_and_grant(MONDAY, Body::Snapshot(deep.clone()));
        assert_eq!(first.len(), 1);
        let granted = story.ledger.owned.cashflow;
        for again in 1..100 {
            let at = MONDAY.after(Period::from_secs(5 * again));
            assert_eq!(story.tell_and_grant(at, Body::Snapshot(deep.clone())), first);
            assert_eq!(story.ledger.owned.cashflow, granted);
        }
    }

    #[test]
    fn the_empty_memory_reads_back() {
        let written = Verdict { proposals: Vec::new(), memory: (), wake_at: None }.untyped().unwrap();
        let case = Case {
            event: testing::event(MONDAY, Body::Snapshot(snapshot())),
            ledger: testing::ledger(),
            base: testing::base(),
            memory: Some(written.memory),
        };
        assert!(case.typed::<()>().is_ok());
    }

    proptest! {
        #![proptest_config(usual(regressions!("rules")))]

        #[test]
        fn any_event_asks_for_at_most_one_cashflow_of_the_policy(body in any::bodies(&["xgboost"])) {
            let mut story = Story::<Cfo>::default();
            let proposals = story.tell(MONDAY, body.clone());
            prop_assert!(proposals.len() <= 1);
            for proposal in &proposals {
                let sets = matches!(proposal.ask, Ask::Set { .. });
                prop_assert!(sets);
                prop_assert!(!proposal.facts.is_empty());
            }
            prop_assert_eq!(Story::<Cfo>::default().tell(MONDAY, body), proposals);
        }
    }
}
