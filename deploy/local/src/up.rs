//! `up`: start everything, follow it, take it down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use local::Mesh;
use local::args::{FeedChoice, LogChoice, Up};
use local::feed::DEMO_POLICY;
use local::feed::demo::Demo;
use local::feed::operator::Operator;
use local::feed::producer::Producer;
use local::said::Said;
use local::{decisions, logs};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use crate::print::Printer;

/// How much may wait for the terminal.
const WAITING: usize = 256;
/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Starts everything, follows it until a signal, and takes it down. A second signal kills.
///
/// # Errors
/// Something does not start, died meanwhile, or does not end.
pub(crate) async fn run(args: &Up, printer: Printer) -> Result<()> {
    let mut signals = Signals::listen()?;
    let demo_policy = demo_policy(args)?;
    let mut builder = args.builder().progress(|line| Printer::new().say(line));
    if let Some(file) = args.policy.as_deref().or(demo_policy.as_ref().map(tempfile::NamedTempFile::path)) {
        builder = builder.policy(file);
    }
    printer.say("starting the servers and the mesh");
    let mut mesh = tokio::select! {
        started = builder.start() => started?,
        () = signals.next() => return Ok(()),
    };
    announce(&mesh, printer);
    if let Some(file) = &args.ready_file {
        mesh.ready().write(file)?;
    }
    let died = stay_up(args, &mut mesh, &mut signals, printer).await?;
    printer.say("stopping (Ctrl-C again kills)");
    tokio::select! {
        ended = mesh.down() => ended?,
        () = signals.next() => {}
    }
    if let Some(file) = &args.ready_file {
        // It would point at what is gone.
        std::fs::remove_file(file).with_context(|| format!("removing {}", file.display()))?;
    }
    if died.is_empty() { Ok(()) } else { bail!("died meanwhile: {}", died.join(", ")) }
}

/// The demo's policy as a file, when it is to be used.
fn demo_policy(args: &Up) -> Result<Option<tempfile::NamedTempFile>> {
    if args.policy.is_some() || args.feed == FeedChoice::None {
        return Ok(None);
    }
    let file = tempfile::Builder::new().prefix("federation-demo-").suffix(".toml").tempfile()?;
    std::fs::write(file.path(), DEMO_POLICY)?;
    Ok(Some(file))
}

fn announce(mesh: &Mesh, printer: Printer) {
    let ready = mesh.ready();
    for (name, pid) in &ready.pids {
        let address = match name.as_str() {
            "nats" => ready.nats_url.as_str(),
            "redis" => ready.redis_url.as_str(),
            service => ready.admin.get(service).map_or("", String::as_str),
        };
        printer.say(&format!("  {name:<11} {address:<28} pid {pid}"));
    }
    if let Some(seed) = &ready.observer_seed {
        printer.say(&format!("  to read NATS: --nats-nkey {}", seed.display()));
    }
    printer.say(&format!("ready: {}", mesh.http_url()));
}

/// Shows what there is to show until a signal comes. Returns the names of the processes that died.
async fn stay_up(args: &Up, mesh: &mut Mesh, signals: &mut Signals, printer: Printer) -> Result<Vec<String>> {
    let stop = CancellationToken::new();
    let _stop_at_end = stop.clone().drop_guard();
    let (sender, mut said) = mpsc::channel(WAITING);
    follow(args, mesh, &sender, &stop);
    let mut look = tokio::time::interval(LOOK);
    let mut died = Vec::new();
    loop {
        tokio::select! {
            () = signals.next() => return Ok(died),
            () = show_next(&mut said, printer) => {}
            _ = look.tick() => {
                for death in mesh.deaths()? {
                    printer.trouble(&death.to_string());
                    died.push(death.name);
                }
            }
        }
    }
}

async fn show_next(said: &mut Receiver<Said>, printer: Printer) {
    match said.recv().await {
        Some(Said::Log(line)) => printer.log(&line),
        Some(Said::Decision(decision)) => printer.decision(&decision),
        Some(Said::Story(line)) => printer.story(&line),
        Some(Said::Trouble(text)) => printer.trouble(&text),
        None => std::future::pending().await,
    }
}

fn follow(args: &Up, mesh: &Mesh, said: &Sender<Said>, stop: &CancellationToken) {
    let redis_url = mesh.redis_url().to_owned();
    if args.logs != LogChoice::None {
        let folder: PathBuf = mesh.log("any").parent().unwrap_or_else(|| Path::new(".")).to_owned();
        let (choice, sender, token) = (args.logs, said.clone(), stop.clone());
        watch("following the logs", said, async move { logs::follow(&folder, choice, sender, token).await });
        tokio::spawn(decisions::follow(redis_url.clone(), said.clone(), stop.clone()));
    }
    if args.feed == FeedChoice::Demo {
        let (http_url, sender, token) = (mesh.http_url(), said.clone(), stop.clone());
        let repeat = args.feed_repeat;
        watch("the demo feed", said, async move {
            let producer = Producer::connect(&redis_url).await?;
            let operator = Operator::new(http_url.clone(), &redis_url)?;
            let demo = Demo { producer, operator, narration: sender, stop: token };
            demo.play(repeat, afterword(&http_url)).await
        });
    }
}

/// Runs a task that says so when it fails.
fn watch(what: &'static str, said: &Sender<Said>, task: impl Future<Output = Result<()>> + Send + 'static) {
    let said = said.clone();
    tokio::spawn(async move {
        if let Err(error) = task.await {
            // Nobody listens any more when the launcher is on its way out.
            let _ = said.send(Said::Trouble(format!("{what}: {error:#}"))).await;
        }
    });
}

/// What to try when the demo is over.
fn afterword(http_url: &str) -> String {
    format!(
        r#"The day is over; the mesh stays up and the portfolio goes on calmly. To try, in another terminal:
   curl {http_url}/health
   curl {http_url}/api/federation/status
   curl -X POST {http_url}/api/federation/mode -H "Content-Type: application/json" \
     -d '{{"mode": "SHADOW", "reason": "Testing integration", "duration_minutes": 5}}'
   curl "{http_url}/api/federation/decisions?limit=10""#
    )
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
