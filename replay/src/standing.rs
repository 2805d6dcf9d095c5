//! Where one portfolio stands: its ledger, a desk of every role, and the hash that the next ruling names.

use std::collections::BTreeMap;

use court::{Deliberation, Judgement, Matter, Said, Voice, Voices};
use proto::case::{Brief, Statement, Verdict};
use proto::event::Event;
use proto::id::{PolicyRevision, PortfolioId, Role, RulingHash};
use proto::ledger::Ledger;
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
use proto::terms::{Seat, Terms};
use proto::time::Time;
use proto::wire::Message as _;

use crate::policy::Book;
use crate::roles::Desk;

/// Who is away, and why.
pub(crate) type Absent = BTreeMap<Role, Absence>;

/// What a round goes by, whatever it is about.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) revision: &'a PolicyRevision,
    pub(crate) book: &'a Book,
    pub(crate) absent: &'a Absent,
}

/// Where a portfolio stands.
pub(crate) struct Standing {
    /// Its state. The memories in it are those of the last whole ruling.
    pub(crate) ledger: Ledger,
    /// When its next timer is due.
    pub(crate) due: Option<Time>,
    /// The ruling before; nothing when the event before was only settled.
    previous: RulingHash,
    /// One a seat, in the order of the seats.
    posts: Vec<Post>,
}

/// A seat, and who works there.
struct Post {
    role: Role,
    /// None where nobody serves this role.
    desk: Option<Box<dyn Desk>>,
    /// Whether it was asked about the latest event.
    asked: bool,
    /// What it said when it was last asked.
    said: Option<Statement>,
    /// Whether it was heard since its memory was last written into the ledger.
    unwritten: bool,
}

impl Standing {
    /// Before the first event.
    pub(crate) fn begin(book: &Book, portfolio: PortfolioId) -> Self {
        let post = |role: &Role| {
            let desk = book.staff.get(role).map(|office| office.desk());
            Post { role: role.clone(), desk, asked: false, said: None, unwritten: false }
        };
        Self {
            ledger: court::genesis(&book.terms, portfolio),
            due: None,
            previous: RulingHash::default(),
            posts: book.terms.seats.keys().map(post).collect(),
        }
    }

    /// One round, of which nothing is kept but the state that it leaves.
    pub(crate) fn settle(&mut self, rules: Rules<'_>, event: &Event) -> Judgement {
        let terms = &rules.book.terms;
        let Self { ledger, posts, .. } = self;
        hear(posts, rules, event, ledger);
        let voices = Voices::on(terms, event, ledger, voices(posts, terms));
        let before = court::may_need_review(terms, ledger, &voices).then(|| ledger.clone());
        let deliberation = Deliberation::open(terms, event, ledger, &voices);
        let review = before.and_then(|before| review(rules, posts, event, &before, &deliberation));
        let judgement = deliberation.close(review.as_ref());
        self.previous = RulingHash::default();
        self.due = court::next_due(terms, ledger);
        judgement
    }

    /// One round, as the arbiter holds it, and the whole ruling that comes of it.
    pub(crate) fn rule(
        &mut self,
        rules: Rules<'_>,
        event: Event,
        position: Position,
    ) -> Result<Ruling, serde_json::Error> {
        let terms = &rules.book.terms;
        self.write_memories()?;
        hear(&mut self.posts, rules, &event, &self.ledger);
        let hearing = Hearing { roles: self.heard(rules)?, review: None };
        let (previous, before, mut after) = (self.previous, self.ledger.clone(), self.ledger.clone());
        let mut matter = Matter { position, previous, event, before, hearing };
        let voices = matter.voices(terms);
        let deliberation = Deliberation::open(terms, &matter.event, &mut after, &voices);
        let review = review(rules, &self.posts, &matter.event, &matter.before, &deliberation);
        let Judgement { findings, decisions, .. } = deliberation.close(review.as_ref());
        let outcomes = voices.outcomes(findings);
        matter.hearing.review = review;
        let ruling = matter.ruled(terms, outcomes, decisions, after);
        self.previous = RulingHash::of(&ruling.to_bytes()?);
        self.due = court::next_due(terms, &ruling.after);
        self.ledger = ruling.after.clone();
        Ok(ruling)
    }

