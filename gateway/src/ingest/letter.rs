//! Dead letters: an entry that could not be used, with everything that is wrong with it and its bytes as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::id::EntryId;
use proto::letter::{Letter, RawField, RawValue};
use proto::wire::Schema;

use super::decode::{Defect, Entry, Field};
use crate::feed::Feed;

/// How many fields of an entry are kept.
const MAX_FIELDS: usize = 64;
/// How many bytes of a name are kept.
const MAX_NAME_BYTES: usize = 256;
/// How many bytes of all values together are kept: a letter has to fit into a message of the mesh.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// Writes the letter of an entry.
pub fn letter(feed: &Feed, entry: &Entry, defect: &Defect, through: EntryId) -> Letter {
    Letter {
        schema: Schema::Letter,
        event_type: feed.kind.event_type().to_owned(),
        stream: feed.stream.clone(),
        entry: entry.id,
        through,
        at: entry.id.time(),
        reason: defect.reason().as_str().to_owned(),
        mistakes: defect.faults.iter().map(|fault| fault.mistake.clone()).collect(),
        fields: raw_fields(&entry.fields),
    }
}

fn raw_fields(fields: &[Field]) -> Vec<RawField> {
    let mut room = MAX_KEPT_BYTES;
    fields
        .iter()
        .take(MAX_FIELDS)
        .map(|field| {
            let kept = field.value.get(..room).unwrap_or(&field.value);
            room -= kept.len();
            raw_field(&field.name, kept, field.value.len())
        })
        .collect()
}

fn raw_field(name: &[u8], kept: &[u8], all_bytes: usize) -> RawField {
    let name = name.get(..MAX_NAME_BYTES).unwrap_or(name);
    RawField {
        name: String::from_utf8_lossy(name).into_owned(),
        value: raw_value(kept),
        cut_from_bytes: (kept.len() < all_bytes).then_some(all_bytes as u64),
    }
}

/// Text where it is text; a character that was cut in two does not make it binary.
fn raw_value(bytes: &[u8]) -> RawValue {
    match std::str::from_utf8(bytes) {
        Ok(text) => RawValue::Text(text.to_owned()),
        Err(error) if error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            RawValue::Text(String::from_utf8_lossy(whole).into_owned())
        }
        Err(_) => RawValue::Base64(STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{DrawdownUnit, FeedKind};
    use crate::fields::{Fault, Reason};

    fn field(name: &str, value: impl Into<Vec<u8>>) -> Field {
        Field { name: name.as_bytes().to_vec(), value: value.into() }
    }

    #[test]
    fn a_letter_keeps_what_came_and_says_what_is_wrong() {
        let feed = Feed {
            kind: FeedKind::Model,
            stream: "quantum:stream:model.performance_updated".to_owned(),
            drawdown: DrawdownUnit::Fraction,
        };
        let entry = Entry {
            id: "1769851799000-4".parse().unwrap(),
            fields: vec![field("payload", "{"), field("odd", [0xff, 0x00])],
        };
        let faults = vec![
            Fault::new(Reason::OutOfRange, "win_rate", "2", "a fraction"),
            Fault::new(Reason::MissingField, "model_name", "nothing", "text"),
        ];
        let letter = letter(&feed, &entry, &Defect { faults }, "1769851798000-0".parse().unwrap());
        assert_eq!(letter.reason, "missing-field");
        assert_eq!(letter.mistakes.len(), 2);
        assert_eq!(letter.at.as_millis(), 1_769_851_799_000);
        assert_eq!(letter.fields[0].value, RawValue::Text("{".to_owned()));
        assert_eq!(letter.fields[1].value, RawValue::Base64("/wA=".to_owned()));
    }

    #[test]
    fn a_letter_is_bounded() {
        let huge = "é".repeat(MAX_KEPT_BYTES);
        let kept = raw_fields(&[field("a", huge.clone()), field("b", "x")]);
        assert_eq!(kept[0].cut_from_bytes, Some(huge.len() as u64));
        assert!(matches!(&kept[0].value, RawValue::Text(text) if text.len() <= MAX_KEPT_BYTES));
        assert_eq!(kept[1].cut_from_bytes, Some(1));
        assert_eq!(raw_fields(&vec![field("a", "x"); 100]).len(), MAX_FIELDS);
    }
}
