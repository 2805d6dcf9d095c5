//! The backend's side of the gateway: what ingest and emit need of it. One implementation is Redis; the sessions above
//! know only this.

use anyhow::Result;
use futures::future::BoxFuture;

use crate::emit::downstream::Downstream;
use crate::ingest::upstream::Upstream;

/// The backend, as sessions connect to it. Each connection is one session's own, and is dropped with it.
pub trait Backend: std::fmt::Debug + Send + Sync {
    /// Connects to one stream that events come from.
    fn upstream<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Box<dyn Upstream>>>;

    /// Connects to where decisions go.
    fn downstream(&self) -> BoxFuture<'_, Result<Box<dyn Downstream>>>;
}
