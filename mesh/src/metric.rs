//! Names of the metrics that every binary has, and the buckets of all histograms of seconds.

use prometheus_client::metrics::histogram::Histogram;

/// 1 while this process is connected to NATS, otherwise 0.
pub const NATS_CONNECTED: &str = "fed_nats_connected";
/// Messages that a subscription of this process may have lost because its local queue was full.
pub const NATS_SLOW_CONSUMERS: &str = "fed_nats_slow_consumers";
/// Times that this process lost its connection to NATS.
pub const NATS_DISCONNECTS: &str = "fed_nats_disconnects";
/// Times that a reader of a stream had to be made anew.
pub const READER_RESTARTS: &str = "fed_reader_restarts";
/// 1 while this process holds a lease, otherwise 0, by lease.
pub const LEASES_HELD: &str = "fed_leases_held";
/// Leases that this process could not renew in time.
pub const LEASES_LOST: &str = "fed_leases_lost";
/// Replicas that share the leases of this process's group, as it sees them.
pub const LEASE_REPLICAS: &str = "fed_lease_replicas";
/// Times that a changed policy file was taken up or refused, by outcome.
pub const POLICY_RELOADS: &str = "fed_policy_reloads";
/// Cases that a role answered, by request and outcome.
pub const ROLE_CASES: &str = "fed_role_cases";
/// Seconds that a role took to answer a case.
pub const ROLE_EVALUATE_SECONDS: &str = "fed_role_evaluate_seconds";
/// Requests that a role could not read.
pub const ROLE_UNREADABLE: &str = "fed_role_unreadable_requests";

/// Bounds from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// A histogram of seconds.
pub fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}
