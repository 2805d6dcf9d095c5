//! The mesh's streams and buckets: what they must be, making them, and checking them.
//!
//! One explicit command makes them; services only look, and wait or refuse.

mod check;
mod provision;
mod spec;

use anyhow::bail;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, State};
use serde::Deserialize;

use crate::nats::Nats;

pub use check::{MeshConfig, check};
pub use provision::{Provisioned, provision};
pub(crate) use spec::bucket_stream;
pub use spec::{Difference, Options};

/// What a server tells about a stream.
#[derive(Debug, Deserialize)]
pub struct Description {
    /// When it was created, as the server writes it: the stream's identity.
    pub created: String,
    /// Its configuration.
    pub config: Config,
    /// How much is in it.
    pub state: State,
}

/// Asks the stream's leader what it is.
///
/// # Errors
/// No such stream, or no answer.
pub async fn describe(nats: &Nats, name: &str) -> anyhow::Result<Description> {
    match find(nats, name).await? {
        Some(description) => Ok(description),
        None => bail!("stream {name} does not exist"),
    }
}

async fn find(nats: &Nats, name: &str) -> anyhow::Result<Option<Description>> {
    match nats.jetstream.request(format!("STREAM.INFO.{name}"), &()).await? {
        Response::Ok(description) => Ok(Some(description)),
        Response::Err { error } if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
        Response::Err { error } => Err(anyhow::Error::from(error).context(format!("stream {name}"))),
    }
}
