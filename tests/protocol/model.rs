//! The model: a world, what can happen next in it, and what comes of that.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use proto::chain::Chain;
use proto::id::Sequence;
use stateright::{Model, Property};

use crate::arbiter::{Step, Task};
use crate::docket::Docket;
use crate::emit::EmitStep;
use crate::laws;
use crate::variant::Variant;
use crate::world::{Arbiter, Emitter, Faults, Sink, Work, World};

/// The protocol over a few events, with bounds.
#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) variant: Variant,
    pub(crate) docket: Docket,
    pub(crate) arbiters: usize,
    pub(crate) emitters: usize,
    /// How many different things roles can say on one event.
    pub(crate) hearings: u8,
    pub(crate) faults: Faults,
    /// Arbiters look for the first message after the one that they expect, also when they are told that their ruling is
    /// stored. They do not, and need not as long as the broker keeps compare-and-set.
    pub(crate) wary: bool,
    /// Worlds that differ only in which of two arbiters or sessions does what are one: fewer states, but a trace in which
    /// names change hands.
    pub(crate) interchangeable: bool,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// An arbiter takes a step.
    Arbiter(usize, Step),
    /// An arbiter's clerk of a portfolio does something.
    Clerk(usize, usize, Task),
    /// A session of emit takes a step.
    Emit(usize, EmitStep),
    /// A ruling that nobody waits for any more comes to the broker after all.
    Arrive(usize),
    /// Something goes wrong.
    Fault(Fault),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An arbiter dies.
    Crash(usize),
    /// The clerk of this arbiter and portfolio gets no acknowledgement.
    TimeOut(usize, usize),
    /// The broker stores what it should refuse, and says so.
    Admit(usize, usize),
    /// The broker stores a late ruling that it should refuse.
    AdmitLate(usize),
    /// The broker forgets message ids.
    Forget,
    /// An arbiter is given an event again.
    Redeliver(usize, Sequence),
    /// Emit is gone before it has written.
    Disconnect(usize),
    /// Emit has written, and is gone before it knows.
    WriteUnanswered(usize),
    /// Redis loses its latest write.
    RollBack,
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let chains = vec![Chain::default(); self.docket.portfolios()];
        vec![World {
            rulings: Vec::new(),
            remembered: 0,
            decisions: Vec::new(),
            decisions_remembered: 0,
            late: Vec::new(),
            arbiters: vec![None; self.arbiters],
            sink: Sink { sequence: Sequence(0), chains, told: Vec::new(), before: None },
            emitters: vec![None; self.emitters],
            faults: self.faults,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.progress(world, actions);
        actions.extend((0..world.late.len()).map(Action::Arrive));
        self.mishaps(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Arbiter(who, step) => self.step(&mut next, who, step),
            Action::Clerk(who, portfolio, task) => self.with_arbiter(&mut next, who, |world, arbiter| {
                self.do_task(world, arbiter, portfolio, task);
            }),
            Action::Emit(which, step) => self.emit(&mut next, which, step),
            Action::Arrive(index) => {
                let letter = next.late.remove(index);
                next.offer(&letter);
            }
            Action::Fault(fault) => self.go_wrong(&mut next, fault),
        }
        if self.interchangeable {
            // Whichever of two alike is in which state makes no difference.
            next.arbiters.sort_by_cached_key(fingerprint);
            next.emitters.sort_by_cached_key(fingerprint);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every law holds", |protocol, world| laws::broken(protocol, world).is_empty())]
    }
}

impl Protocol {
    /// What can happen when nothing goes wrong.
    pub(crate) fn progress(&self, world: &World, actions: &mut Vec<Action>) {
        for (who, arbiter) in world.arbiters.iter().enumerate() {
            let Some(arbiter) = arbiter else {
                actions.push(Action::Arbiter(who, Step::TakeUp));
                continue;
            };
            actions.extend(arbiter.step(self).map(|step| Action::Arbiter(who, step)));
            for (portfolio, clerk) in arbiter.clerks.iter().enumerate() {
                actions.extend(clerk.tasks(self).into_iter().map(|task| Action::Clerk(who, portfolio, task)));
            }
        }
        for (which, emitter) in world.emitters.iter().enumerate() {
            let steps =
                emitter.as_ref().map_or_else(|| vec![EmitStep::Begin], |emitter| emitter.steps(world));
            actions.extend(steps.into_iter().map(|step| Action::Emit(which, step)));
        }
    }

    fn mishaps(&self, world: &World, actions: &mut Vec<Action>) {
        let mut faults = Vec::new();
        for (who, arbiter) in world.arbiters.iter().enumerate() {
            if let Some(arbiter) = arbiter {
                mishaps_of(world, who, arbiter, &mut faults);
            }
        }
        let Faults { admissions, amnesias, disconnections, rollbacks, .. } = world.faults;
        if admissions > 0 {
            faults.extend((0..world.late.len()).map(Fault::AdmitLate));
        }
        if amnesias > 0 && world.remembered < world.rulings.len() {
            faults.push(Fault::Forget);
        }
        for (which, emitter) in world.emitters.iter().enumerate() {
            if disconnections > 0 && emitter.as_ref().is_some_and(|emitter| emitter.batch.is_some()) {
                faults.extend([Fault::Disconnect(which), Fault::WriteUnanswered(which)]);
            }
        }
        if rollbacks > 0 && world.sink.before.is_some() {
            faults.push(Fault::RollBack);
        }
        actions.extend(faults.into_iter().map(Action::Fault));
    }

    fn step(&self, world: &mut World, who: usize, step: Step) {
        match step {
            Step::TakeUp => world.arbiters[who] = Some(self.take_up(world)),
            Step::ReadEvent => self.with_arbiter(world, who, |_, arbiter| {
                self.hand_over(arbiter, arbiter.next);
            }),
        }
    }

    fn with_arbiter(&self, world: &mut World, who: usize, act: impl FnOnce(&mut World, &mut Arbiter)) {
        if let Some(mut arbiter) = world.arbiters[who].take() {
            act(world, &mut arbiter);
            world.arbiters[who] = Some(arbiter);
        }
    }

    fn emit(&self, world: &mut World, which: usize, step: EmitStep) {
        world.emitters[which] = match (step, world.emitters[which].take()) {
            (EmitStep::Begin, _) => Some(self.begin(world)),
            (EmitStep::Gather(count), Some(mut emitter)) => {
                self.gather(world, &mut emitter, count);
                Some(emitter)
            }
            (EmitStep::Write, Some(emitter)) => self.write_to(world, emitter),
            (EmitStep::Gather(_) | EmitStep::Write, None) => None,
        };
    }

    fn write_to(&self, world: &mut World, emitter: Emitter) -> Option<Emitter> {
        if world.faults.rollbacks > 0 {
            world.sink.before = Some(Box::new(Sink { before: None, ..world.sink.clone() }));
        }
        self.write(&mut world.sink, emitter)
    }

    fn go_wrong(&self, world: &mut World, fault: Fault) {
        let faults = &mut world.faults;
        match fault {
            Fault::Crash(who) => {
                faults.crashes -= 1;
                let clerks = world.arbiters[who].take().into_iter().flat_map(|arbiter| arbiter.clerks);
                for clerk in clerks {
                    if let Work::Sent(letter, _) = clerk.work {
                        world.late.push(letter);
                    }
                }
            }
            Fault::TimeOut(who, portfolio) => {
                faults.timeouts -= 1;
                self.with_arbiter(world, who, |world, arbiter| self.time_out(world, arbiter, portfolio));
            }
            Fault::Admit(who, portfolio) => {
                faults.admissions -= 1;
                self.with_arbiter(world, who, |world, arbiter| {
                    self.admit(world, arbiter, portfolio);
                });
            }
            Fault::AdmitLate(index) => {
                faults.admissions -= 1;
                let letter = world.late.remove(index);
                world.store(&letter.ruling);
            }
            Fault::Forget => {
                faults.amnesias -= 1;
                world.remembered = world.rulings.len();
                world.decisions_remembered = world.decisions.len();
            }
            Fault::Redeliver(who, sequence) => {
                faults.redeliveries -= 1;
                self.with_arbiter(world, who, |_, arbiter| self.hand_over(arbiter, sequence));
            }
            Fault::Disconnect(which) => {
                faults.disconnections -= 1;
                world.emitters[which] = None;
            }
            Fault::WriteUnanswered(which) => {
                faults.disconnections -= 1;
                self.emit(world, which, EmitStep::Write);
                world.emitters[which] = None;
            }
            Fault::RollBack => {
                faults.rollbacks -= 1;
                if let Some(before) = world.sink.before.take() {
                    world.sink = *before;
                }
                // Redis came back: an idle session learns it by its connection, and one that writes by the script.
                for emitter in &mut world.emitters {
                    emitter.take_if(|emitter| emitter.batch.is_none());
                }
            }
        }
    }

    /// A ruling is stored that should be refused, and its clerk is told so.
    fn admit(&self, world: &mut World, arbiter: &mut Arbiter, portfolio: usize) {
        let work = std::mem::replace(&mut arbiter.clerks[portfolio].work, Work::Free);
        if let Work::Sent(letter, _) = work {
            let sequence = world.store(&letter.ruling);
            arbiter.clerks[portfolio].work = self.acknowledged(world, arbiter, letter, sequence);
        }
    }
}

fn fingerprint(process: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    process.hash(&mut hasher);
    hasher.finish()
}

fn mishaps_of(world: &World, who: usize, arbiter: &Arbiter, faults: &mut Vec<Fault>) {
    let Faults { crashes, timeouts, admissions, redeliveries, .. } = world.faults;
    if crashes > 0 {
        faults.push(Fault::Crash(who));
    }
    if redeliveries > 0 {
        faults.extend((1..arbiter.next.0).map(|sequence| Fault::Redeliver(who, Sequence(sequence))));
    }
    for (portfolio, clerk) in arbiter.clerks.iter().enumerate() {
        let Work::Sent(letter, _) = &clerk.work else { continue };
        if timeouts > 0 {
            faults.push(Fault::TimeOut(who, portfolio));
        }
        // Only where it makes a difference.
        if admissions > 0 && world.refuses(letter) {
            faults.push(Fault::Admit(who, portfolio));
        }
    }
}