    /// Who was heard on the event, and who was not, as it stands in a ruling.
    fn heard(&mut self, rules: Rules<'_>) -> Result<BTreeMap<Role, Heard>, serde_json::Error> {
        let mut roles = BTreeMap::new();
        for post in self.posts.iter_mut().filter(|post| post.asked) {
            let heard = match (post.write()?, post.said.take()) {
                (Some(memory), Some(Statement { proposals, wake_at })) => {
                    let verdict = Verdict { proposals, memory, wake_at };
                    Heard::Verdict { policy: rules.revision.clone(), verdict }
                }
                (None, _) | (_, None) => Heard::Absent { why: why(rules, &post.role) },
            };
            roles.insert(post.role.clone(), heard);
        }
        Ok(roles)
    }

    /// Writes into the ledger what roles took in on events that were only settled.
    fn write_memories(&mut self) -> Result<(), serde_json::Error> {
        for post in self.posts.iter_mut().filter(|post| post.unwritten) {
            if let Some(memory) = post.write()? {
                self.ledger.memories.insert(post.role.clone(), memory);
            }
        }
        Ok(())
    }
}

impl Post {
    fn hear(&mut self, absent: &Absent, brief: Brief<'_>) {
        match self.desk.as_mut().filter(|_| !absent.contains_key(&self.role)) {
            Some(desk) => {
                self.unwritten = true;
                desk.hear(brief, self.said.get_or_insert_default());
            }
            None => self.said = None,
        }
    }

    fn write(&mut self) -> Result<Option<serde_json::Value>, serde_json::Error> {
        self.unwritten = false;
        self.desk.as_ref().map(|desk| desk.memory()).transpose()
    }
}

/// Hears everybody with interest in the event.
fn hear(posts: &mut [Post], rules: Rules<'_>, event: &Event, ledger: &Ledger) {
    let (kind, terms) = (event.kind(), &rules.book.terms);
    let brief = Brief { event, ledger, base: &terms.base };
    for (post, seat) in posts.iter_mut().zip(terms.seats.values()) {
        post.asked = seat.interests.contains(kind);
        if post.asked {
            post.hear(rules.absent, brief);
        }
    }
}

/// What everybody said who was asked.
fn voices<'a>(posts: &'a [Post], terms: &'a Terms) -> Vec<Voice<'a>> {
    let voice = |(post, seat): (&'a Post, &'a Seat)| {
        let said = post.said.as_ref();
        let said = said.map(|said| Said { proposals: &said.proposals, wake_at: said.wake_at });
        Voice { role: &post.role, seat: Some(seat), said }
    };
    let mut voices = Vec::with_capacity(posts.len());
    voices.extend(posts.iter().zip(terms.seats.values()).filter(|(post, _)| post.asked).map(voice));
    voices
}

/// Asks the reviewer about what would still loosen; nobody is asked when nothing would.
fn review(
    rules: Rules<'_>,
    posts: &[Post],
    event: &Event,
    before: &Ledger,
    deliberation: &Deliberation<'_>,
) -> Option<HeardReview> {
    let proposals = deliberation.for_review();
    let (role, _) = rules.book.terms.seats.iter().find(|(_, seat)| seat.reviews)?;
    if proposals.is_empty() {
        return None;
    }
    let role = role.clone();
    let present = posts.iter().find(|post| post.role == role && !rules.absent.contains_key(&role));
    Some(match present.and_then(|post| post.desk.as_ref()) {
        Some(desk) => {
            let vetoes = desk.object(event, before, &proposals);
            HeardReview::Opinion { role, policy: rules.revision.clone(), vetoes }
        }
        None => HeardReview::Absent { why: why(rules, &role), role },
    })
}

fn why(rules: Rules<'_>, role: &Role) -> Absence {
    rules.absent.get(role).cloned().unwrap_or(Absence::NoResponders)
}
