//! A real mesh whose roads can be disturbed, and the hands that do it: what a plan says is carried out here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use local::bins::Bins;
use local::{Mesh, port};
use proto::id::{PortfolioId, Slot, SlotCount};

use crate::args::Args;
use crate::door::Door;
use crate::market;
use crate::plan::{Fault, Plan, SERVICES, What};
use crate::producer::Producer;
use crate::recovery::Recoveries;
use crate::rivals;
use crate::road::{Roads, Traffic};
use crate::rollback::Copy;
use crate::run::POLICY_FILE;
use crate::sent::{Book, RolledBack};

/// How often it is looked whether a process ended by itself.
const LOOK: Duration = Duration::from_millis(100);
/// How long putting rivals into the log may take.
const RIVALS: Duration = Duration::from_secs(3);

/// A mesh in trouble.
pub(crate) struct Stage {
    pub(crate) mesh: Mesh,
    pub(crate) recoveries: Recoveries,
    /// How many faults of each kind there were.
    pub(crate) faults: BTreeMap<String, u64>,
    /// Processes that ended without being told to.
    pub(crate) died: Vec<String>,
    folder: PathBuf,
    roads: Roads,
    slots: BTreeSet<Slot>,
    book: Book,
    again: Producer,
    copy: Option<Copy>,
    /// How many faults go on now.
    going_on: usize,
}

/// A fault begins or ends.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Duration,
    fault: usize,
    begins: bool,
}

impl Stage {
    /// Starts everything, with a second arbiter and a second gateway.
    pub(crate) async fn start(
        plan: &Plan,
        args: &Args,
        bug: Option<&str>,
        folder: &Path,
        book: Book,
    ) -> Result<Self> {
        let (nats, redis) = (port::free()?, port::free()?);
        let roads = Roads::open(nats, redis)?;
        let mut builder =
            Mesh::builder().data(folder).policy(folder.join(POLICY_FILE)).nats_port(nats).redis_port(redis);
        builder = builder.arg("redis", "--appendfsync").arg("redis", "always");
        builder = builder.arg("provision", "--history").arg("provision", "100000");
        builder = builder.patience(Duration::from_secs(120));
        if plan.overlap {
            builder = builder.env("FED_LEASES", "off");
        }
        if let Some(bug) = bug {
            builder = builder.env("FED_PLANTED", bug);
        }
        if let Some(bins) = &args.bins {
            builder = builder.bins(Bins::in_folder(bins));
        }
        let mut mesh = roads.lead(builder).start().await?;
        mesh.start_one("arbiter-2").await?;
        mesh.start_one("gateway-2").await?;
        let again = Producer::new(mesh.redis_url(), book.clone())?;
        let slots = market::portfolios().map(|portfolio| portfolio.slot(SlotCount::default())).collect();
        Ok(Self {
            mesh,
            recoveries: Recoveries::default(),
            faults: BTreeMap::new(),
            died: Vec::new(),
            folder: folder.to_owned(),
            roads,
            slots,
            book,
            again,
            copy: None,
            going_on: 0,
        })
    }

    /// Carries a plan out; ends with everything running and every road free.
    pub(crate) async fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        let began = Instant::now();
        if plan.overlap {
            self.count("overlap".to_owned());
        }
        for step in steps(plan) {
            self.wait_until(began + step.at).await?;
            let Some(fault) = plan.faults.get(step.fault) else { continue };
            let carried_out = if step.begins { self.begin(fault).await } else { self.end(fault).await };
            carried_out.with_context(|| format!("{fault:?}"))?;
        }
        self.wait_until(began + plan.lasts).await?;
        self.roads.clear();
        Ok(())
    }

    /// Lets time pass, and starts again whatever ended by itself, as whoever runs a mesh does.
    pub(crate) async fn wait_until(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            self.look_after()?;
            tokio::time::sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    pub(crate) fn look_after(&mut self) -> Result<()> {
        for death in self.mesh.deaths()? {
            self.died.push(death.to_string());
            self.mesh.spawn_one(&death.name)?;
        }
        Ok(())
    }

    async fn begin(&mut self, fault: &Fault) -> Result<()> {
        self.recoveries.disturb();
        self.count(fault.what.kind());
        match &fault.what {
            What::Kill(process) => {
                self.look_after()?;
                self.mesh.kill(process).await?;
            }
            What::Pause(process) => {
                self.look_after()?;
                self.mesh.pause(process)?;
            }
            What::Disturb(road, traffic) => self.roads.set(*road, *traffic),
            What::PublishAgain => {
                self.again.publish_again().await;
            }
            What::RollBack => self.copy = Some(Copy::of(&self.folder.join("redis"))?),
            What::Rivals => self.rival().await,
        }
        self.going_on += 1;
        Ok(())
    }

    async fn end(&mut self, fault: &Fault) -> Result<()> {
        match &fault.what {
            What::Kill(process) => self.mesh.spawn_one(process)?,
            What::Pause(process) => self.mesh.resume(process)?,
            What::Disturb(road, _) => self.roads.set(*road, Traffic::Free),
            What::RollBack => self.roll_back().await?,
            What::PublishAgain | What::Rivals => {}
        }
        self.going_on -= 1;
        if self.going_on == 0 && !fault.what.is_over_at_once() {
            self.recoveries.begin(fault.what.kind(), fault.what.role(), self.slots.clone());
        }
        Ok(())
    }

    async fn roll_back(&mut self) -> Result<()> {
        let Some(copy) = self.copy.take() else { return Ok(()) };
        self.look_after()?;
        self.mesh.kill("redis").await?;
        let to = Instant::now();
        let from = copy.restore()?;
        self.mesh.spawn_one("redis")?;
        let back = mesh::clock::now();
        self.book.open().rolled_back.push(RolledBack { from, to, back });
        Ok(())
    }

    /// A broker that is away admits nobody: then there are none.
    async fn rival(&mut self) {
        let Ok(door) = Door::of_arbiter(&self.mesh) else { return };
        let portfolios: Vec<PortfolioId> = market::portfolios().step_by(3).collect();
        let _ = tokio::time::timeout(RIVALS, rivals::rival(&door, &portfolios)).await;
    }

    fn count(&mut self, kind: String) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// The log of every process.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        SERVICES.into_iter().map(|name| (name, self.mesh.log(name)))
    }
}

/// Beginnings and ends, in order; what would end after the load is over ends with it.
fn steps(plan: &Plan) -> Vec<Step> {
    let mut steps = Vec::new();
    for (fault, Fault { begins, lasts, .. }) in plan.faults.iter().enumerate() {
        steps.push(Step { at: *begins, fault, begins: true });
        steps.push(Step { at: (*begins + *lasts).min(plan.lasts), fault, begins: false });
    }
    // A fault that lasts no time begins before it ends.
    steps.sort_by_key(|step| (step.at, step.fault, !step.begins));
    steps
}
