//! Lists of an enum's words that are searched again and again.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decision::DecisionType;
use crate::event::EventKind;

/// Some of an enum's words, as somebody listed them. Whether one is among them is asked for every event and every proposal:
/// a bit says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words<W> {
    list: Vec<W>,
    /// One a word, by its place in the enum.
    bits: u32,
}

/// A word of an enum that has at most 32.
pub trait Word: Copy {
    /// Its place in the enum, from 0.
    fn place(self) -> u32;
}

impl Word for EventKind {
    fn place(self) -> u32 {
        self as u32
    }
}

impl Word for DecisionType {
    fn place(self) -> u32 {
        self as u32
    }
}

impl<W: Word> Words<W> {
    /// Whether the word is among them.
    pub fn contains(&self, word: W) -> bool {
        self.bits & bit(word) != 0
    }

    /// The words, in the order in which they were listed.
    pub fn iter(&self) -> impl Iterator<Item = W> {
        self.list.iter().copied()
    }
}

impl<W: Word> From<Vec<W>> for Words<W> {
    fn from(list: Vec<W>) -> Self {
        let bits = list.iter().fold(0, |bits, word| bits | bit(*word));
        Self { list, bits }
    }
}

impl<W: Word, const N: usize> From<[W; N]> for Words<W> {
    fn from(list: [W; N]) -> Self {
        list.to_vec().into()
    }
}

impl<W: Serialize> Serialize for Words<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl<'de, W: Word + Deserialize<'de>> Deserialize<'de> for Words<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

fn bit(word: impl Word) -> u32 {
    1 << word.place()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_among_those_that_were_listed_and_they_keep_their_order() {
        let listed = [EventKind::Command, EventKind::Snapshot];
        let words = Words::from(listed);
        for kind in EventKind::ALL {
            assert_eq!(words.contains(kind), listed.contains(&kind), "{kind}");
        }
        let text = serde_json::to_string(&words).unwrap();
        assert_eq!(text, r#"["operator.command","portfolio.snapshot_updated"]"#);
        assert_eq!(serde_json::from_str::<Words<EventKind>>(&text).unwrap(), words);
    }

    #[test]
    fn every_type_of_decision_has_its_own_bit() {
        for one in DecisionType::ALL {
            let words = Words::from([one]);
            let among = DecisionType::ALL.into_iter().filter(|word| words.contains(*word));
            assert_eq!(among.collect::<Vec<_>>(), [one]);
        }
    }
}
