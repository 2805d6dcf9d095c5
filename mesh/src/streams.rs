//! The mesh's streams and buckets: what they must be, making them, and checking them.
//!
//! One explicit command makes them; services only look, and wait or refuse.

mod check;
mod provision;
mod spec;
mod succession;

use anyhow::bail;
use async_nats::jetstream::stream::{Config, State};
use proto::subject::{Stream, Subjects};
use serde::Deserialize;

use crate::nats::Nats;

pub use check::{MeshConfig, check, check_telling};
pub use provision::{Provisioned, provision};
pub(crate) use spec::bucket_stream;
pub use spec::{DUPLICATE_WINDOW, Difference, Options};
pub use succession::{Acceptance, Predecessor, accept};

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
    match nats.broker.describe(name).await? {
        Some(description) => Ok(description),
        None => bail!("stream {name} does not exist"),
    }
}

/// The streams and buckets of a mesh, as they are made.
pub fn wanted(subjects: &Subjects, options: &Options) -> Vec<Config> {
    let streams = Stream::ALL.into_iter().map(|kind| spec::stream(subjects, kind, options));
    streams.chain(spec::buckets(subjects, options)).collect()
}
