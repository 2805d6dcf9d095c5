//! Who may say and hear what on NATS: an identity for each role, arbiter, gateway, observer and provision.
//!
//! [`permissions`] is the whole table. [`authorization`] writes it as a nats-server reads it, and the command
//! `federation-identities` makes the keys that go with it.

mod authorization;
mod keys;
mod table;

use std::fmt;

use proto::id::Role;

pub use authorization::authorization;
pub use keys::{BadSeed, Made, Seed, make};
pub use table::{Permissions, permissions};

/// Who somebody is on NATS. Replicas of a service share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// An executive role: hears what it is asked, and answers.
    Role(Role),
    /// The arbiter: the only one that writes rulings and decisions.
    Arbiter,
    /// The gateway: writes what happened, and what could not be used.
    Gateway,
    /// Whoever looks on: reads the streams, and writes nothing. `federation-replay` is one.
    Observer,
    /// Makes streams and buckets, and changes their limits. Nobody may delete any.
    Provision,
}

impl Identity {
    /// All identities of a mesh with these roles.
    pub fn all(roles: impl IntoIterator<Item = Role>) -> Vec<Self> {
        let roles = roles.into_iter().map(Self::Role);
        roles.chain([Self::Arbiter, Self::Gateway, Self::Observer, Self::Provision]).collect()
    }

    /// Whom a service is on NATS, by its short name; what is no service of the mesh looks on.
    pub fn of_service(service: &str) -> Self {
        match service {
            "arbiter" => Self::Arbiter,
            "gateway" => Self::Gateway,
            "provision" => Self::Provision,
            "replay" | "observer" => Self::Observer,
            other => other.parse().map_or(Self::Observer, Self::Role),
        }
    }

    /// Its name, such as `cro`.
    pub fn name(&self) -> &str {
        match self {
            Self::Role(role) => role.as_str(),
            Self::Arbiter => "arbiter",
            Self::Gateway => "gateway",
            Self::Observer => "observer",
            Self::Provision => "provision",
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_is_that_of_the_service_of_its_name() {
        for identity in Identity::all(Role::ALL) {
            assert_eq!(Identity::of_service(identity.name()), identity);
        }
        assert_eq!(Identity::of_service("replay"), Identity::Observer);
        assert_eq!(Identity::of_service("Not A Role"), Identity::Observer);
    }
}
