//! Who may say and hear what, on a real NATS server with the configuration that `federation-identities` writes.
//!
//! | module | what it shows |
//! |---|---|
//! | `table` | what each identity may and must not, subject by subject, written down here a second time |
//! | `services` | what services do with these permissions works, and what a stranger gets |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests these are the assertions"
)]

#[path = "../server/mod.rs"]
mod server;
mod services;
mod table;

use std::path::PathBuf;

use async_nats::{Client, ConnectOptions, Event};
use mesh::identity::{Identity, Seed, make};
use mesh::nats::Nats;
use mesh::streams::provision;
use proto::id::Role;
use proto::subject::Subjects;
use server::{Server, options};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A server that knows the identities of a mesh, and the mesh's streams on it.
struct World {
    server: Server,
    folder: TempDir,
}

/// What the server says of a connection.
type Said = UnboundedReceiver<String>;

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path(), &Subjects::default(), Identity::all(Role::ALL)).unwrap();
        let world = Self { server: Server::with_configuration(&made.authorization), folder };
        let nats = world.nats("provision").await;
        provision(&nats, &options(&[]).unwrap(), false).await.unwrap();
        world
    }

    fn seed_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("seed")
    }

    /// A connection as this identity, and what the server refuses it.
    async fn client(&self, name: &str) -> (Client, Said) {
        let seed = Seed::read(&self.seed_file(name)).unwrap().secret().unwrap();
        let (says, said) = unbounded_channel();
        let options = || {
            let says = says.clone();
            ConnectOptions::with_nkey(seed.clone())
                .custom_inbox_prefix(format!("_INBOX.fed.{name}"))
                .event_callback(move |event| {
                    if let Event::ServerError(failed) = event {
                        // The test may be over.
                        let _ = says.send(failed.to_string());
                    }
                    std::future::ready(())
                })
        };
        (self.server.client_with(options).await, said)
    }

    async fn nats(&self, name: &str) -> Nats {
        Nats::over(self.client(name).await.0, Subjects::default())
    }
}
