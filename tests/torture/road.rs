//! Roads: every process reaches each server over a proxy of its own, on which traffic can fare badly.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use local::port;
use local::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::plan::SERVICES;
use crate::random::Random;

/// The most bytes that are passed on at once.
const CHUNK: usize = 64 * 1024;
/// How many ports are tried for a proxy.
const TRIES: u32 = 20;

/// How what travels fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Well.
    Free,
    /// Every connection is cut, and none is let in.
    Cut,
    /// What is sent in this direction is lost. A connection that lost something cannot go on: it is cut in the end.
    Lost(Direction),
    /// Everything comes so much later.
    Late(Duration),
}

/// A direction, as the process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the server.
    There,
    /// From the server: what was asked is done, and nobody hears of it.
    Back,
    /// Both.
    Both,
}

/// Which links are disturbed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Road {
    /// None is everybody.
    process: Option<&'static str>,
    server: Server,
}

/// What leads from a process to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) process: &'static str,
    pub(crate) server: Server,
}

/// All links, as they fare.
#[derive(Debug)]
pub(crate) struct Roads {
    proxies: Vec<Proxy>,
}

#[derive(Debug)]
struct Proxy {
    link: Link,
    url: String,
    traffic: watch::Sender<Traffic>,
}

impl Road {
    /// A road of those that there are: mostly one link, sometimes all to a server.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        let server = if random.chance(600) { Server::Nats } else { Server::Redis };
        let process = match server {
            _ if random.chance(300) => None,
            Server::Nats => Some(*random.pick(&SERVICES)),
            Server::Redis => Some(*random.pick(&SERVICES[8..])),
        };
        Self { process, server }
    }

    pub(crate) fn links(self) -> impl Iterator<Item = Link> {
        links().filter(move |link| {
            link.server == self.server && self.process.is_none_or(|only| only == link.process)
        })
    }
}

/// Only the gateways know Redis.
fn links() -> impl Iterator<Item = Link> {
    let to = |server, processes: &'static [&'static str]| {
        processes.iter().map(move |process| Link { process, server })
    };
    to(Server::Nats, &SERVICES).chain(to(Server::Redis, &SERVICES[8..]))
}

impl Roads {
    /// Opens every link to servers on these ports. They have a thread of their own: whatever else keeps the one that judges
    /// busy must not hold up the traffic.
    pub(crate) fn open(nats: u16, redis: u16) -> Result<Self> {
        let (mut proxies, mut listeners) = (Vec::new(), Vec::new());
        for link in links() {
            let to = match link.server {
                Server::Nats => nats,
                Server::Redis => redis,
            };
            let (listener, port) = bind()?;
            let (traffic, watched) = watch::channel(Traffic::Free);
            listeners.push((listener, to, watched));
            proxies.push(Proxy { link, url: link.server.url(port), traffic });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || runtime.block_on(run(listeners)));
        Ok(Self { proxies })
    }

    /// The builder of a mesh whose processes go by these roads.
    pub(crate) fn lead(&self, builder: local::Builder) -> local::Builder {
        let led = |builder: local::Builder, proxy: &Proxy| {
            builder.way(proxy.link.process, proxy.link.server, proxy.url.clone())
        };
        self.proxies.iter().fold(builder, led)
    }

    /// From now on what travels on a road fares like this.
    pub(crate) fn set(&self, road: Road, traffic: Traffic) {
        for link in road.links() {
            for proxy in self.proxies.iter().filter(|proxy| proxy.link == link) {
                proxy.traffic.send_replace(traffic);
            }
        }
    }

    /// Everything fares well again.
    pub(crate) fn clear(&self) {
        for proxy in &self.proxies {
            proxy.traffic.send_replace(Traffic::Free);
        }
    }
}

/// A listener on a port that was free; somebody else may have been quicker to take it.
fn bind() -> Result<(std::net::TcpListener, u16)> {
    let mut tries = 0;
    loop {
        let port = port::free()?;
        tries += 1;
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok((listener, port));
            }
            Err(error) if tries == TRIES => return Err(error).context("binding a proxy"),
            Err(_) => {}
        }
    }
}

/// Runs proxies until nobody disturbs them any more.
async fn run(listeners: Vec<(std::net::TcpListener, u16, watch::Receiver<Traffic>)>) {
    let mut running = tokio::task::JoinSet::new();
    for (listener, to, traffic) in listeners {
        if let Ok(listener) = TcpListener::from_std(listener) {
            running.spawn(listen(listener, to, traffic));
        }
    }
    while running.join_next().await.is_some() {}
}

async fn listen(listener: TcpListener, to: u16, traffic: watch::Receiver<Traffic>) {
    let mut over = traffic.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gone(&mut over) => return,
        };
        let Ok((near, _)) = accepted else { continue };
        if *traffic.borrow() == Traffic::Cut {
            continue;
        }
        tokio::spawn(connect(near, to, traffic.clone()));
    }
}

async fn gone(traffic: &mut watch::Receiver<Traffic>) {
    while traffic.changed().await.is_ok() {}
}

async fn connect(near: TcpStream, to: u16, traffic: watch::Receiver<Traffic>) {
    // A server that is gone is seen as one: the connection ends.
    let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass(near_read, far_write, Direction::There, traffic.clone()) => {}
        () = pass(far_read, near_write, Direction::Back, traffic.clone()) => {}
        () = cut(traffic) => {}
    }
}

/// Returns when the connection is to be cut.
async fn cut(mut traffic: watch::Receiver<Traffic>) {
    let mut lost = false;
    loop {
        match *traffic.borrow_and_update() {
            Traffic::Cut => return,
            Traffic::Lost(_) => lost = true,
            Traffic::Free | Traffic::Late(_) if lost => return,
            Traffic::Free | Traffic::Late(_) => {}
        }
        if traffic.changed().await.is_err() {
            return;
        }
    }
}

/// Passes on what comes, as the traffic has it, until either side is gone.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Direction,
    traffic: watch::Receiver<Traffic>,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let Ok(length @ 1..) = from.read(&mut chunk).await else { return };
        let fares = *traffic.borrow();
        match fares {
            Traffic::Lost(direction) if direction == way || direction == Direction::Both => continue,
            Traffic::Late(late) => tokio::time::sleep(late).await,
            Traffic::Free | Traffic::Cut | Traffic::Lost(_) => {}
        }
        let Some(bytes) = chunk.get(..length) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.process, self.server.as_str())
    }
}
