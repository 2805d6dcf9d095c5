//! The breaker of a role: its circuit, as the bench asks it and as metrics and log show it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh::broker::Reply;
use proto::id::Role;
use proto::ruling::Absence;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::circuit::{Circuit, Fuse};
use crate::metrics::Metrics;

/// One role's circuit; every slot of this process goes by it.
pub(crate) struct Breaker {
    role: Role,
    circuit: Mutex<Circuit>,
    metrics: Metrics,
}

impl Breaker {
    pub(crate) fn new(role: Role, fuse: Fuse, metrics: Metrics) -> Self {
        metrics.circuit(role.as_str(), false);
        Self { role, circuit: Mutex::new(Circuit::new(fuse)), metrics }
    }

    /// Lets a case through, or says that the role counts as absent.
    pub(crate) fn admit(&self) -> Result<(), Absence> {
        if self.circuit().admits(Instant::now()) { Ok(()) } else { Err(Absence::CircuitOpen) }
    }

    /// Takes note of what came of a request. That nobody serves the role is known at once: it keeps nobody waiting.
    pub(crate) fn heed(&self, reply: Result<Reply, Absence>) -> Result<Reply, Absence> {
        let in_time = match &reply {
            Ok(_) | Err(Absence::Disabled | Absence::NoResponders | Absence::Invalid { .. }) => true,
            Err(Absence::Timeout | Absence::CircuitOpen) => false,
        };
        if in_time {
            if self.circuit().answered() {
                info!(role = %self.role, "answers again and is asked again");
                self.metrics.circuit(self.role.as_str(), false);
            }
        } else if self.circuit().timed_out(Instant::now()) {
            warn!(role = %self.role, "does not answer in time and is not asked, but for a probe now and then");
            self.metrics.circuit(self.role.as_str(), true);
        }
        reply
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker")
            .field("role", &self.role)
            .field("circuit", &self.circuit())
            .finish_non_exhaustive()
    }
}
