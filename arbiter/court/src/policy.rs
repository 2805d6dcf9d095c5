//! The court's part of the policy file: what a portfolio begins with, who sits, and how a loosening is earned.

mod defaults;
mod partial;

use std::collections::{BTreeMap, BTreeSet};

use proto::event::EventKind;
use proto::id::{PolicyRevision, Role};
use proto::number::Fraction;
use proto::policy::{Checks, Mistake, Policy};
use proto::terms::{Seat, Terms};
use proto::time::Period;
use proto::value::{Kind, Profile, ProfileTerms, Values};
use serde::{Deserialize, Serialize};

use crate::bounds::check_value;

/// The court's part of the policy file. Tables given in part are laid over the defaults, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CourtPolicy {
    /// How often a loosening has to be proposed.
    pub confirm: u32,
    /// Over how long at least.
    pub confirm_over: Period,
    /// How long after a loosening of a value the next one waits.
    #[serde(deserialize_with = "partial::cool_down")]
    pub cool_down: BTreeMap<Kind, Period>,
    /// The most loosenings of one value in 24 hours.
    pub flap_budget: u32,
    /// A jump of equity by more than this share makes a snapshot suspect.
    pub suspect_jump_pct: Fraction,
    /// How many snapshots have to agree before a jump is believed.
    pub suspect_confirm: u32,
    /// How long before it runs out a hold whose cause stands is extended.
    pub extend_before: Period,
    /// How long a due hold waits before it is looked at again while a guardian is absent.
    pub due_retry: Period,
    /// Whether loosening against a hold takes a second person.
    pub two_person: bool,
    /// What a portfolio begins with.
    #[serde(deserialize_with = "partial::base")]
    pub base: Values,
    /// What each profile allows.
    #[serde(deserialize_with = "partial::profiles")]
    pub profiles: BTreeMap<Profile, ProfileTerms>,
    /// Who may ask for what, and who goes first.
    #[serde(deserialize_with = "partial::seats")]
    pub seats: BTreeMap<Role, Seat>,
}

impl Default for CourtPolicy {
    fn default() -> Self {
        Self {
            confirm: 3,
            confirm_over: Period::from_secs(60),
            cool_down: defaults::cool_down(),
            flap_budget: 6,
            suspect_jump_pct: Fraction::lit(0.3),
            suspect_confirm: 3,
            extend_before: Period::from_secs(60),
            due_retry: Period::from_secs(10),
            two_person: false,
            base: defaults::base(),
            profiles: defaults::profiles(),
            seats: defaults::seats(),
        }
    }
}

impl CourtPolicy {
    /// The terms that the court rules by under this policy.
    #[must_use]
    pub fn terms(&self, policy: PolicyRevision) -> Terms {
        let own = self.clone();
        Terms {
            policy,
            base: own.base,
            profiles: own.profiles,
            seats: own.seats,
            confirm: own.confirm,
            confirm_over: own.confirm_over,
            cool_down: own.cool_down,
            flap_budget: own.flap_budget,
            suspect_jump_pct: own.suspect_jump_pct,
            suspect_confirm: own.suspect_confirm,
            extend_before: own.extend_before,
            due_retry: own.due_retry,
            two_person: own.two_person,
        }
    }

    fn check_numbers(&self, checks: &mut Checks) {
        let (second, hour, day) = (Period::from_secs(1), Period::from_hours(1), Period::from_hours(24));
        checks.count("confirm", self.confirm, 1, 100);
        checks.period("confirm_over", self.confirm_over, Period::ZERO, day);
        for (kind, rest) in &self.cool_down {
            checks.period(&format!("cool_down.{kind}"), *rest, Period::ZERO, Period::from_hours(7 * 24));
        }
        checks.count("flap_budget", self.flap_budget, 1, 1000);
        checks.share("suspect_jump_pct", self.suspect_jump_pct);
        checks.count("suspect_confirm", self.suspect_confirm, 1, 100);
        checks.period("extend_before", self.extend_before, second, hour);
        checks.period("due_retry", self.due_retry, second, hour);
    }

