//! Connections to Redis, and whether that Redis may be trusted to keep what it was given.

use std::time::Duration;

use anyhow::{Context, ensure};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a command that does not block may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The only policy under which Redis never drops a stream by itself.
const NO_EVICTION: &str = "noeviction";

/// A connection for commands that do not block.
///
/// # Errors
/// Redis is not there.
pub async fn connect(client: &Client) -> anyhow::Result<MultiplexedConnection> {
    open(client, Some(RESPONSE_TIMEOUT)).await
}

/// A connection for one reader that blocks; whoever uses it bounds each wait itself.
///
/// # Errors
/// Redis is not there.
pub async fn connect_blocking(client: &Client) -> anyhow::Result<MultiplexedConnection> {
    open(client, None).await
}

async fn open(client: &Client, response: Option<Duration>) -> anyhow::Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(response);
    client.get_multiplexed_async_connection_with_config(&config).await.context("cannot connect to Redis")
}

/// Checks that Redis does not evict: an evicted stream takes our position along.
///
/// # Errors
/// It evicts, or does not say.
pub async fn check_eviction(connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
    // INFO is allowed where CONFIG is not, as with hosted servers.
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(connection)
        .await
        .context("cannot ask Redis for INFO")?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    ensure!(
        policy == Some(NO_EVICTION),
        "Redis has maxmemory-policy {}, expected {NO_EVICTION}: set it, or start with --allow-eviction",
        policy.unwrap_or("unknown")
    );
    Ok(())
}
