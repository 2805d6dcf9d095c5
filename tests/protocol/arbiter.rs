//! An arbiter's steps, as slot, clerk and bailiff take them. Between any two of them it can die.

use std::collections::VecDeque;
use std::sync::Arc;

use ::arbiter::watermark::Watermark;
use proto::id::{RulingHash, Sequence};

use crate::log::{Answer, Head};
use crate::model::Protocol;
use crate::variant::Variant;
use crate::world::{Arbiter, Clerk, Letter, Ruling, Standing, Then, Work, World};

/// What an arbiter as a whole does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Takes the slot up: reads the head of every portfolio.
    TakeUp,
    /// Reads the next event and hands it to its portfolio's clerk.
    ReadEvent,
}

/// What a clerk does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Asks for the last decision that is out.
    AskDecisions,
    /// Finds that the event was ruled.
    Drop,
    /// Holds the round and sends the ruling; what the roles say.
    Rule(u8),
    /// The broker takes the ruling in, or refuses it, and the clerk learns of it.
    Append,
    /// Reads the last message of the subject.
    LookUp,
    /// Reads the head anew.
    ReadHead,
    /// Republishes a decision.
    Announce,
    /// Takes the event out of the watermark.
    Done,
}

/// So often a ruling is told apart by how often it was sent before: more often than it can be.
const AGAIN_MAX: u8 = 4;

impl Arbiter {
    /// What the arbiter and its clerks can do next.
    pub(crate) fn step(&self, protocol: &Protocol) -> Option<Step> {
        let taken_up = self.clerks.iter().all(|clerk| !clerk.takes_up());
        (taken_up && self.next <= protocol.docket.last()).then_some(Step::ReadEvent)
    }

    fn clerk(&mut self, portfolio: usize) -> &mut Clerk {
        &mut self.clerks[portfolio]
    }
}

impl Clerk {
    fn takes_up(&self) -> bool {
        matches!(self.work, Work::TakenUp(_) | Work::Announcing(_, Then::GoOn)) && self.docket.is_empty()
    }

    /// Everything that this clerk can do next.
    pub(crate) fn tasks(&self, protocol: &Protocol) -> Vec<Task> {
        match (&self.work, self.docket.front()) {
            (Work::Free, None) => vec![],
            (Work::Free, Some(event)) => {
                if protocol.variant != Variant::Forgetful
                    && protocol.docket.already_ruled(self.standing.ruled, *event)
                {
                    vec![Task::Drop]
                } else {
                    (0..protocol.hearings).map(Task::Rule).collect()
                }
            }
            (Work::TakenUp(_), _) => vec![Task::AskDecisions],
            (Work::Sent(..), _) => vec![Task::Append],
            (Work::Unclear(..), _) => vec![Task::LookUp],
            (Work::Beaten, _) => vec![Task::ReadHead],
            (Work::Announcing(..), _) => vec![Task::Announce],
            (Work::Settled, _) => vec![Task::Done],
        }
    }
}

impl Standing {
    fn of(head: &Head) -> Self {
        Self { chain: head.ruling.end(), last: head.last_on_subject, ruled: head.ruling.after }
    }
}

impl Protocol {
    /// Reads the heads, and begins to read events after what they say is through.
    pub(crate) fn take_up(&self, world: &World) -> Arbiter {
        let heads: Vec<Option<Head>> =
            (0..self.docket.portfolios()).map(|portfolio| self.head(world, portfolio)).collect();
        let through = heads.iter().flatten().map(|head| head.ruling.through).max().unwrap_or_default();
        let clerk = |head: Option<Head>| Clerk {
            standing: head.as_ref().map(Standing::of).unwrap_or_default(),
            docket: VecDeque::new(),
            work: head.map_or(Work::Free, |head| Work::TakenUp(head.ruling)),
        };
        Arbiter {
            watermark: Watermark::new(through),
            next: Sequence(through.0 + 1),
            clerks: heads.into_iter().map(clerk).collect(),
        }
    }

    /// Hands an event to its clerk.
    pub(crate) fn hand_over(&self, arbiter: &mut Arbiter, sequence: Sequence) {
        arbiter.watermark.take(sequence);
        arbiter.clerk(self.docket.portfolio(sequence)).docket.push_back(sequence);
        arbiter.next = arbiter.next.max(Sequence(sequence.0 + 1));
    }

