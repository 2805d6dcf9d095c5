//! The backend's side of the event bus: entries as its publishers write them.

use anyhow::Result;
use proto::time::Time;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamMaxlen;
use serde_json::Value;

/// How many entries a stream keeps, about.
const STREAM_ENTRIES: usize = 10_000;
/// What stands in `source`.
const SOURCE: &str = "demo-backend";

/// Publishes events as the backend does.
#[derive(Debug)]
pub struct Producer {
    redis: MultiplexedConnection,
    published: u64,
}

impl Producer {
    /// Connects.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn connect(redis_url: &str) -> Result<Self> {
        let client = redis::Client::open(redis_url)?;
        Ok(Self { redis: client.get_multiplexed_async_connection().await?, published: 0 })
    }

    /// Publishes one event.
    ///
    /// # Errors
    /// Redis does not take it.
    pub async fn publish(&mut self, event_type: &str, payload: &Value) -> Result<()> {
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut self.redis).await?;
        let now = Time::from_millis(seconds * 1000 + micros / 1000);
        self.published += 1;
        let fields = [
            ("event_type", event_type.to_owned()),
            ("payload", payload.to_string()),
            ("trace_id", String::new()),
            ("correlation_id", format!("demo-{}-{}", now.as_millis(), self.published)),
            ("timestamp", now.to_string()),
            ("source", SOURCE.to_owned()),
        ];
        let stream = format!("quantum:stream:{event_type}");
        let _: String =
            self.redis.xadd_maxlen(stream, StreamMaxlen::Approx(STREAM_ENTRIES), "*", &fields).await?;
        Ok(())
    }
}
