//! What must hold in every state that can be reached.

use std::sync::Arc;

use proto::chain::Chain;
use proto::id::{Sequence, Version};

use crate::model::Protocol;
use crate::world::{Ruling, Work, World};

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    /// An event has one ruling that counts, however often it comes.
    OneRuling,
    /// A ruling that counts rests on the one that counts before it: no version is left out, no ledger is forked.
    RestsOnTheLast,
    /// Every event up to a counted ruling's `through` has its ruling: who begins there skips nothing.
    NothingBelowTheWatermark,
    /// Heads, sessions of emit and Redis are each where the fold of what they read ends.
    ReadersAgree,
    /// The backend is told no decision twice.
    ToldOnce,
    /// Redis has every decision up to its position.
    NoneLost,
    /// What the backend is told of a portfolio is every version in order.
    NoHoles,
    /// A ruling is sent again only after a time-out, and never because it was refused by a broker that does not have it.
    UnclearBecomesClear,
    /// Who is not through can go on.
    GoesOn,
    /// When all is quiet every event has its ruling.
    AllRuled,
    /// When all is quiet every decision is in DECISIONS.
    AllOut,
}

impl Law {
    const ALL: [Self; 11] = [
        Self::OneRuling,
        Self::RestsOnTheLast,
        Self::NothingBelowTheWatermark,
        Self::ReadersAgree,
        Self::ToldOnce,
        Self::NoneLost,
        Self::NoHoles,
        Self::UnclearBecomesClear,
        Self::GoesOn,
        Self::AllRuled,
        Self::AllOut,
    ];
}

/// A world with what counts in it.
struct Seen<'a> {
    protocol: &'a Protocol,
    world: &'a World,
    counted: Vec<(Sequence, &'a Arc<Ruling>)>,
    quiet: bool,
}

/// The laws that do not hold in a world.
pub(crate) fn broken(protocol: &Protocol, world: &World) -> Vec<Law> {
    let seen = Seen { protocol, world, counted: protocol.counted(world), quiet: quiet(protocol, world) };
    Law::ALL.into_iter().filter(|law| !seen.holds(*law)).collect()
}

/// Nobody has anything to do, as long as nothing goes wrong.
fn quiet(protocol: &Protocol, world: &World) -> bool {
    let arbiters = world.arbiters.iter().all(|arbiter| {
        arbiter.as_ref().is_some_and(|arbiter| {
            arbiter.next > protocol.docket.last()
                && arbiter.clerks.iter().all(|clerk| clerk.work == Work::Free && clerk.docket.is_empty())
        })
    });
    let end = world.end();
    let emitters = world.emitters.iter().all(|emitter| {
        emitter.as_ref().is_some_and(|emitter| {
            emitter.through == end && emitter.batch.is_none() && world.sink.sequence == end
        })
    });
    arbiters && emitters
}

