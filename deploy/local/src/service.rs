//! The eight services and the names that their processes go by.

use std::fmt;
use std::str::FromStr;

/// A service of the mesh: one binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Freezes and vetoes.
    Supervisor,
    /// Risk limits and emergency-stop thresholds.
    Cro,
    /// Trading mode and capital profile.
    Ceo,
    /// Symbols and model weights.
    Cio,
    /// Cashflow.
    Cfo,
    /// Research tasks.
    Researcher,
    /// Asks the roles, rules, appends the rulings.
    Arbiter,
    /// Redis and HTTP on one side, the mesh on the other.
    Gateway,
}

/// A name that no service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownService(String);

impl Service {
    /// All eight; the roles by rank.
    pub const ALL: [Self; 8] = [
        Self::Supervisor,
        Self::Cro,
        Self::Ceo,
        Self::Cio,
        Self::Cfo,
        Self::Researcher,
        Self::Arbiter,
        Self::Gateway,
    ];

    /// The six roles, by rank.
    pub const ROLES: [Self; 6] =
        [Self::Supervisor, Self::Cro, Self::Ceo, Self::Cio, Self::Cfo, Self::Researcher];

    /// The name, such as `cro`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Cro => "cro",
            Self::Ceo => "ceo",
            Self::Cio => "cio",
            Self::Cfo => "cfo",
            Self::Researcher => "researcher",
            Self::Arbiter => "arbiter",
            Self::Gateway => "gateway",
        }
    }

    /// The binary, such as `federation-cro`.
    pub fn binary(self) -> String {
        format!("federation-{self}")
    }

    /// The service that a process of this name runs: `cro`, and `cro-2` for a further replica.
    ///
    /// # Errors
    /// The name is not one of the eight, with or without a number.
    pub fn of_process(name: &str) -> Result<Self, UnknownService> {
        let service = match name.split_once('-') {
            Some((service, number)) if number.parse::<u16>().is_ok() => service,
            Some(_) => return Err(UnknownService(name.to_owned())),
            None => name,
        };
        service.parse().map_err(|_| UnknownService(name.to_owned()))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Service {
    type Err = UnknownService;
    fn from_str(name: &str) -> Result<Self, UnknownService> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str() == name)
            .ok_or_else(|| UnknownService(name.to_owned()))
    }
}

impl fmt::Display for UnknownService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Service::ALL.into_iter().map(Service::as_str).collect();
        write!(f, "{:?} is no service: expected one of {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownService {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_after_its_service_and_a_replica_has_a_number() {
        for (name, service) in
            [("cro", Service::Cro), ("cro-2", Service::Cro), ("arbiter-12", Service::Arbiter)]
        {
            assert_eq!(Service::of_process(name), Ok(service), "{name}");
        }
        for name in ["", "cto", "cro-", "cro-two", "ai-cro"] {
            let refused = Service::of_process(name).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("{name:?}")) && refused.contains("supervisor, cro"),
                "{refused}"
            );
        }
    }
}