    /// A clerk does the next thing.
    pub(crate) fn do_task(&self, world: &mut World, arbiter: &mut Arbiter, portfolio: usize, task: Task) {
        let work = std::mem::replace(&mut arbiter.clerk(portfolio).work, Work::Free);
        let next = match (task, work) {
            (Task::AskDecisions, Work::TakenUp(head)) => missing(world, &head),
            (Task::Rule(hearing), _) => self.rule(arbiter, portfolio, hearing),
            (Task::Append, Work::Sent(letter, sent)) => match world.offer(&letter) {
                Answer::Stored(sequence) => self.acknowledged(world, arbiter, letter, sequence),
                Answer::Refused => Work::Unclear(letter, sent),
            },
            (Task::LookUp, Work::Unclear(letter, sent)) => self.look_up(world, arbiter, letter, sent),
            (Task::ReadHead, _) => self.read_head(world, arbiter, portfolio),
            (Task::Announce, Work::Announcing(decision, then)) => {
                world.republish(decision);
                match then {
                    Then::Settle => Work::Settled,
                    Then::GoOn => Work::Free,
                }
            }
            (Task::Drop | Task::Done, _) => settle(arbiter, portfolio),
            (Task::AskDecisions | Task::Append | Task::LookUp | Task::Announce, other) => other,
        };
        arbiter.clerk(portfolio).work = next;
    }

    /// The round: the ruling on the first event of the docket, sent to the broker.
    fn rule(&self, arbiter: &mut Arbiter, portfolio: usize, hearing: u8) -> Work {
        let Clerk { standing, docket, .. } = &arbiter.clerks[portfolio];
        let Some(event) = docket.front().copied() else { return Work::Free };
        let through = if self.variant == Variant::HighestIsThrough {
            event
        } else {
            arbiter.watermark.through_with(event)
        };
        let ruling = Ruling {
            portfolio,
            version: standing.chain.version.next(),
            previous: standing.chain.hash,
            hash: RulingHash::default(),
            event,
            through,
            after: standing.ruled.with(event),
            hearing,
        };
        Work::Sent(Letter { ruling: ruling.hashed(), expects: standing.last }, 0)
    }

    /// Another's ruling stands there: the ledger is read again.
    fn read_head(&self, world: &World, arbiter: &mut Arbiter, portfolio: usize) -> Work {
        let head = self.head(world, portfolio);
        arbiter.clerk(portfolio).standing = head.as_ref().map(Standing::of).unwrap_or_default();
        match head {
            Some(head) if self.variant != Variant::OthersKeepSilent => Work::TakenUp(head.ruling),
            Some(_) | None => Work::Free,
        }
    }

    /// The broker says that it stored a ruling. Another's may stand before it all the same.
    pub(crate) fn acknowledged(
        &self,
        world: &World,
        arbiter: &mut Arbiter,
        letter: Letter,
        sequence: Sequence,
    ) -> Work {
        if self.wary {
            self.look_up(world, arbiter, letter, 0)
        } else {
            won(arbiter, &letter.ruling, sequence)
        }
    }

    /// Reads the leader: did ours go in, did another's, or neither?
    fn look_up(&self, world: &World, arbiter: &mut Arbiter, letter: Letter, sent: u8) -> Work {
        let mut after = world.on_subject(letter.ruling.portfolio).filter(|(at, _)| *at > letter.expects);
        let found = if self.wary { after.next() } else { after.next_back() };
        match found {
            Some((sequence, stored)) if *stored == letter.ruling => won(arbiter, &letter.ruling, sequence),
            Some(_) => Work::Beaten,
            None => Work::Sent(letter, sent.saturating_add(1).min(AGAIN_MAX)),
        }
    }

    /// No acknowledgement came: the ruling stays on its way, and the clerk has to find out.
    pub(crate) fn time_out(&self, world: &mut World, arbiter: &mut Arbiter, portfolio: usize) {
        let clerk = arbiter.clerk(portfolio);
        let Work::Sent(letter, sent) = std::mem::replace(&mut clerk.work, Work::Free) else { return };
        world.late.push(letter.clone());
        if self.variant == Variant::UnclearIsLost {
            // It is ruled anew, and as another event: the ledger does not know it.
            let ruled = clerk.standing.ruled;
            let head = self.head(world, portfolio);
            clerk.standing = head.as_ref().map(Standing::of).unwrap_or_default();
            clerk.standing.ruled = ruled;
        } else {
            clerk.work = Work::Unclear(letter, sent);
        }
    }
}

fn won(arbiter: &mut Arbiter, ruling: &Arc<Ruling>, sequence: Sequence) -> Work {
    let standing = &mut arbiter.clerk(ruling.portfolio).standing;
    standing.chain.fold(ruling.version, ruling.previous, ruling.hash);
    standing.last = sequence;
    standing.ruled = ruling.after;
    Work::Announcing(ruling.decision(), Then::Settle)
}

/// What a stop between the head and its decision left out.
fn missing(world: &World, head: &Ruling) -> Work {
    let mut of_portfolio = world.decisions.iter().filter(|decision| decision.portfolio == head.portfolio);
    match of_portfolio.next_back() {
        Some(last) if *last == head.decision() || last.version >= head.version => Work::Free,
        Some(_) | None => Work::Announcing(head.decision(), Then::GoOn),
    }
}

fn settle(arbiter: &mut Arbiter, portfolio: usize) -> Work {
    if let Some(event) = arbiter.clerk(portfolio).docket.pop_front() {
        arbiter.watermark.done(event);
    }
    Work::Free
}
