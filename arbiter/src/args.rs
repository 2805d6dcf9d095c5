//! What the arbiter is told on its command line.

use std::time::Duration;

use mesh::args::MeshArgs;
use mesh::lease::Leasing;
use proto::time::Period;

use crate::circuit::Fuse;

/// Takes events in order per portfolio, asks the roles, rules, and appends the rulings
#[derive(Debug, Clone, clap::Parser)]
#[command(version)]
pub struct Args {
    #[command(flatten)]
    pub(crate) mesh: MeshArgs,

    #[command(flatten)]
    pub(crate) round: RoundArgs,

    /// Whether slots are shared with other arbiters; `off` works every slot, whoever else does
    #[arg(long, env = "FED_LEASES", value_enum, default_value_t, value_name = "WORD")]
    pub(crate) leases: Leasing,
}

/// How a round is held, and how much is in hand at once.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RoundArgs {
    /// How long a role may take to answer; after that it counts as absent
    #[arg(long, env = "FED_ASK_TIMEOUT", value_name = "PERIOD", default_value = "500ms")]
    ask_timeout: Period,

    /// How long a round stays open once the supervisor has frozen
    #[arg(long, env = "FED_FREEZE_CLOSE", value_name = "PERIOD", default_value = "20ms")]
    freeze_close: Period,

    /// After so many time-outs in a row a role is not asked any more: it counts as absent at once
    #[arg(long, env = "FED_CIRCUIT_AFTER", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    circuit_after: u32,

    /// How long such a role is left alone before one case is sent as a probe; at least the time to answer
    #[arg(long, env = "FED_CIRCUIT_PROBE", value_name = "PERIOD", default_value = "2s")]
    circuit_probe: Period,

    /// The most cases that travel to a role in one request
    #[arg(long, env = "FED_BATCH_MAX", value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    batch_max: u16,

    /// The most events of one portfolio that wait in memory; the rest waits in EVENTS
    #[arg(long, env = "FED_QUEUE_MAX", value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    queue_max: u16,

    /// The most events of one slot that are in hand; the rest waits in EVENTS
    #[arg(long, env = "FED_IN_FLIGHT_MAX", value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight_max: u16,
}

impl RoundArgs {
    pub(crate) fn ask_timeout(&self) -> Duration {
        self.ask_timeout.into()
    }

    pub(crate) fn freeze_close(&self) -> Duration {
        self.freeze_close.into()
    }

    pub(crate) fn fuse(&self) -> Fuse {
        Fuse { blows_after: self.circuit_after, probe_after: self.circuit_probe.into() }
    }

    pub(crate) fn batch_max(&self) -> usize {
        self.batch_max.into()
    }

    pub(crate) fn queue_max(&self) -> usize {
        self.queue_max.into()
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.in_flight_max.into()
    }
}

impl mesh::args::Cli for Args {
    fn mesh(&self) -> &MeshArgs {
        &self.mesh
    }

    fn check(&self) -> Result<(), mesh::BadConfiguration> {
        let RoundArgs { ask_timeout, circuit_probe, .. } = self.round;
        if ask_timeout == Period::from_secs(0) {
            let wrong = "--ask-timeout 0s: no role could answer in time";
            return Err(mesh::BadConfiguration::new(wrong));
        }
        if circuit_probe < ask_timeout {
            let wrong =
                format!("--circuit-probe {circuit_probe}: expected at least {ask_timeout} (--ask-timeout)");
            return Err(mesh::BadConfiguration::new(wrong));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn roles_are_given_time_to_answer() {
        use clap::Parser as _;
        use mesh::args::Cli as _;
        assert!(Args::parse_from(["x"]).check().is_ok());
        assert!(Args::parse_from(["x", "--ask-timeout", "0s"]).check().is_err());
        assert!(
            Args::parse_from(["x", "--ask-timeout", "3s"]).check().is_err(),
            "a probe needs its time too"
        );
    }

    #[test]
    fn every_argument_has_help_and_a_variable() {
        let command = Args::command();
        command.clone().debug_assert();
        let own = |arg: &&clap::Arg| !["help", "version"].contains(&arg.get_id().as_str());
        for arg in command.get_arguments().filter(own) {
            assert!(arg.get_help().is_some() && arg.get_env().is_some(), "{arg}");
        }
    }
}
