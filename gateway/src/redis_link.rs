//! The backend's Redis: connections to it, and whether it may be trusted to keep what it was given.

mod brake;
mod downstream;
mod upstream;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::FutureExt;
use futures::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script};

use self::downstream::RedisDownstream;
use self::upstream::RedisUpstream;
use crate::backend::Backend;
use crate::emit::downstream::Downstream;
use crate::ingest::upstream::Upstream;
use crate::keys::Keys;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a command that does not block may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The only policy under which Redis never drops a stream by itself.
const NO_EVICTION: &str = "noeviction";

/// The backend's Redis.
#[derive(Debug, Clone)]
pub struct Redis {
    /// Where it is.
    pub client: Client,
    /// The names of everything in it.
    pub keys: Keys,
    /// How long an effective document lives unless it is renewed.
    pub document_ttl: Duration,
    /// Go on with a Redis that evicts.
    pub allow_eviction: bool,
}

impl Backend for Redis {
    fn upstream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Box<dyn Upstream>>> {
        self.open_upstream(stream).boxed()
    }

    fn downstream(&self) -> BoxFuture<'_, Result<Box<dyn Downstream>>> {
        self.open_downstream().boxed()
    }
}

impl Redis {
    async fn open_upstream(&self, stream: &str) -> Result<Box<dyn Upstream>> {
        let plain = self.connect().await?;
        Ok(Box::new(RedisUpstream {
            stream: stream.to_owned(),
            keys: self.keys.clone(),
            letter: Script::new(include_str!("redis_link/letter.lua")),
            // Whoever uses it bounds each wait itself.
            blocking: open(&self.client, None).await?,
            plain,
        }))
    }

    async fn open_downstream(&self) -> Result<Box<dyn Downstream>> {
        Ok(Box::new(RedisDownstream {
            keys: self.keys.clone(),
            document_ttl: self.document_ttl,
            write: Script::new(include_str!("redis_link/write.lua")),
            refresh: Script::new(include_str!("redis_link/refresh.lua")),
            connection: self.connect().await?,
        }))
    }

    /// A connection for commands that do not block.
    async fn connect(&self) -> Result<MultiplexedConnection> {
        let mut connection = open(&self.client, Some(RESPONSE_TIMEOUT)).await?;
        if !self.allow_eviction {
            check_eviction(&mut connection).await?;
        }
        Ok(connection)
    }
}

async fn open(client: &Client, response: Option<Duration>) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(response);
    client.get_multiplexed_async_connection_with_config(&config).await.context("cannot connect to Redis")
}

/// Checks that Redis does not evict: an evicted stream takes our position along.
async fn check_eviction(connection: &mut MultiplexedConnection) -> Result<()> {
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