impl Seen<'_> {
    fn holds(&self, law: Law) -> bool {
        match law {
            Law::OneRuling => self.one_ruling(),
            Law::RestsOnTheLast => self.rests_on_the_last(),
            Law::NothingBelowTheWatermark => self.nothing_below_the_watermark(),
            Law::ReadersAgree => self.readers_agree() && self.heads_agree(),
            Law::ToldOnce => self.told_once(),
            Law::NoneLost => self.none_lost(),
            Law::NoHoles => self.no_holes(),
            Law::UnclearBecomesClear => self.unclear_becomes_clear(),
            Law::GoesOn => self.goes_on(),
            Law::AllRuled => !self.quiet || self.protocol.docket.all().all(|event| self.is_ruled(event)),
            Law::AllOut => !self.quiet || self.all_out(),
        }
    }

    fn is_ruled(&self, event: Sequence) -> bool {
        self.counted.iter().any(|(_, ruling)| self.protocol.docket.same(ruling.event, event))
    }

    fn one_ruling(&self) -> bool {
        self.counted.iter().enumerate().all(|(index, (_, ruling))| {
            let mut before = self.counted[..index].iter();
            before.all(|(_, other)| !self.protocol.docket.same(other.event, ruling.event))
        })
    }

    fn rests_on_the_last(&self) -> bool {
        (0..self.protocol.docket.portfolios()).all(|portfolio| {
            let (mut end, mut ruled) = Default::default();
            self.counted.iter().filter(|(_, ruling)| ruling.portfolio == portfolio).all(|(_, ruling)| {
                let rests = Chain::accepts(&end, ruling.version, ruling.previous);
                let remembers = ruling.after == crate::docket::Ruled::with(ruled, ruling.event);
                (end, ruled) = (ruling.end(), ruling.after);
                rests && remembers
            })
        })
    }

    fn nothing_below_the_watermark(&self) -> bool {
        let through = self.counted.iter().map(|(_, ruling)| ruling.through).max().unwrap_or_default();
        self.protocol.docket.all().take_while(|event| *event <= through).all(|event| self.is_ruled(event))
    }

    fn readers_agree(&self) -> bool {
        let sessions = self.world.emitters.iter().flatten().map(|emitter| {
            (emitter.batch.as_ref().map_or(emitter.through, |batch| batch.through), &emitter.chains)
        });
        let sink = &self.world.sink;
        sessions.chain([(sink.sequence, &sink.chains)]).all(|(through, chains)| {
            let agrees = |(portfolio, chain): (usize, &Chain)| *chain == self.end(portfolio, through);
            chains.iter().enumerate().all(agrees)
        })
    }

    fn heads_agree(&self) -> bool {
        (0..self.protocol.docket.portfolios()).all(|portfolio| {
            let head = self.protocol.head(self.world, portfolio);
            head.map(|head| head.ruling.end()).unwrap_or_default() == self.end(portfolio, self.world.end())
        })
    }

    /// Where the fold of a portfolio ends, among the first so many rulings.
    fn end(&self, portfolio: usize, through: Sequence) -> Chain {
        let mut read = self.counted.iter().take_while(|(sequence, _)| *sequence <= through);
        let last = read.by_ref().filter(|(_, ruling)| ruling.portfolio == portfolio).last();
        last.map(|(_, ruling)| ruling.end()).unwrap_or_default()
    }

    fn told_once(&self) -> bool {
        let told = &self.world.sink.told;
        told.iter().enumerate().all(|(index, decision)| {
            told[..index].iter().all(|other| !self.protocol.docket.same(other.event, decision.event))
        })
    }

    fn none_lost(&self) -> bool {
        let sink = &self.world.sink;
        let mut written = self.counted.iter().take_while(|(sequence, _)| *sequence <= sink.sequence);
        written.all(|(_, ruling)| sink.told.contains(&ruling.decision()))
    }

    fn no_holes(&self) -> bool {
        (0..self.protocol.docket.portfolios()).all(|portfolio| {
            let told = self.world.sink.told.iter().filter(|decision| decision.portfolio == portfolio);
            told.zip(1..).all(|(decision, version)| decision.version == Version(version))
        })
    }

    fn unclear_becomes_clear(&self) -> bool {
        let spent = self.protocol.faults.timeouts - self.world.faults.timeouts;
        let mut clerks = self.world.arbiters.iter().flatten().flat_map(|arbiter| &arbiter.clerks);
        clerks.all(|clerk| match &clerk.work {
            Work::Sent(_, again) | Work::Unclear(_, again) => *again <= spent,
            Work::TakenUp(_) | Work::Free | Work::Beaten | Work::Announcing(..) | Work::Settled => true,
        })
    }

    fn goes_on(&self) -> bool {
        self.quiet || {
            let mut actions = Vec::new();
            self.protocol.progress(self.world, &mut actions);
            !actions.is_empty()
        }
    }

    fn all_out(&self) -> bool {
        self.counted.iter().all(|(_, ruling)| self.world.decisions.contains(&ruling.decision()))
    }
}
