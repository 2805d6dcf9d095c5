//! What is counted about leases.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Lease;
use crate::admin::Admin;
use crate::metric::{LEASE_REPLICAS, LEASES_HELD, LEASES_LOST};

/// The metrics of one keeper.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    all: BTreeSet<Lease>,
    held: Family<ByLease, Gauge>,
    lost: Counter,
    replicas: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLease {
    lease: String,
}

impl Metrics {
    pub(super) fn registered(admin: &Admin, all: &BTreeSet<Lease>) -> Self {
        let metrics = Self { all: all.clone(), ..Self::default() };
        admin.register(|to| {
            to.register(LEASES_HELD, "1 while this process holds the lease", metrics.held.clone());
            to.register(LEASES_LOST, "Leases that could not be renewed in time", metrics.lost.clone());
            to.register(LEASE_REPLICAS, "Replicas that share these leases", metrics.replicas.clone());
        });
        metrics
    }

    pub(super) fn lost(&self) {
        self.lost.inc();
    }

    pub(super) fn tell(&self, held: &[&str], replicas: usize) {
        for lease in &self.all {
            let of = ByLease { lease: lease.to_string() };
            self.held.get_or_create(&of).set(i64::from(held.contains(&lease.as_str())));
        }
        self.replicas.set(i64::try_from(replicas).unwrap_or(i64::MAX));
    }
}
