//! One run: a mesh is started, loaded and tortured, left in peace until all is through, and judged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mesh::nats::Connection;
use proto::id::PortfolioId;
use tokio::sync::watch;

use crate::args::Args;
use crate::door::Door;
use crate::evidence;
use crate::freezes::freeze;
use crate::judge::{judge, laws};
use crate::market::{self, Market};
use crate::plan::Plan;
use crate::producer::Producer;
use crate::sent::Book;
use crate::stage::Stage;
use crate::tally::Tally;
use crate::tape::Tape;

/// Looser values are granted at once, so that much is decided and much could loosen by mistake.
const POLICY: &str = "[court]\nconfirm = 1\nconfirm_over = \"0s\"\ncool_down = {}\n";
/// The file that it stands in.
pub(crate) const POLICY_FILE: &str = "policy.toml";
/// How long the mesh may take, after the last fault, to decide again everywhere.
const RECOVERY: Duration = Duration::from_secs(40);
/// How long it may take, after the load, until all is through; `FED_TEST_PATIENCE_SECONDS` raises it.
const SETTLING: Duration = Duration::from_secs(60);
/// How often it is looked whether all is through.
const LOOK: Duration = Duration::from_millis(600);
/// How long reading everything once may take.
const READING: Duration = Duration::from_secs(30);

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// What does not hold; where the run is kept then.
    pub(crate) wrong: Vec<String>,
    pub(crate) kept: Option<PathBuf>,
}

/// Runs the plan of a seed.
///
/// # Errors
/// The run itself could not be done.
pub(crate) async fn run(plan: &Plan, args: &Args, bug: Option<&str>) -> Result<Outcome> {
    let folder =
        tempfile::Builder::new().prefix(&format!("torture-{}-", plan.seed)).tempdir_in(&args.keep)?;
    std::fs::write(folder.path().join(POLICY_FILE), POLICY)?;
    std::fs::write(folder.path().join("plan.txt"), plan.to_string())?;
    let mut played =
        Played { book: Book::default(), tape: Tape::default(), tally: Tally::default(), wrong: Vec::new() };
    if let Err(failed) = played.play(plan, args, bug, folder.path()).await {
        played.wrong.push(format!("the run failed: {failed:#}"));
    }
    let Played { tape, mut tally, wrong, .. } = played;
    tally.violations = wrong.len() as u64;
    if wrong.is_empty() {
        return Ok(Outcome { tally, wrong, kept: None });
    }
    if bug.is_some() {
        return Ok(Outcome { tally, wrong, kept: None });
    }
    let kept = folder.keep();
    evidence::write(&kept, &tape, &wrong).context("writing the evidence")?;
    Ok(Outcome { tally, wrong, kept: Some(kept) })
}

struct Played {
    book: Book,
    tape: Tape,
    tally: Tally,
    wrong: Vec<String>,
}

impl Played {
    async fn play(&mut self, plan: &Plan, args: &Args, bug: Option<&str>, folder: &Path) -> Result<()> {
        let mut stage = Stage::start(plan, args, bug, folder, self.book.clone()).await?;
        let (door, redis_url) = (Door::of_observer(&stage.mesh)?, stage.mesh.redis_url().to_owned());
        let mut market = Market::new(plan.load.clone());
        let portfolios: BTreeSet<PortfolioId> = market::portfolios().collect();
        let mut producer = Producer::new(&redis_url, self.book.clone())?;
        for portfolio in &portfolios {
            producer.publish(market.first(portfolio.clone(), mesh::clock::now())).await;
        }
        self.known(&door, &portfolios).await?;

        let (end, ended) = watch::channel(false);
        let watching = tokio::spawn(stage.recoveries.clone().watch(door, redis_url.clone()));
        let loading = tokio::spawn(producer.run(market, ended.clone()));
        let every = plan.lasts / 5;
        let desk =
            freeze(stage.mesh.http_url(), market::to_freeze().collect(), every, self.book.clone(), ended);
        let desk = tokio::spawn(desk);
        stage.carry_out(plan).await?;
        self.recover(&mut stage).await?;
        end.send_replace(true);
        loading.await?;
        tokio::time::timeout(RECOVERY, desk).await.context("the risk desk has no answer")??;
        watching.abort();

        self.settle(&mut stage, &portfolios).await?;
        self.judge_all(&stage)?;
        self.tally.count(&stage, &self.tape);
        Ok(())
    }

    /// Waits until every portfolio has a ruling: what concerns everybody concerns all of them from then on.
    async fn known(&mut self, door: &Door, portfolios: &BTreeSet<PortfolioId>) -> Result<()> {
        let nats = Connection::new(door.open().await?);
        let began = Instant::now();
        loop {
            let info = nats.jetstream.get_stream("RULINGS").await?.get_info().await?;
            if info.state.subjects_count >= portfolios.len() as u64 {
                return Ok(());
            }
            ensure!(began.elapsed() < RECOVERY, "not every portfolio was ruled before anything went wrong");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The load goes on until what is to be recovered from is.
    async fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        let began = Instant::now();
        loop {
            stage.wait_until(Instant::now() + LOOK).await?;
            let open = stage.recoveries.open_kinds();
            if open.is_empty() {
                return Ok(());
            }
            if began.elapsed() > RECOVERY {
                self.wrong
                    .push(format!("not everything was decided again {RECOVERY:?} after {}", open.join(", ")));
                return Ok(());
            }
        }
    }

    /// Reads everything again and again until nothing is amiss, or it takes too long: then what is amiss is told.
    async fn settle(&mut self, stage: &mut Stage, portfolios: &BTreeSet<PortfolioId>) -> Result<()> {
        let nats = Connection::new(Door::of_observer(&stage.mesh)?.open().await?);
        let client = redis::Client::open(stage.mesh.redis_url())?;
        let raised = std::env::var("FED_TEST_PATIENCE_SECONDS").ok().and_then(|text| text.parse().ok());
        let patience = raised.map_or(SETTLING, Duration::from_secs).max(SETTLING);
        let began = Instant::now();
        loop {
            stage.look_after()?;
            let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(READING));
            let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
            let reading = self.tape.read_on(&nats, &mut redis, portfolios.iter().cloned());
            tokio::time::timeout(READING, reading).await.context("the streams do not come")??;
            let wrong = judge(&self.tape, &self.book.open(), portfolios);
            if wrong.is_empty() {
                return Ok(());
            }
            if began.elapsed() > patience {
                self.wrong.extend(wrong);
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn judge_all(&mut self, stage: &Stage) -> Result<()> {
        let (unsound, verified) = laws(&self.tape, POLICY)?;
        self.wrong.extend(unsound);
        // A check of nothing finds nothing.
        ensure!(verified.rulings > 0 && verified.recomputed > 0, "nothing was ruled: {verified:?}");
        self.tally.void += verified.void;
        self.wrong.extend(stage.died.iter().map(|death| format!("died: {death}")));
        for (name, log) in stage.logs() {
            let text = std::fs::read(&log).with_context(|| log.display().to_string())?;
            let text = String::from_utf8_lossy(&text);
            let panics = text.lines().filter(|line| line.contains("panicked"));
            self.wrong.extend(panics.map(|line| format!("{name}: {line}")));
        }
        Ok(())
    }
}