    fn check_base(&self, checks: &mut Checks) {
        for kind in Kind::ALL {
            if let Err(detail) = check_value(&self.base.get(kind)) {
                checks.expect(false, &format!("base.{kind}"), detail, "values that a role might propose");
            }
        }
    }

    /// Limits by hand may be anything tighter; what a portfolio begins with, and comes back to, has to make sense as a whole.
    fn check_limits(&self, checks: &mut Checks) {
        let limits = &self.base.limits;
        checks.leverage("base.limits.max_leverage", limits.max_leverage, limits.max_exposure_pct);
    }

    /// A profile with less risk must not allow more of anything.
    fn check_profiles(&self, checks: &mut Checks) {
        let mut looser: Option<&ProfileTerms> = None;
        for profile in Profile::ALL {
            let field = format!("profiles.{profile}");
            let Some(terms) = self.profiles.get(&profile) else {
                checks.expect(false, &field, "nothing", "what the profile allows");
                continue;
            };
            checks.share(&format!("{field}.max_risk_per_trade_pct"), terms.max_risk_per_trade_pct);
            checks.share(&format!("{field}.max_daily_risk_pct"), terms.max_daily_risk_pct);
            checks.count(&format!("{field}.max_positions"), terms.max_positions, 1, 1000);
            let ordered = looser.is_none_or(|looser| allows_no_more(terms, looser));
            checks.expect(ordered, &field, "more", "no more than the profile with more risk allows");
            looser = Some(terms);
        }
    }

    fn check_seats(&self, checks: &mut Checks) {
        let mut ranks = BTreeSet::new();
        for (role, seat) in &self.seats {
            let field = |name: &str| format!("seats.{role}.{name}");
            checks.count(&field("rank"), u32::from(seat.rank), 1, 254);
            checks.expect(ranks.insert(seat.rank), &field("rank"), seat.rank, "a rank of its own");
            let commands = seat.interests.contains(EventKind::Command);
            checks.expect(
                !commands,
                &field("interests"),
                EventKind::Command,
                "no commands: no role is asked",
            );
        }
        let count = |is: fn(&Seat) -> bool| self.seats.values().filter(|seat| is(seat)).count();
        let (reviewers, guardians) = (count(|seat| seat.reviews), count(|seat| seat.guardian));
        checks.expect(
            reviewers == 1,
            "seats",
            format!("{reviewers} that review"),
            "exactly one that reviews",
        );
        checks.expect(guardians > 0, "seats", "no guardian", "at least one guardian");
    }
}

impl Policy for CourtPolicy {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        self.check_numbers(&mut checks);
        self.check_base(&mut checks);
        self.check_limits(&mut checks);
        self.check_profiles(&mut checks);
        self.check_seats(&mut checks);
        checks.finish()
    }
}

