//! The arbiter and the gateway killed at each step of their loops, under load: nothing is lost, nothing is done twice.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local::Mesh;
use mesh::crash::{Loop, Step, VARIABLE};
use serde_json::json;

use crate::feed::{Feed, Plan, SNAPSHOT};
use crate::support::{World, patience, snapshot_of, wait_for};

/// How a process that ends at a step ends.
const ABORTED: i32 = 6;

/// How often each step is ended at; `CRASHES=20` for more.
fn rounds() -> u64 {
    std::env::var("CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// What makes a process come to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The events that come all the time.
    Load,
    /// It is asked to end.
    Term,
    /// An operator freezes a portfolio.
    Freeze,
    /// The same while NATS is away.
    FreezeAlone,
}

impl Cause {
    const fn of(step: Step) -> Self {
        match step {
            Step::LeaseWorkEnded => Self::Term,
            Step::OrderStored => Self::Freeze,
            Step::StopMade | Step::StopTold => Self::FreezeAlone,
            Step::LeaseTaken
            | Step::MessageSent
            | Step::HeadsRead
            | Step::EventRead
            | Step::EventDocketed
            | Step::RoleAsked
            | Step::RolesHeard
            | Step::ReviewHeard
            | Step::Ruled
            | Step::RulingAppended
            | Step::DecisionAnnounced
            | Step::RulingAnnounced
            | Step::EventDone
            | Step::CatchUpBegun
            | Step::CaughtUp
            | Step::TimerDue
            | Step::TimerStored
            | Step::EntriesRead
            | Step::EntryDecoded
            | Step::EventStored
            | Step::EntriesStored
            | Step::LetterTold
            | Step::LetterStored
            | Step::RulingRead
            | Step::BatchReady
            | Step::BatchWritten
            | Step::DocumentsRenewed
            // The order that the end at the step before left behind.
            | Step::StopHandedOver
            | Step::StopForgotten => Self::Load,
        }
    }
}

/// The how-many-eth time that a step is ended at: another one each round, where there are as many in a life.
fn nth(step: Step, round: u64) -> u64 {
    let is_seldom = Cause::of(step) != Cause::Load
        || [
            Step::DocumentsRenewed,
            Step::CatchUpBegun,
            Step::CaughtUp,
            Step::TimerDue,
            Step::TimerStored,
            Step::StopHandedOver,
            Step::StopForgotten,
        ]
        .contains(&step);
    match (is_seldom, step == Step::LeaseTaken) {
        (true, _) => 1,
        (false, true) => 1 + round % 2,
        (false, false) => 1 + round % 4,
    }
}

/// Ends a process that does not run yet at a step.
async fn end_at(world: &mut World, process: &str, step: Step, nth: u64) -> Result<()> {
    let cause = Cause::of(step);
    world.mesh.spawn_with(process, &[(VARIABLE, &format!("{}:{nth}", step.as_str()))])?;
    if cause != Cause::Load {
        world.mesh.wait_ready(&[process.to_owned()]).await?;
    }
    match cause {
        Cause::Load => {}
        Cause::Term => {
            holds(world, process).await?;
            world.mesh.ask_to_end(process)?;
        }
        Cause::Freeze => freeze(world, step).await?,
        Cause::FreezeAlone => {
            known(world, step).await?;
            world.mesh.kill("nats").await?;
            freeze(world, step).await?;
        }
    }
    let status = world.mesh.end_of(process, patience()).await?;
    ensure!(status.signal() == Some(ABORTED), "it ended otherwise: {status}");
    if cause == Cause::FreezeAlone {
        world.mesh.start_one("nats").await?;
    }
    Ok(())
}

/// Waits until a process holds a lease: it is ready before.
async fn holds(world: &World, process: &str) -> Result<()> {
    let url = format!("{}/readyz", world.mesh.admin_url(process).context("no address")?);
    wait_for("a lease", || async {
        let told = world.http.get(&url).send().await?.text().await?;
        Ok((!told.contains("leases: none")).then_some(()))
    })
    .await
}

/// Each step that an operator comes to has a portfolio of its own, so that nothing else is decided there meanwhile.
fn portfolio_of(step: Step) -> String {
    format!("desk-{}", step.as_str())
}

/// Makes the portfolio known.
async fn known(world: &mut World, step: Step) -> Result<()> {
    let portfolio = portfolio_of(step);
    let entry = world.publish(SNAPSHOT, &snapshot_of(&portfolio, 0.01)).await?;
    world.ruled(&portfolio, SNAPSHOT, &entry).await?;
    Ok(())
}

/// Presses the button; there is no answer any more.
async fn freeze(world: &mut World, step: Step) -> Result<()> {
    if Cause::of(step) == Cause::Freeze {
        known(world, step).await?;
    }
    let order = json!({"reason": "drill", "portfolio": portfolio_of(step)});
    let answered = world.post("/api/federation/freeze", order).await;
    ensure!(answered.is_err(), "it was answered: {answered:?}");
    Ok(())
}

/// Ends a process at each step of its loops, one after another, and checks what became of everything.
async fn each_step(process: &str, whose: Loop, policy: &str, plan: Plan) -> Result<()> {
    let steps = Step::ALL.iter().copied().filter(|step| [whose, Loop::Both].contains(&step.whose()));
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    let mut entries = 0;
    for round in 0..rounds() {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("policy.toml");
        std::fs::write(&file, policy)?;
        // A docket of one: a portfolio is parked whenever two of its events wait. Every ruling is kept, to be checked.
        let builder = Mesh::builder().policy(&file).env("FED_QUEUE_MAX", "1");
        let builder = builder.arg("provision", "--history").arg("provision", "100000");
        let mut world = World::start(builder).await?;
        let feed = Feed::start(&world, plan);
        world.mesh.kill(process).await?;
        for step in steps.clone() {
            let told = || format!("round {round}: {process} is to end at {}", step.as_str());
            end_at(&mut world, process, step, nth(step, round)).await.with_context(told)?;
            *ended.entry(step.as_str()).or_default() += 1;
        }
        world.mesh.start_one(process).await?;
        entries += feed.check(&world, Some(&file)).await.with_context(|| format!("after round {round}"))?;
    }
    println!("{process} ended at {} steps, {entries} entries: {ended:?}", ended.len());
    Ok(())
}

/// Looser values are granted at once, so that there is something to review, and silence is noticed after a second, so
/// that timers are due.
const QUICK: &str =
    "[court]\nconfirm = 1\nconfirm_over = \"0s\"\ncool_down = {}\n\n[supervisor]\nfeed_silence = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_arbiter_killed_at_each_step_loses_and_doubles_nothing() -> Result<()> {
    let plan = Plan { pause: Duration::from_millis(80), health_every: 7, bad_every: 0 };
    each_step("arbiter", Loop::Arbiter, QUICK, plan).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_killed_at_each_step_loses_and_doubles_nothing() -> Result<()> {
    each_step("gateway", Loop::Gateway, "", Plan::default()).await
}
