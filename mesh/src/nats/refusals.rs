//! What the server does not permit us: said loudly, and in the way of being ready for a while.

use std::time::Duration;

use async_nats::ServerError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;
use tracing::error;

use crate::admin::{Admin, Condition};
use crate::identity::Identity;
use crate::shutdown::Shutdown;

/// How long a refusal stands against being ready: whatever was refused is tried again sooner.
const STANDS: Duration = Duration::from_secs(60);
/// How many refusals may wait to be told; they are told faster than they come.
const WAITING: usize = 16;
/// How the server's word for it begins.
const VIOLATION: &str = "permissions violation";

/// Takes what the server refuses.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    who: String,
    told: Sender<String>,
}

impl Refusals {
    /// Tells them by a condition of their own, as long as the process lives.
    pub(super) fn watch(identity: &Identity, key: &str, admin: &Admin, shutdown: &Shutdown) -> Self {
        let (told, refusals) = mpsc::channel(WAITING);
        let condition = admin.condition("permissions");
        condition.hold();
        shutdown.attend("permissions", async move {
            stand(condition, refusals).await;
            Ok(())
        });
        Self { who: format!("identity {identity:?} ({key})", identity = identity.name()), told }
    }

    /// Whether this is a refusal; it is told then.
    pub(super) fn take(&self, failed: &ServerError) -> bool {
        let ServerError::Other(text) = failed else { return false };
        if !text.to_lowercase().starts_with(VIOLATION) {
            return false;
        }
        let who = &self.who;
        error!("NATS does not permit this to {who}: {text}. {WHAT_TO_DO}");
        // When as many wait, one more changes nothing.
        let _ = self.told.try_send(format!("{text}, as {who}"));
        true
    }
}

/// What an operator can do about a refusal.
pub(super) const WHAT_TO_DO: &str = "Is --nats-nkey the seed of this service, and has the server the \
    authorization.conf that federation-identities of this version wrote beside it?";

async fn stand(condition: Condition, mut refusals: Receiver<String>) {
    while let Some(first) = refusals.recv().await {
        condition.open(first);
        while let Ok(Some(next)) = timeout(STANDS, refusals.recv()).await {
            condition.open(next);
        }
        condition.hold();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_against_being_ready_for_a_while() {
        let (admin, shutdown) = (Admin::new(), Shutdown::new());
        let refusals = Refusals::watch(&Identity::Arbiter, "UABC", &admin, &shutdown);
        assert!(!refusals.take(&ServerError::Other("maximum payload exceeded".to_owned())));
        assert!(!refusals.take(&ServerError::AuthorizationViolation));
        let text = "Permissions Violation for Publish to \"fed.dead.x\"";
        assert!(refusals.take(&ServerError::Other(text.to_owned())));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let why = admin.open_conditions().remove("permissions").unwrap();
        assert!(why.contains("fed.dead.x") && why.contains("arbiter") && why.contains("UABC"), "{why}");
        tokio::time::sleep(STANDS).await;
        assert!(admin.open_conditions().is_empty());
    }
}
