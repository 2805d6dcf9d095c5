//! The bucket that leases are kept in: how its keys are written and read.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use bytes::Bytes;
use proto::id::Sequence;
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use super::board::{Note, Presence};
use super::holder::{Write, Written};
use super::{Lease, Replica};
use crate::broker::Record;
use crate::nats::Nats;
use crate::publish::{NotStored, publish_acked};
use crate::reader::Reader;
use crate::roster::OPERATION;
use crate::streams::{MeshConfig, bucket_stream};

/// The keys of one group: `replica.<name>` and `lease.<name>`.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    nats: Nats,
    /// What the subject of every key of the group begins with.
    root: String,
    /// All of them.
    keys: String,
    me: Replica,
}

/// What stands in a lease's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    holder: Replica,
}

impl Bucket {
    pub(super) fn new(nats: &Nats, group: &str, me: Replica) -> Self {
        let keys = nats.subjects.leases_of(group);
        let root = keys.trim_end_matches('>').to_owned();
        Self { nats: nats.clone(), root, keys, me }
    }

    /// Reads the keys of the group: first those that are there, then each as it is written.
    pub(super) fn reader(&self, config: &MeshConfig) -> Reader {
        let stream = bucket_stream(&self.nats.subjects.lease_bucket());
        Reader::new(&self.nats, stream, config.lease_identity(), self.keys.as_str(), Sequence(1))
    }

    /// What a key of the group says; none for what is no such key.
    pub(super) fn note(&self, record: &Record) -> Option<Note> {
        let (kind, name) = record.subject.strip_prefix(&self.root)?.split_once('.')?;
        let is_mark = record.headers.get(OPERATION).is_some();
        match kind {
            "replica" => {
                let presence = if is_mark { Presence::Leaving } else { Presence::Here };
                Some(Note::Replica(Replica::named(name), presence))
            }
            "lease" if is_mark => Some(Note::Lease(Lease::named(name), None)),
            "lease" => {
                let entry: Entry = serde_json::from_slice(&record.payload).ok()?;
                Some(Note::Lease(Lease::named(name), Some(entry.holder)))
            }
            _ => None,
        }
    }

    /// Writes a key once.
    pub(super) async fn write(&self, write: &Write, patience: Duration) -> Written {
        let (subject, headers, payload) = self.message(write);
        match publish_acked(&self.nats, subject.clone(), headers, payload, patience).await {
            Ok(stored) => Written::At(stored.sequence()),
            Err(NotStored::WrongLastSequence) => Written::Conflict,
            Err(NotStored::Unclear(why)) => {
                debug!(subject, "unclear whether a key of the leases was written: {why}");
                Written::Unclear
            }
            Err(failed @ (NotStored::TooLarge(_) | NotStored::Refused(_))) => {
                warn!(subject, "a key of the leases was not taken: {failed}");
                Written::Unclear
            }
        }
    }

    fn message(&self, write: &Write) -> (String, HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        let (key, expected, is_mark) = match write {
            Write::Announce => (format!("replica.{}", self.me), None, false),
            Write::Withdraw => (format!("replica.{}", self.me), None, true),
            Write::Hold(lease, revision) => (format!("lease.{lease}"), Some(revision), false),
            Write::GiveBack(lease, revision) => (format!("lease.{lease}"), Some(revision), true),
        };
        if let Some(revision) = expected {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string().as_str());
        }
        let payload = if is_mark {
            headers.insert(OPERATION, "PURGE");
            Bytes::new()
        } else {
            // A name has a JSON form.
            serde_json::to_vec(&Entry { holder: self.me.clone() }).unwrap_or_default().into()
        };
        (format!("{}{key}", self.root), headers, payload)
    }
}
