//! P11: a signal that straddles a threshold, for a day and more.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proto::id::Role;
use proto::number::Fraction;
use proto::proposal::Proposal;
use proto::regressions;
use proto::terms::Terms;
use proto::testing::base;
use proto::testing::laws::law;
use proto::time::{Period, Time};
use proto::value::{Cashflow, EssThresholds, Kind, Mode, Profile, Universe, Value};

use crate::testing::random::terms;
use crate::testing::{self, Story, clear, hold_at, leverage, set};

/// How long the budget counts.
const DAY: Period = Period::from_hours(24);

proptest! {
    #![proptest_config(law(regressions!("properties")))]

    #[test]
    fn p11_a_signal_that_straddles_a_threshold_loosens_no_more_often_than_the_budget(
        terms in terms(), (role, rule, tight, loose) in straddled(), waits in waits(),
    ) {
        let mut story = Story::under(calm(terms));
        let (budget, kind) = (story.terms.flap_budget as usize, tight.kind());
        let mut loosened: Vec<Time> = Vec::new();
        for wait in waits {
            story.now = story.now.after(wait);
            story.snapshot().says(set(&role, rule, tight.clone())).pass();
            for _ in 0..story.terms.confirm {
                loosened.extend(loosened_by(&mut story, kind, set(&role, rule, loose.clone())));
            }
        }
        prop_assert!(is_within(budget, &loosened), "{loosened:?}");
    }

    #[test]
    fn p11_nor_does_a_hold_that_is_placed_and_cleared_all_day(terms in terms(), waits in waits()) {
        let mut story = Story::under(calm(terms));
        let budget = story.terms.flap_budget as usize;
        let mut loosened: Vec<Time> = Vec::new();
        for wait in waits {
            story.now = story.now.after(wait);
            story.snapshot().says(hold_at("supervisor.x", Value::Mode(Mode::Paused))).pass();
            for _ in 0..=story.terms.confirm {
                loosened.extend(loosened_by(&mut story, Kind::Mode, clear("supervisor.x")));
            }
        }
        prop_assert!(is_within(budget, &loosened), "{loosened:?}");
    }
}

/// Says this once more, and tells when a value in effect loosened with it.
fn loosened_by(story: &mut Story, kind: Kind, proposal: Proposal) -> Option<Time> {
    story.now = story.now.after(pace(&story.terms));
    let before = story.ledger.effective.get(kind);
    story.snapshot().says(proposal).pass();
    story.ledger.effective.get(kind).is_looser_than(&before).then_some(story.now)
}

/// Whether no day holds more of these than the budget.
fn is_within(budget: usize, loosened: &[Time]) -> bool {
    loosened.windows(budget + 1).all(|window| window[budget].since(window[0]) >= DAY)
}

/// An owner, and what it asks for on either side of its threshold.
fn straddled() -> impl Strategy<Value = (Role, &'static str, Value, Value)> {
    let base = base();
    let micro = Arc::new(Universe { active_symbols: Vec::new(), ..(*base.symbols).clone() });
    let ess = EssThresholds { caution_threshold_pct: Fraction::lit(0.02), ..base.ess };
    let none =
        Cashflow { reinvest_pct: Fraction::ZERO, profit_lock_pct: Fraction::lit(0.9), ..base.cashflow };
    select(vec![
        (Role::CEO, "ceo.x", Value::Mode(Mode::Shadow), Value::Mode(Mode::Live)),
        (Role::CEO, "ceo.x", Value::Profile(Profile::Micro), Value::Profile(Profile::Low)),
        (Role::CRO, "cro.x", leverage(5.0), leverage(10.0)),
        (Role::CRO, "cro.x", Value::Ess(ess), Value::Ess(base.ess)),
        (Role::CIO, "cio.x", Value::Symbols(micro), Value::Symbols(base.symbols)),
        (Role::CFO, "cfo.x", Value::Cashflow(none), Value::Cashflow(base.cashflow)),
    ])
}

/// How long the signal stays on the tight side each time.
fn waits() -> impl Strategy<Value = Vec<Period>> {
    vec(prop_oneof![2 => 1_i64..600, 1 => 600_i64..20_000], 8..14)
        .prop_map(|waits| waits.into_iter().map(Period::from_secs).collect())
}

/// These numbers, and the defaults' seats and base: a further guardian that nobody hears would stop everything.
fn calm(terms: Terms) -> Terms {
    let defaults = testing::terms();
    Terms { seats: defaults.seats, base: defaults.base, ..terms }
}

/// The shortest steps in which a loosening is confirmed.
fn pace(terms: &Terms) -> Period {
    let steps = i64::from(terms.confirm.saturating_sub(1)).max(1);
    Period::from_millis((terms.confirm_over.as_millis() / steps + 1).max(1000))
}
