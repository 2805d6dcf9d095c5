//! Plays a script on the model, and audits every ruling of it.

use proto::command::{Command, Order};
use proto::event::{Body, Event, Source};
use proto::id::{EntryId, EventId, HoldId, PortfolioId, RuleId};
use proto::ledger::Ledger;
use proto::ruling::Ruling;
use proto::time::Time;
use proto::wire::Schema;
use replay::{Model, Policies};

use crate::script::{Action, Script, Wish};

/// What followed from one step.
pub(crate) struct Played {
    /// What was ruled, timers included.
    pub(crate) rulings: Vec<Ruling>,
    /// The state afterwards.
    pub(crate) ledger: Option<Ledger>,
}

struct Stage {
    model: Model,
    /// How many entries there were.
    entries: u64,
    /// The entries, oldest first.
    told: Vec<Event>,
}

/// Plays a script from its beginning.
pub(crate) fn play(script: &Script) -> Result<Vec<Played>, String> {
    let policies =
        if script.policy.is_empty() { Policies::defaults() } else { Policies::parse(&script.policy) };
    let model = Model::new(policies.map_err(|bad| bad.to_string())?);
    let mut stage = Stage { model, entries: 0, told: Vec::new() };
    let mut played = Vec::new();
    for step in &script.steps {
        let rulings =
            stage.step(step.at, &step.action).map_err(|wrong| format!("line {}: {wrong}", step.line))?;
        for ruling in &rulings {
            court::audit(ruling)
                .map_err(|breach| format!("line {}, {}: {breach}", step.line, ruling.event.at))?;
        }
        let ledger = stage.model.ledger(&PortfolioId::main()).cloned();
        played.push(Played { rulings, ledger });
    }
    Ok(played)
}

impl Stage {
    fn step(&mut self, at: Time, action: &Action) -> Result<Vec<Ruling>, String> {
        match action {
            Action::Told { body, stale } => self.entry(at, body.clone(), *stale),
            Action::Again { last, times, every } => {
                let entries = self.last(*last)?;
                let mut rulings = Vec::new();
                let mut next = at;
                for told in std::iter::repeat_n(&entries, *times as usize).flatten() {
                    rulings.extend(self.entry(next, told.body.clone(), told.stale)?);
                    next = next.after(*every);
                }
                Ok(rulings)
            }
            Action::Duplicate => {
                let last = self.told.last().cloned().ok_or("nothing came before")?;
                self.tell(last)
            }
            Action::Replayed { last } => {
                let mut rulings = Vec::new();
                for told in self.last(*last)? {
                    rulings.extend(self.publish(at, told.body, told.stale)?);
                }
                Ok(rulings)
            }
            Action::Command { by, approved_by, order } => {
                // What is due comes first: it may end the holds that the order names.
                let mut rulings = self.pass(at)?;
                let order = self.order(order);
                let (by, approved_by) = (by.clone(), approved_by.clone());
                let command = Command { by, approved_by, reason: "as the script says".to_owned(), order };
                self.entries += 1;
                let id = EventId::derive(&["script", &self.entries.to_string()]);
                let event = event(id, at, Source::Operator, Body::Command(command), false);
                rulings.extend(self.tell(event)?);
                Ok(rulings)
            }
            Action::Absent { role, why } => {
                let rulings = self.pass(at);
                self.model.absent(role.clone(), why.clone());
                rulings
            }
            Action::Present { role } => {
                let rulings = self.pass(at);
                self.model.present(role);
                rulings
            }
            Action::Wait => self.pass(at),
        }
    }

    /// The last so many entries, oldest first.
    fn last(&self, last: usize) -> Result<Vec<Event>, String> {
        let from = self.told.len().checked_sub(last).ok_or("not so much came before")?;
        Ok(self.told.get(from..).unwrap_or_default().to_vec())
    }

    /// Something new: its producer says that it is of now.
    fn entry(&mut self, at: Time, mut body: Body, stale: bool) -> Result<Vec<Ruling>, String> {
        match &mut body {
            Body::Snapshot(snapshot) => snapshot.reported_at = Some(at),
            Body::Health(health) => health.reported_at = Some(at),
            Body::Model(model) => model.reported_at = Some(at),
            Body::Receipt(receipt) => receipt.reported_at = Some(at),
            Body::ClockDue(_) | Body::Command(_) => {}
        }
        self.publish(at, body, stale)
    }

    fn publish(&mut self, at: Time, body: Body, stale: bool) -> Result<Vec<Ruling>, String> {
        self.entries += 1;
        let entry = EntryId { millis: at.as_millis().unsigned_abs(), number: self.entries };
        let stream = body.kind().as_str().to_owned();
        let id = Event::id_of_entry(&stream, entry, &PortfolioId::main(), &body);
        let event =
            event(id, at, Source::Redis { stream: stream.into(), entry, through: entry }, body, stale);
        self.told.push(event.clone());
        self.tell(event)
    }

    fn tell(&mut self, event: Event) -> Result<Vec<Ruling>, String> {
        self.model.tell(event).map_err(|wrong| wrong.to_string())
    }

    fn pass(&mut self, until: Time) -> Result<Vec<Ruling>, String> {
        self.model.pass(until).map_err(|wrong| wrong.to_string())
    }

    fn order(&self, wish: &Wish) -> Order {
        let holds = |causes: &[RuleId]| causes.iter().map(|cause| self.hold(cause)).collect();
        match wish {
            Wish::Mode { mode, duration, releases } => {
                Order::SetMode { mode: *mode, duration: *duration, releases: holds(releases) }
            }
            Wish::Limits { limits, duration, releases } => {
                Order::SetLimits { limits: *limits, duration: *duration, releases: holds(releases) }
            }
            Wish::Freeze { severity, duration } => Order::Freeze {
                duration: *duration,
                severity: *severity,
                affected_subsystems: ["trading"].into(),
            },
            Wish::Release { cause } => Order::Release { hold: self.hold(cause) },
        }
    }

    /// The standing hold of a cause; one that does not exist where there is none.
    fn hold(&self, cause: &RuleId) -> HoldId {
        let ledger = self.model.ledger(&PortfolioId::main());
        let hold = ledger.and_then(|ledger| ledger.hold_of(cause));
        hold.map_or_else(|| HoldId::derive(&["no hold", cause.as_str()]), |hold| hold.id)
    }
}

fn event(id: EventId, at: Time, source: Source, body: Body, stale: bool) -> Event {
    Event {
        schema: Schema::Event,
        id,
        portfolio: PortfolioId::main(),
        at,
        source,
        trace_id: id.into(),
        correlation_id: id.to_string(),
        stale,
        body,
    }
}
