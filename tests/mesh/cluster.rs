//! Three nats-servers: losing any one of them loses nothing, and stops nothing for long.
//!
//! `NATS_SERVERS=/path/to/nats-server-2.10.27:/path/to/nats-server-2.15.1` names the programs; one that cannot keep
//! compare-and-set on several servers will not do. Without it there is nothing to test.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::Context as JetStream;
use async_nats::jetstream::stream::Config;
use local::Mesh;
use local::bins::{Bins, LAUNCHER};
use local::child::{Child, Spec};
use mesh::clock::now;
use proto::time::Time;
use rustix::process::Signal;

use crate::feed::{Feed, Plan};
use crate::support::{World, jetstream_of, wait_for};

/// The servers of a cluster.
const SERVERS: usize = 3;
/// For no longer than this nothing may be ruled when a server is lost: an election takes 4 to 13 s.
const LONGEST_GAP: Duration = Duration::from_secs(15);
/// Entries that have to be ruled before the next fault.
const BETWEEN: usize = 40;
/// How long a server hangs: longer than it takes to notice, so that everybody has moved.
const HANG: Duration = Duration::from_secs(20);

/// Three servers, each with a port for clients and one for the others.
struct Cluster {
    specs: Vec<Spec>,
    ports: Vec<u16>,
    running: Vec<Option<Child>>,
    launcher: PathBuf,
}

impl Cluster {
    async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let ports = (0..SERVERS).map(|_| local::port::free()).collect::<Result<Vec<u16>>>()?;
        let routes = (0..SERVERS).map(|_| local::port::free()).collect::<Result<Vec<u16>>>()?;
        let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let spec = |number: usize| {
            let name = format!("n{number}");
            let store = folder.join(&name).display().to_string();
            let port = ports[number].to_string();
            let args = ["-a", "127.0.0.1", "-p", &port, "-js", "-sd", &store, "-n", &name];
            let cluster = ["--cluster_name", "mesh", "--cluster", &all[number], "--routes", &all.join(",")]
                .map(Into::into);
            Spec {
                name: name.clone(),
                program: program.to_owned(),
                args: args.map(Into::into).into_iter().chain(cluster).collect(),
                env: Vec::new(),
                log: folder.join(format!("{name}.log")),
            }
        };
        let specs: Vec<Spec> = (0..SERVERS).map(spec).collect();
        let launcher = Bins::beside_this()?.path(LAUNCHER);
        let mut cluster = Self { specs, ports, running: Vec::new(), launcher };
        for number in 0..SERVERS {
            let child = cluster.specs[number].spawn(&cluster.launcher)?;
            cluster.running.push(Some(child));
        }
        cluster.works().await?;
        Ok(cluster)
    }

    fn url(&self) -> String {
        let urls: Vec<String> = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        urls.join(",")
    }

    /// Waits until streams of three copies can be made.
    async fn works(&self) -> Result<()> {
        let url = self.url();
        wait_for("a cluster that makes streams", || async {
            let Ok(jetstream) = jetstream_of(&url).await else { return Ok(None) };
            let config = Config { name: "PROBE".into(), num_replicas: SERVERS, ..Config::default() };
            let made = jetstream.create_stream(config).await.is_ok();
            Ok((made && jetstream.delete_stream("PROBE").await.is_ok()).then_some(()))
        })
        .await
    }

    async fn kill(&mut self, number: usize) -> Result<()> {
        let mut child = self.running[number].take().context("it does not run")?;
        child.signal(Signal::KILL)?;
        child.wait(Duration::from_secs(5)).await?;
        Ok(())
    }

    fn start_again(&mut self, number: usize) -> Result<()> {
        self.running[number] = Some(self.specs[number].spawn(&self.launcher)?);
        Ok(())
    }

    fn signal(&mut self, number: usize, signal: Signal) -> Result<()> {
        self.running[number].as_mut().context("it does not run")?.signal(signal)
    }
}

