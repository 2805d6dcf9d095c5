//! Every message of the mesh that is read from somewhere: by type, from the same bytes.

use proto::case::{Cases, Opinion, ReviewCase, Verdicts};
use proto::chain::{Chain, Link};
use proto::decision::Decision;
use proto::effective::Effective;
use proto::event::Event;
use proto::id::RulingHash;
use proto::letter::Letter;
use proto::ruling::Ruling;
use proto::wire::{Message as _, Schema};
use replay::{Model, Policies, Synthetic, Verifier};

use crate::Taken;
use crate::judge::{read, same_again};

/// How many made-up events the seeds come from.
const TOLD: usize = 30;

pub(crate) fn run(input: &[u8]) -> Taken {
    let ruling = read::<Ruling>(input);
    ruling.iter().for_each(|ruling| look_at(ruling, input));
    let decision = read::<Decision>(input);
    decision.iter().for_each(|decision| {
        assert_eq!(decision.decision_type(), decision.payload.decision_type());
    });
    // Two that share a schema are told apart by their fields, so one input may well be both.
    let schemas = [
        ruling.map(|read| read.schema),
        decision.map(|read| read.schema),
        read::<Event>(input).map(|read| read.schema),
        read::<Letter>(input).map(|read| read.schema),
        read::<Cases>(input).map(|read| read.schema),
        read::<ReviewCase>(input).map(|read| read.schema),
        read::<Verdicts>(input).map(|read| read.schema),
        read::<Opinion>(input).map(|read| read.schema),
    ];
    let found: Vec<Schema> = schemas.into_iter().flatten().collect();
    assert!(found.windows(2).all(|two| two[0] == two[1]), "one message of several schemas: {found:?}");
    if found.is_empty() { Taken::No } else { Taken::Yes }
}

/// A ruling from who knows where: nothing panics on it, and its link is its own.
fn look_at(ruling: &Ruling, stored: &[u8]) {
    let link: Link = serde_json::from_slice(stored).expect("the link of a ruling that can be read");
    let own =
        Link { portfolio: ruling.portfolio.clone(), version: ruling.version, previous: ruling.previous };
    assert_eq!(link, own);
    let mut chain = Chain::default();
    let hash = RulingHash::of(stored);
    let counts = chain.fold(link.version, link.previous, hash);
    assert_eq!(counts, chain.hash == hash, "what counts is the end of the chain");
    let sound = court::audit(ruling);
    let mut verifier = Verifier::new(Policies::defaults().expect("the defaults have no mistakes"));
    if let (Ok(()), Err(flaw)) = (verifier.check(stored), &sound) {
        panic!("verified, and yet {flaw}");
    }
    let effective = Effective::from(&ruling.after);
    let text = serde_json::to_vec(&effective).expect("a JSON form");
    let again: Effective = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(again, effective);
}

/// The rulings, events and decisions of a made-up day's first minutes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut model = Model::new(Policies::defaults().expect("the defaults have no mistakes"));
    for event in Synthetic::new(7, 1).expect("a portfolio's name").take(TOLD) {
        seeds.push(same_again(&event));
        for ruling in model.tell(event).expect("a JSON form") {
            seeds.extend(ruling.decisions.iter().filter_map(|decision| decision.to_bytes().ok()));
            seeds.extend(ruling.to_bytes().ok());
        }
    }
    seeds
}
