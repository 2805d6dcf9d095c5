//! The backend as a producer: it publishes all the time, and says again what Redis did not answer for.

use std::time::{Duration, Instant};

use anyhow::Result;
use proto::id::EntryId;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;

use crate::market::Market;
use crate::sent::{Book, Item, Meaning, Taken};

/// How long Redis may take to answer.
const ANSWER: Duration = Duration::from_millis(1500);
/// How long it rests between two events.
const PAUSE: Duration = Duration::from_millis(22);
/// How long it waits after Redis did not answer.
const AGAIN: Duration = Duration::from_millis(100);
/// How far back what is published once more may lie: an arbiter remembers what was told to a portfolio for a while.
const MOMENT: Duration = Duration::from_secs(3);

/// Publishes to Redis.
#[derive(Debug)]
pub(crate) struct Producer {
    client: redis::Client,
    connection: Option<MultiplexedConnection>,
    book: Book,
}

impl Producer {
    pub(crate) fn new(url: &str, book: Book) -> Result<Self> {
        Ok(Self { client: redis::Client::open(url)?, connection: None, book })
    }

    /// Publishes what the market brings until it is told to end.
    pub(crate) async fn run(mut self, mut market: Market, mut ended: watch::Receiver<bool>) {
        while !*ended.borrow_and_update() {
            let item = market.next(mesh::clock::now());
            self.publish(item).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Publishes an item. One that has a time of its own is said again until Redis has it.
    pub(crate) async fn publish(&mut self, item: Item) {
        self.book.open().items.push(item.clone());
        while !self.add(&item).await {
            if !item.timed {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Publishes once more what was published a moment ago, in the same order, as a buffer does.
    pub(crate) async fn publish_again(&mut self) {
        let items: Vec<Item> = {
            let sent = self.book.open();
            let late = sent.taken.iter().filter(|taken| taken.at.elapsed() < MOMENT);
            let numbers: std::collections::BTreeSet<u64> = late.map(|taken| taken.number).collect();
            let again = |item: &&Item| {
                numbers.contains(&item.number) && (item.timed || item.meaning == Meaning::Unusable)
            };
            sent.items.iter().filter(again).cloned().collect()
        };
        for item in &items {
            // A Redis that is halted goes on at a later step, which must not wait for each of these.
            if !self.add(item).await {
                break;
            }
        }
    }

    /// One attempt; whether Redis took it.
    async fn add(&mut self, item: &Item) -> bool {
        let added = tokio::time::timeout(ANSWER, self.try_to_add(item)).await;
        match added {
            Ok(Ok(entry)) => {
                self.book.open().taken.push(Taken { number: item.number, entry, at: Instant::now() });
                true
            }
            Ok(Err(_)) | Err(_) => {
                self.connection = None;
                false
            }
        }
    }

    async fn try_to_add(&mut self, item: &Item) -> Result<EntryId> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.client.get_multiplexed_async_connection().await?,
        };
        let entry: String = redis::cmd("XADD")
            .arg(format!("quantum:stream:{}", item.event_type))
            .arg("*")
            .arg(&["event_type", item.event_type, "payload", &item.payload, "trace_id", ""])
            .arg(&["correlation_id", &item.mark(), "timestamp", "", "source", "torture"])
            .query_async(&mut connection)
            .await?;
        self.connection = Some(connection);
        Ok(entry.parse()?)
    }
}
