//! Asking a service whether it is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long one question may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of an answer is shown.
const SHOWN_CHARS: usize = 300;

/// Asks services whether they are ready.
#[derive(Debug, Clone)]
pub struct Probe {
    client: reqwest::Client,
}

impl Probe {
    /// A probe.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new() -> Result<Self> {
        let client = reqwest::Client::builder().timeout(PROBE_TIMEOUT).no_proxy().build();
        Ok(Self { client: client.context("building an HTTP client")? })
    }

    /// What stands against a service's readiness; nothing when it is ready.
    pub async fn not_ready(&self, admin_url: &str) -> Option<String> {
        match self.client.get(format!("{admin_url}/readyz")).send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(shorten(&answer.text().await.unwrap_or_default())),
            Err(_) => Some("does not answer yet".to_owned()),
        }
    }

    /// The roles that the gateway does not see yet; a role may answer before the gateway has asked.
    pub async fn unseen(&self, http_url: &str, roles: &[String]) -> Vec<String> {
        let seen = self.replicas(http_url).await.unwrap_or_default();
        let is_unseen =
            |role: &&String| seen["role_details"][role.as_str()]["replicas"].as_u64().unwrap_or(0) == 0;
        roles.iter().filter(is_unseen).cloned().collect()
    }

    async fn replicas(&self, http_url: &str) -> Result<serde_json::Value> {
        let answer = self.client.get(format!("{http_url}/api/federation/status")).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }
}

/// The URL of a service's probes and metrics, as it wrote it to its admin file; none when it has not yet.
pub fn admin_url(file: &Path) -> Option<String> {
    let address = std::fs::read_to_string(file).ok()?;
    Some(format!("http://{}", address.trim())).filter(|_| !address.trim().is_empty())
}

fn shorten(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_url_is_known_once_the_service_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cro");
        assert_eq!(admin_url(&file), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(admin_url(&file), None);
        std::fs::write(&file, "127.0.0.1:9090\n").unwrap();
        assert_eq!(admin_url(&file).as_deref(), Some("http://127.0.0.1:9090"));
    }

    #[test]
    fn an_answer_is_shown_in_one_short_line() {
        assert_eq!(shorten("not ready:\n - streams\n"), "not ready: - streams");
        assert_eq!(shorten(&"x ".repeat(1000)).chars().count(), SHOWN_CHARS);
    }
}