/// The number of the server that leads RULINGS; none while there is no leader or a copy is not up to date.
async fn leader(jetstream: &JetStream) -> Result<Option<usize>> {
    for name in ["EVENTS", "RULINGS", "DECISIONS", "DEAD", "KV_fed_lease", "KV_fed_roster"] {
        let Ok(stream) = jetstream.get_stream(name).await else { return Ok(None) };
        let Some(cluster) = &stream.cached_info().cluster else { return Ok(None) };
        let whole = cluster.replicas.len() == SERVERS - 1
            && cluster.replicas.iter().all(|replica| replica.current && !replica.offline);
        let Some(leads) = cluster.leader.as_ref().filter(|_| whole) else { return Ok(None) };
        if name == "RULINGS" {
            let number = leads.strip_prefix('n').and_then(|number| number.parse().ok());
            return number.context("a leader of another name").map(Some);
        }
    }
    Ok(None)
}

async fn whole(world: &World) -> Result<usize> {
    let jetstream = world.jetstream().await?;
    wait_for("every copy of every stream to be up to date", || leader(&jetstream)).await
}

/// When each ruling was stored.
async fn stored_at(jetstream: &JetStream) -> Result<Vec<Time>> {
    let stream = jetstream.get_stream("RULINGS").await?;
    let state = stream.cached_info().state.clone();
    let mut times = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let nanos = message.time.unix_timestamp_nanos();
        times.push(Time::from_millis(i64::try_from(nanos / 1_000_000)?));
    }
    Ok(times)
}

/// The longest time within these in which nothing was ruled.
fn longest_gap(times: &[Time], from: Time, to: Time) -> Duration {
    let within = times.iter().copied().filter(|time| (from..to).contains(time));
    let all: Vec<Time> = std::iter::once(from).chain(within).chain([to]).collect();
    let gaps = all.windows(2).map(|pair| Duration::from(pair[1].since(pair[0])));
    gaps.max().unwrap_or_default()
}

/// Loses each server in turn, the leader of RULINGS first, and then one hangs.
async fn lose_each(program: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(program, folder.path()).await?;
    let builder =
        Mesh::builder().nats_url(cluster.url()).arg("provision", "--replicas").arg("provision", "3");
    let mut world = World::start(builder).await?;
    world.mesh.start_one("arbiter-2").await?;
    world.mesh.start_one("gateway-2").await?;
    let feed = Feed::start(&world, Plan { pause: Duration::from_millis(60), ..Plan::default() });
    feed.more(BETWEEN).await?;
    let first = whole(&world).await?;
    let mut faults = Vec::new();
    for number in (0..SERVERS).map(|step| (first + step) % SERVERS) {
        let leads = whole(&world).await?;
        let began = now();
        cluster.kill(number).await?;
        lasts(&feed).await?;
        let back = now();
        cluster.start_again(number)?;
        whole(&world).await?;
        let what = if leads == number { "the leader of RULINGS killed" } else { "another killed" };
        faults.push((what, began, back));
        faults.push(("it came back", back, now()));
    }
    let number = whole(&world).await?;
    let began = now();
    cluster.signal(number, Signal::STOP)?;
    let hung = Instant::now();
    lasts(&feed).await?;
    tokio::time::sleep(HANG.saturating_sub(hung.elapsed())).await;
    cluster.signal(number, Signal::CONT)?;
    faults.push(("the leader of RULINGS hung", began, now()));
    whole(&world).await?;
    let entries = feed.check(&world, None).await?;
    let times = stored_at(&world.jetstream().await?).await?;
    println!("{}: {entries} entries, {} rulings", program.display(), times.len());
    for (what, from, to) in faults {
        let gap = longest_gap(&times, from, to);
        println!("  {what}: nothing ruled for {gap:?} at most");
        ensure!(gap <= LONGEST_GAP, "{what}: nothing was ruled for {gap:?}");
    }
    Ok(())
}

/// Waits long enough for an election, while entries come.
async fn lasts(feed: &Feed) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < LONGEST_GAP + Duration::from_secs(2) {
        feed.more(1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_any_of_three_servers_loses_nothing_and_stops_nothing_for_long() -> Result<()> {
    let Some(programs) = std::env::var_os("NATS_SERVERS").filter(|programs| !programs.is_empty()) else {
        println!("skipped: NATS_SERVERS names no programs newer than 2.9");
        return Ok(());
    };
    for program in std::env::split_paths(&programs) {
        lose_each(&program).await.with_context(|| program.display().to_string())?;
    }
    Ok(())
}