fn allows_no_more(tighter: &ProfileTerms, looser: &ProfileTerms) -> bool {
    tighter.max_risk_per_trade_pct <= looser.max_risk_per_trade_pct
        && tighter.max_daily_risk_pct <= looser.max_daily_risk_pct
        && tighter.max_positions <= looser.max_positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_mistakes_and_read_back() {
        let policy = CourtPolicy::default();
        assert_eq!(policy.mistakes(), []);
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<CourtPolicy>(&text).unwrap(), policy);
    }

    #[test]
    fn the_base_is_what_the_builders_begin_with() {
        assert_eq!(CourtPolicy::default().base, proto::testing::base());
    }

    #[test]
    fn what_is_given_in_part_is_laid_over_the_defaults() {
        let text = r#"{
            "confirm": 5,
            "cool_down": {"mode": "10m"},
            "base": {"limits": {"max_leverage": 4.0}},
            "profiles": {"LOW": {"max_positions": 2}},
            "seats": {"quant": {"rank": 7, "authority": ["RESEARCH_TASK"], "interests": []}}
        }"#;
        let policy: CourtPolicy = serde_json::from_str(text).unwrap();
        assert_eq!(policy.mistakes(), []);
        assert_eq!(policy.cool_down.len(), CourtPolicy::default().cool_down.len() + 1);
        assert_eq!(policy.base.limits.max_leverage.get(), 4.0);
        assert_eq!(
            policy.base.limits.max_position_size_usd,
            proto::testing::base().limits.max_position_size_usd
        );
        assert_eq!(policy.profiles[&Profile::Low].max_positions, 2);
        assert_eq!(policy.profiles.len(), 4);
        assert_eq!(policy.seats.len(), 7);
    }

    #[test]
    fn an_unknown_field_is_refused_at_any_depth() {
        for text in [r#"{"confrim": 3}"#, r#"{"base": {"limits": {"leverage": 1.0}}}"#] {
            assert!(serde_json::from_str::<CourtPolicy>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_cools_down_for_a_week_at_most_and_a_guardian_has_a_seat() {
        let fields = |policy: &CourtPolicy| -> Vec<String> {
            policy.mistakes().into_iter().map(|mistake| mistake.field).collect()
        };
        let mut policy = CourtPolicy::default();
        for (hours, fits) in [(48, true), (7 * 24, true), (7 * 24 + 1, false)] {
            policy.cool_down.insert(Kind::Mode, Period::from_hours(hours));
            assert_eq!(fields(&policy).is_empty(), fits, "{hours}");
        }
        let mut policy = CourtPolicy::default();
        policy.seats.values_mut().for_each(|seat| seat.guardian = false);
        assert_eq!(fields(&policy), ["seats"]);
    }

    #[test]
    fn a_profile_with_less_risk_allows_no_more_of_anything() {
        let more = |share: Fraction| share.plus(Fraction::lit(0.001));
        let normal = CourtPolicy::default().profiles[&Profile::Normal];
        let low = CourtPolicy::default().profiles[&Profile::Low];
        let too_much = [
            ProfileTerms { max_risk_per_trade_pct: more(normal.max_risk_per_trade_pct), ..low },
            ProfileTerms { max_daily_risk_pct: more(normal.max_daily_risk_pct), ..low },
            ProfileTerms { max_positions: normal.max_positions + 1, ..low },
        ];
        for low in too_much {
            let mut policy = CourtPolicy::default();
            policy.profiles.insert(Profile::Low, low);
            let fields: Vec<String> = policy.mistakes().into_iter().map(|mistake| mistake.field).collect();
            assert_eq!(fields, ["profiles.LOW"]);
        }
    }

    #[test]
    fn leverage_and_exposure_fit_each_other() {
        for (leverage, exposure, fits) in [(10.0, 0.9, true), (0.9, 0.9, true), (0.89, 0.9, false)] {
            let mut policy = CourtPolicy::default();
            policy.base.limits.max_leverage = proto::number::Ratio::lit(leverage);
            policy.base.limits.max_exposure_pct = Fraction::lit(exposure);
            let fields: Vec<String> = policy.mistakes().into_iter().map(|mistake| mistake.field).collect();
            assert_eq!(fields.is_empty(), fits, "{leverage} beside {exposure}: {fields:?}");
        }
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let mut policy = CourtPolicy { confirm: 0, due_retry: Period::ZERO, ..CourtPolicy::default() };
        policy.base.ess.caution_threshold_pct = Fraction::lit(0.5);
        policy.profiles.remove(&Profile::Micro);
        if let Some(cro) = policy.seats.get_mut(&Role::CRO) {
            cro.rank = 1;
            cro.reviews = true;
            cro.interests = [EventKind::Snapshot, EventKind::Command].into();
        }
        let fields: Vec<String> = policy.mistakes().into_iter().map(|mistake| mistake.field).collect();
        let expected = [
            "confirm",
            "due_retry",
            "base.ess",
            "profiles.MICRO",
            "seats.cro.interests",
            "seats.supervisor.rank",
            "seats",
        ];
        assert_eq!(fields, expected);
    }
}
