//! The trading mode follows the system's health: tighter at once, looser one stage at a time.

use proto::decision::Priority;
use proto::event::{EssState, Health, SystemStatus};
use proto::id::{Role, RuleId};
use proto::proposal::{Ask, Fact, Proposal};
use proto::time::Period;
use proto::value::{Mode, Value};

use crate::policy::Policy;

/// The emergency stop.
pub const ESS_CRITICAL: RuleId = RuleId::new("ceo.ess-critical");
/// No new orders for a time.
pub const PAUSE: RuleId = RuleId::new("ceo.pause");
/// Simulated orders only.
pub const SHADOW: RuleId = RuleId::new("ceo.shadow");
/// One stage back towards LIVE.
pub const RESUME: RuleId = RuleId::new("ceo.resume");

/// What the rule of the mode asks for: the first that holds, worst first.
pub(crate) fn proposal(policy: &Policy, owned: Mode, health: &Health) -> Option<Proposal> {
    let (rule, priority, mode, duration) = match (health.system_status, health.ess_state) {
        (SystemStatus::Emergency, _) | (_, EssState::Critical) => {
            (ESS_CRITICAL, Priority::Critical, Mode::Emergency, None)
        }
        (SystemStatus::Critical, _) | (_, EssState::Warning) => {
            (PAUSE, Priority::High, no_looser(Mode::Paused, owned)?, Some(policy.pause))
        }
        (SystemStatus::Degraded, EssState::Nominal | EssState::Caution) => {
            (SHADOW, Priority::High, no_looser(Mode::Shadow, owned)?, None)
        }
        (SystemStatus::Optimal | SystemStatus::Healthy, EssState::Nominal) => {
            (RESUME, Priority::Normal, stage_towards_live(owned)?, None)
        }
        (SystemStatus::Optimal | SystemStatus::Healthy, EssState::Caution) => return None,
    };
    Some(set(rule, priority, mode, duration, health))
}

/// A bad state never loosens a mode that a worse one set. The mode in force is asked for again: its cause stands.
fn no_looser(wanted: Mode, owned: Mode) -> Option<Mode> {
    (wanted >= owned).then_some(wanted)
}

fn stage_towards_live(owned: Mode) -> Option<Mode> {
    (owned != Mode::Live).then(|| owned.one_stage_looser())
}

fn set(rule: RuleId, priority: Priority, mode: Mode, duration: Option<Period>, health: &Health) -> Proposal {
    let facts = vec![
        Fact::seen("system_status", health.system_status.as_str()),
        Fact::seen("ess_state", health.ess_state.as_str()),
    ];
    let ask = Ask::Set { value: Value::Mode(mode), duration };
    Proposal { author: Role::CEO.into(), rule, priority, ask, facts }
}

#[cfg(test)]
mod tests {
    use proto::testing::health;

    use super::*;

    #[test]
    fn the_mode_for_each_health_and_each_mode_in_force() {
        use EssState as Ess;
        use Mode::{Emergency, Live, Paused, Shadow};
        use SystemStatus as System;
        // The rule that fires, and the mode asked for while LIVE, SHADOW, PAUSED, EMERGENCY are in force.
        let paused = [Some(Paused), Some(Paused), Some(Paused), None];
        let shadow = [Some(Shadow), Some(Shadow), None, None];
        let looser = [None, Some(Live), Some(Shadow), Some(Paused)];
        let table = [
            (System::Emergency, Ess::Nominal, ESS_CRITICAL, [Some(Emergency); 4]),
            (System::Optimal, Ess::Critical, ESS_CRITICAL, [Some(Emergency); 4]),
            (System::Critical, Ess::Critical, ESS_CRITICAL, [Some(Emergency); 4]),
            (System::Critical, Ess::Nominal, PAUSE, paused),
            (System::Optimal, Ess::Warning, PAUSE, paused),
            (System::Degraded, Ess::Warning, PAUSE, paused),
            (System::Degraded, Ess::Nominal, SHADOW, shadow),
            (System::Degraded, Ess::Caution, SHADOW, shadow),
            (System::Healthy, Ess::Nominal, RESUME, looser),
            (System::Optimal, Ess::Nominal, RESUME, looser),
            (System::Healthy, Ess::Caution, RESUME, [None; 4]),
            (System::Optimal, Ess::Caution, RESUME, [None; 4]),
        ];
        for (status, ess, rule, modes) in table {
            for (owned, mode) in [Live, Shadow, Paused, Emergency].into_iter().zip(modes) {
                let proposal = proposal(&Policy::default(), owned, &health(status, ess));
                let asked = proposal.map(|proposal| (proposal.rule, proposal.ask));
                let duration = (rule == PAUSE).then_some(Period::from_mins(30));
                let wanted = mode.map(|mode| (rule.clone(), Ask::Set { value: Value::Mode(mode), duration }));
                assert_eq!(asked, wanted, "{status:?} {ess:?} while {owned:?}");
            }
        }
    }

    #[test]
    fn the_reason_names_what_was_seen() {
        let proposal =
            proposal(&Policy::default(), Mode::Live, &health(SystemStatus::Critical, EssState::Caution));
        assert_eq!(proposal.unwrap().reason(), "[ceo.pause] system_status CRITICAL; ess_state CAUTION");
    }
}
