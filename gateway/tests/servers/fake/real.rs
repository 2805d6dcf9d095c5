//! A redis-server of our own, and everything that it holds.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use gateway::keys::{DECISION_MADE, FEDERATION_HEALTH, Keys};
use gateway::redis_link::Redis;
use local::port;
use proto::id::EntryId;
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};
use tempfile::TempDir;
use tokio::process::Child;

use super::redis::{Fields, Store};
use crate::support::{connected, redis_server};

/// The server, which ends with this.
pub(crate) struct Real {
    _folder: TempDir,
    _server: Child,
    pub(crate) backend: Redis,
    connection: MultiplexedConnection,
}

/// What both hold, as far as the gateway wrote it: entry ids and times are each server's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    position: BTreeMap<String, String>,
    last_letters: BTreeMap<String, String>,
    decisions: Vec<Fields>,
    health: Vec<Fields>,
    letters: Vec<Fields>,
    documents: BTreeMap<String, String>,
}

/// Longer than any test: nothing runs out while both are compared.
const DOCUMENT_TTL: Duration = Duration::from_secs(3600);

impl Real {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = port::free()?;
        let server = redis_server(folder.path(), port)?;
        let client = Client::open(format!("redis://127.0.0.1:{port}"))?;
        let connection = connected(&client).await?;
        let keys = Keys::default();
        let backend = Redis { client, keys, document_ttl: DOCUMENT_TTL, allow_eviction: false };
        Ok(Self { _folder: folder, _server: server, backend, connection })
    }

    pub(crate) async fn clear(&mut self) -> Result<()> {
        Ok(cmd("FLUSHALL").query_async(&mut self.connection).await?)
    }

    pub(crate) async fn add_at(&mut self, stream: &str, id: EntryId, fields: &Fields) -> Result<()> {
        let mut add = cmd("XADD");
        add.arg(stream).arg(id.to_string());
        for (name, value) in fields {
            add.arg(name).arg(value);
        }
        let _id: String = add.query_async(&mut self.connection).await?;
        Ok(())
    }

    pub(crate) async fn trim(&mut self, stream: &str, keep: usize) -> Result<()> {
        let trim = cmd("XTRIM").arg(stream).arg("MAXLEN").arg(keep).to_owned();
        let _trimmed: u64 = trim.query_async(&mut self.connection).await?;
        Ok(())
    }

    pub(crate) async fn delete(&mut self, key: &str) -> Result<()> {
        Ok(cmd("DEL").arg(key).query_async(&mut self.connection).await?)
    }

    pub(crate) async fn held(&mut self, letter_type: &str) -> Result<Held> {
        let keys = self.backend.keys.clone();
        let mut documents = BTreeMap::new();
        let shown: Vec<String> =
            cmd("KEYS").arg("quantum:federation:effective:*").query_async(&mut self.connection).await?;
        for key in shown {
            let document: String = cmd("GET").arg(&key).query_async(&mut self.connection).await?;
            let ttl: i64 = cmd("TTL").arg(&key).query_async(&mut self.connection).await?;
            anyhow::ensure!(ttl > 0, "{key} would stand for ever");
            documents.insert(key, document);
        }
        Ok(Held {
            position: self.hash(&keys.position()).await?,
            last_letters: self.hash(&keys.dead_letter_positions()).await?,
            decisions: self.entries(&keys.stream(DECISION_MADE)).await?,
            health: self.entries(&keys.stream(FEDERATION_HEALTH)).await?,
            letters: self.entries(&keys.dead_letters(letter_type)).await?,
            documents,
        })
    }

    async fn hash(&mut self, key: &str) -> Result<BTreeMap<String, String>> {
        Ok(cmd("HGETALL").arg(key).query_async(&mut self.connection).await?)
    }

    async fn entries(&mut self, key: &str) -> Result<Vec<Fields>> {
        let range = cmd("XRANGE").arg(key).arg("-").arg("+").to_owned();
        let entries: Vec<(String, Vec<(String, String)>)> = range.query_async(&mut self.connection).await?;
        Ok(entries.into_iter().map(|(_, fields)| fields).collect())
    }
}

impl Held {
    /// How many decisions there are.
    pub(crate) const fn decisions(&self) -> usize {
        self.decisions.len()
    }

    /// What the fake holds.
    pub(crate) fn of(store: &Store, letter_type: &str) -> Self {
        let keys = &store.keys;
        let shown = store.documents.iter();
        Self {
            position: store.position.clone(),
            last_letters: store.last_letters.clone(),
            decisions: store.entries(&keys.stream(DECISION_MADE)),
            health: store.entries(&keys.stream(FEDERATION_HEALTH)),
            letters: store.entries(&keys.dead_letters(letter_type)),
            documents: shown.map(|(id, (json, _))| (keys.effective(id), json.clone())).collect(),
        }
    }
}
