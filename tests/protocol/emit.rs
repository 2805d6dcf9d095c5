//! Emit's steps: from RULINGS to Redis, by one atomic script.

use proto::chain::Chain;
use proto::id::Sequence;

use crate::model::Protocol;
use crate::variant::Variant;
use crate::world::{Batch, Emitter, Ruling, Sink, World};

/// What emit does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmitStep {
    /// Reads the position back from Redis.
    Begin,
    /// Takes so many rulings, and folds them.
    Gather(u8),
    /// Writes them to Redis.
    Write,
}

/// The most rulings that are written at once.
const BATCH: u8 = 2;

impl Emitter {
    /// Everything that this session can do next.
    pub(crate) fn steps(&self, world: &World) -> Vec<EmitStep> {
        if self.batch.is_some() {
            return vec![EmitStep::Write];
        }
        let there = world.rulings.len() as u64 - self.through.0;
        (1..=BATCH).filter(|count| u64::from(*count) <= there).map(EmitStep::Gather).collect()
    }
}

impl Protocol {
    /// A session goes on from where Redis is.
    pub(crate) fn begin(&self, world: &World) -> Emitter {
        let (through, chains) = if self.variant == Variant::PositionInMemory {
            (Sequence(0), vec![Chain::default(); self.docket.portfolios()])
        } else {
            (world.sink.sequence, world.sink.chains.clone())
        };
        Emitter { through, chains, batch: None, half_written: false }
    }

    /// Takes the next rulings.
    pub(crate) fn gather(&self, world: &World, emitter: &mut Emitter, count: u8) {
        let base = emitter.through;
        let mut batch = Batch { base, through: Sequence(base.0 + u64::from(count)), rulings: Vec::new() };
        for number in base.0..batch.through.0 {
            let (sequence, ruling) = (Sequence(number + 1), &world.rulings[number as usize]);
            if self.counts(world, &mut emitter.chains[ruling.portfolio], sequence, ruling) {
                batch.rulings.push((sequence, ruling.clone()));
            }
        }
        emitter.batch = Some(batch);
    }

    /// The fold of the gateway.
    fn counts(&self, world: &World, chain: &mut Chain, sequence: Sequence, ruling: &Ruling) -> bool {
        if self.variant.fold(chain, ruling) {
            return true;
        }
        if ruling.version <= chain.version.next() {
            return false;
        }
        // It lies ahead: the log may have been trimmed, and the fold is taken up where the log's own is.
        let Some(head) = self.head(world, ruling.portfolio) else { return false };
        if head.ruling.version < ruling.version {
            return false;
        }
        let oldest = world.on_subject(ruling.portfolio).next().map(|(oldest, _)| oldest);
        let taken_up = head.sequence == sequence || oldest == Some(sequence);
        *chain = if taken_up { ruling.end() } else { head.ruling.end() };
        taken_up
    }

    /// The script. None: the session is over, because Redis is behind it.
    pub(crate) fn write(&self, sink: &mut Sink, mut emitter: Emitter) -> Option<Emitter> {
        let Some(batch) = emitter.batch.take() else { return Some(emitter) };
        let begins = !emitter.half_written;
        if begins && sink.sequence < batch.base && self.variant != Variant::PositionInMemory {
            return None;
        }
        let (tells, moves, ends) = match self.variant {
            Variant::DecisionsFirst => (begins, !begins, !begins),
            Variant::PositionFirst => (!begins, begins, !begins),
            Variant::Sound
            | Variant::NoFold
            | Variant::HashUnchecked
            | Variant::HighestIsThrough
            | Variant::UnclearIsLost
            | Variant::OthersKeepSilent
            | Variant::Forgetful
            | Variant::PositionInMemory => (true, true, true),
        };
        if tells {
            tell(sink, &batch, self.variant);
        }
        if moves {
            go_on(sink, &batch);
        }
        if !ends {
            return Some(Emitter { batch: Some(batch), half_written: true, ..emitter });
        }
        Some(Emitter { through: batch.through, half_written: false, ..emitter })
    }
}

/// Tells the backend what comes after the position.
fn tell(sink: &mut Sink, batch: &Batch, variant: Variant) {
    let known = match variant {
        Variant::PositionInMemory => Sequence(0),
        // What the position says now is what this very batch has written.
        Variant::PositionFirst => batch.base,
        Variant::Sound
        | Variant::NoFold
        | Variant::HashUnchecked
        | Variant::HighestIsThrough
        | Variant::UnclearIsLost
        | Variant::OthersKeepSilent
        | Variant::Forgetful
        | Variant::DecisionsFirst => sink.sequence,
    };
    let new = batch.rulings.iter().filter(|(sequence, _)| *sequence > known);
    sink.told.extend(new.map(|(_, ruling)| ruling.decision()));
}

/// Writes the position.
fn go_on(sink: &mut Sink, batch: &Batch) {
    for (sequence, ruling) in &batch.rulings {
        if *sequence > sink.sequence {
            sink.chains[ruling.portfolio] = ruling.end();
        }
    }
    sink.sequence = sink.sequence.max(batch.through);
}
