//! Random commands, near enough to each other to overlap, repeat, fall behind and run ahead.

use gateway::emit::batch::{Batch, Outgoing};
use gateway::emit::downstream::Document;
use gateway::emit::encode::OutEntry;
use gateway::keys::{DECISION_MADE, FEDERATION_HEALTH};
use proto::id::{EntryId, PortfolioId, RulingHash, Sequence, Version};
use proto::letter::{Letter, RawField, RawValue};
use proto::policy::Mistake;
use proto::time::Time;
use proto::wire::Schema;

use super::random::Random;

pub(crate) const LETTER_TYPE: &str = "portfolio.snapshot_updated";
const STREAMS: [&str; 2] = ["quantum:stream:a", "quantum:stream:b"];
const PORTFOLIOS: [&str; 3] = ["a", "b", "c-1"];

/// A batch, mostly one that goes on where the writer is.
pub(crate) fn batch(random: &mut Random, through: Sequence) -> Batch {
    let base = match random.between(0, 9) {
        0 => Sequence(through.0 + random.between(1, 3)),
        1 | 2 => Sequence(through.0.saturating_sub(random.between(1, 6))),
        _ => through,
    };
    let mut batch = Batch::after(base);
    for _ in 0..random.between(0, 5) {
        let sequence = Sequence(batch.through.0 + random.between(1, 2));
        let ruling = outgoing(random, sequence);
        batch.rulings.push(ruling);
        batch.through = sequence;
    }
    if random.chance(300) {
        batch.pass(Sequence(batch.through.0 + 1));
    }
    batch
}

fn outgoing(random: &mut Random, sequence: Sequence) -> Outgoing {
    let version = Version(random.between(1, 12));
    let portfolio: PortfolioId = random.pick(&PORTFOLIOS).parse().unwrap();
    let count = random.between(0, 3);
    Outgoing {
        sequence,
        hash: RulingHash::of(&random.next().to_le_bytes()),
        document: random.chance(700).then(|| json(random, version)),
        entries: (0..count).map(|_| entry(random, DECISION_MADE)).collect(),
        decisions: Vec::new(),
        portfolio,
        version,
    }
}

pub(crate) fn documents(random: &mut Random) -> Vec<Document> {
    let document = |portfolio: &&str| {
        let version = Version(random.between(0, 12));
        Document { portfolio: portfolio.parse().unwrap(), version, json: json(random, version) }
    };
    PORTFOLIOS.iter().map(document).collect()
}

pub(crate) fn health(random: &mut Random) -> OutEntry {
    entry(random, FEDERATION_HEALTH)
}

fn entry(random: &mut Random, event_type: &'static str) -> OutEntry {
    let at = Time::from_millis(i64::try_from(random.between(0, 1 << 40)).unwrap());
    let entry = OutEntry::new(event_type, at, &text(random)).unwrap();
    OutEntry { trace_id: text(random), correlation_id: text(random), ..entry }
}

pub(crate) fn letter(random: &mut Random) -> Letter {
    let entry = EntryId { millis: random.between(1, 20), number: random.between(0, 2) };
    let field = |random: &mut Random| RawField {
        name: text(random),
        value: if random.chance(300) {
            RawValue::Base64("/wA=".to_owned())
        } else {
            RawValue::Text(text(random))
        },
        cut_from_bytes: None,
    };
    let count = random.between(0, 3);
    Letter {
        schema: Schema::Letter,
        event_type: LETTER_TYPE.to_owned(),
        stream: (*random.pick(&STREAMS)).to_owned(),
        entry,
        through: entry,
        at: entry.time(),
        reason: "not-json".to_owned(),
        mistakes: vec![Mistake::new("payload", text(random), "JSON")],
        fields: (0..count).map(|_| field(random)).collect(),
    }
}

fn json(random: &mut Random, version: Version) -> String {
    format!(r#"{{"ruling":{version},"said":"{}"}}"#, random.between(0, 99))
}

/// Texts that a protocol, a script or a shell could take for something else.
fn text(random: &mut Random) -> String {
    (*random.pick(&["", "x", "0", "é\n", "$5\r\n", "nil", "%s"])).to_owned()
}
