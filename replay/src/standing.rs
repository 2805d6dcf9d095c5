//! Where one portfolio stands: its ledger, a desk of every role, and the hash that the next ruling names.

use std::collections::BTreeMap;

use court::{Deliberation, Judgement, Matter, Said, Voice, Voices};
use proto::case::{Brief, Statement, Verdict};
use proto::event::Event;
use proto::id::{PolicyRevision, PortfolioId, Role, RulingHash};
use proto::ledger::Ledger;
use proto::ruling::{Absence, Heard, HeardReview, Hearing, Position, Ruling};
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
    /// What each of them said when it was last asked.
    said: Vec<Option<Statement>>,
}

/// A seat, and who works there.
struct Post {
    role: Role,
    /// None where nobody serves this role.
    desk: Option<Box<dyn Desk>>,
    /// Whether it was asked about the latest event.
    asked: bool,
    /// Whether it was heard since its memory was last written into the ledger.
    unwritten: bool,
}

impl Standing {
    /// Before the first event.
    pub(crate) fn begin(book: &Book, portfolio: PortfolioId) -> Self {
        let post = |role: &Role| {
            let desk = book.staff.get(role).map(|office| office.desk());
            Post { role: role.clone(), desk, asked: false, unwritten: false }
        };
        Self {
            ledger: court::genesis(&book.terms, portfolio),
            due: None,
            previous: RulingHash::default(),
            posts: book.terms.seats.keys().map(post).collect(),
            said: vec![None; book.terms.seats.len()],
        }
    }

    /// One round, of which nothing is kept but the state that it leaves.
    pub(crate) fn settle(&mut self, rules: Rules<'_>, event: &Event) -> Judgement {
        let terms = &rules.book.terms;
        let Self { ledger, posts, said, .. } = self;
        let voices = Voices::on(terms, event, ledger, hear(posts, said, rules, event, ledger));
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
        hear(&mut self.posts, &mut self.said, rules, &event, &self.ledger);
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
        let posts = self.posts.iter_mut().zip(&mut self.said);
        for (post, said) in posts.filter(|(post, _)| post.asked) {
            let heard = match (post.write()?, said.take()) {
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
    fn hear(&mut self, absent: &Absent, brief: Brief<'_>, said: &mut Option<Statement>) {
        match self.desk.as_mut().filter(|_| !absent.contains_key(&self.role)) {
            Some(desk) => {
                self.unwritten = true;
                desk.hear(brief, said.get_or_insert_default());
            }
            None => *said = None,
        }
    }

    fn write(&mut self) -> Result<Option<serde_json::Value>, serde_json::Error> {
        self.unwritten = false;
        self.desk.as_ref().map(|desk| desk.memory()).transpose()
    }
}

/// Hears everybody with interest in the event.
fn hear<'a>(
    posts: &mut [Post],
    said: &'a mut [Option<Statement>],
    rules: Rules<'a>,
    event: &Event,
    ledger: &Ledger,
) -> Vec<Voice<'a>> {
    let (kind, terms) = (event.kind(), &rules.book.terms);
    let brief = Brief { event, ledger, base: &terms.base };
    let mut voices = Vec::with_capacity(posts.len());
    for ((post, said), (role, seat)) in posts.iter_mut().zip(said).zip(&terms.seats) {
        post.asked = seat.interests.contains(kind);
        if post.asked {
            post.hear(rules.absent, brief, said);
            let said = said.as_ref();
            let said = said.map(|said| Said { proposals: &said.proposals, wake_at: said.wake_at });
            voices.push(Voice { role, seat: Some(seat), said });
        }
    }
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
