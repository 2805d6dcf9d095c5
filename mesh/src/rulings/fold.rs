//! The fold over what RULINGS retains of a portfolio, when its oldest rulings are gone.

use std::collections::BTreeSet;

use proto::chain::Chain;
use proto::id::{RulingHash, Sequence, Version};

use crate::planted::{self, Bug};

/// A retained ruling, as much of it as the fold needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where it stands in RULINGS.
    pub sequence: Sequence,
    /// Its number.
    pub version: Version,
    /// The hash of the ruling that it follows.
    pub previous: RulingHash,
    /// Its own.
    pub hash: RulingHash,
}

/// The index of the latest counted ruling, and how many are void.
pub fn head(retained: &[Candidate]) -> Option<(usize, u64)> {
    let counted = counted(retained);
    let void = retained.len() - counted.len();
    Some((*counted.last()?, void as u64))
}

/// The indices of the rulings that count, in order.
///
/// The fold begins at the portfolio's first ruling. Where that is gone, it begins at the oldest retained one; only
/// when that one was void itself (nothing that follows rests on it) at the ruling from which most others follow.
pub fn counted(retained: &[Candidate]) -> Vec<usize> {
    let Some(oldest) = retained.first() else { return Vec::new() };
    if planted::is(Bug::NoFold) {
        return (0..retained.len()).collect();
    }
    if oldest.version == Version(1) {
        return fold(retained, Chain::default());
    }
    // A void ruling has the version of one that counts, or follows another void one: the first that counts has
    // at most the version after the oldest's.
    let roots = retained.iter().filter(|ruling| ruling.version <= oldest.version.next());
    let most =
        |best: Vec<usize>, counted: Vec<usize>| if counted.len() > best.len() { counted } else { best };
    roots.map(|root| fold(retained, before(root))).fold(Vec::new(), most)
}

/// The first ruling that follows none of those before it. What it followed was changed or lost, for whoever gave it had
/// read that; only the oldest retained one, and the next in number, may follow one that the log let go.
pub fn orphan(retained: &[Candidate]) -> Option<Sequence> {
    let may_be_gone = retained.first()?.version.next();
    let mut there = BTreeSet::new();
    retained.iter().find_map(|ruling| {
        let is_orphan = ruling.version > may_be_gone && !there.contains(&ruling.previous.to_string());
        there.insert(ruling.hash.to_string());
        is_orphan.then_some(ruling.sequence)
    })
}

/// The chain that this ruling follows.
const fn before(root: &Candidate) -> Chain {
    Chain { version: Version(root.version.0.saturating_sub(1)), hash: root.previous }
}

/// Which rulings count when the fold begins with this chain.
fn fold(retained: &[Candidate], mut chain: Chain) -> Vec<usize> {
    let mut counts = |ruling: &Candidate| chain.fold(ruling.version, ruling.previous, ruling.hash);
    let all = retained.iter().enumerate();
    all.filter_map(|(index, ruling)| counts(ruling).then_some(index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str) -> RulingHash {
        if name.is_empty() { RulingHash::default() } else { RulingHash::of(name.as_bytes()) }
    }

    /// Rulings as `(name, version, previous)`.
    fn log(rulings: &[(&str, u64, &str)]) -> Vec<Candidate> {
        let candidate = |(sequence, (name, version, previous)): (usize, &(&str, u64, &str))| Candidate {
            sequence: Sequence(sequence as u64 + 1),
            version: Version(*version),
            previous: hash(previous),
            hash: hash(name),
        };
        rulings.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn from_the_first_ruling_on_void_ones_do_not_count() {
        let log = log(&[("a1", 1, ""), ("b1", 1, ""), ("a2", 2, "a1"), ("b2", 2, "b1")]);
        assert_eq!(head(&log), Some((2, 2)));
        assert_eq!(head(&[]), None);
    }

    #[test]
    fn a_trimmed_log_begins_with_its_oldest() {
        let log = log(&[("a7", 7, "a6"), ("a8", 8, "a7"), ("b8", 8, "a7"), ("a9", 9, "a8")]);
        assert_eq!(head(&log), Some((3, 1)));
    }

    #[test]
    fn what_follows_a_ruling_that_is_not_there_is_an_orphan() {
        let whole = [
            ("a1", 1, ""),
            ("b1", 1, ""),
            ("a2", 2, "a1"),
            ("b2", 2, "b1"),
            ("a3", 3, "a2"),
            ("b3", 3, "b2"),
        ];
        assert_eq!(orphan(&log(&whole)), None, "void rulings follow void ones");
        let lost: Vec<_> = whole.iter().copied().filter(|(name, ..)| *name != "a2").collect();
        assert_eq!(orphan(&log(&lost)), Some(Sequence(4)), "a3");
        let altered = whole
            .map(|(name, version, previous)| (if name == "a2" { "x2" } else { name }, version, previous));
        assert_eq!(orphan(&log(&altered)), Some(Sequence(5)), "a3");
        assert_eq!(orphan(&log(&[("a7", 7, "a6"), ("b8", 8, "a7"), ("a8", 8, "a7")])), None, "trimmed");
        assert_eq!(orphan(&log(&[("b7", 7, "a6"), ("a8", 8, "a7"), ("a9", 9, "a8")])), None, "trimmed");
        assert_eq!(orphan(&[]), None);
    }

    #[test]
    fn an_oldest_that_nothing_rests_on_was_void() {
        let log = log(&[("b7", 7, "a6"), ("a8", 8, "a7"), ("a9", 9, "a8")]);
        assert_eq!(head(&log), Some((2, 1)));
    }

    #[test]
    fn of_two_that_nothing_rests_on_the_first_counts() {
        let log = log(&[("a7", 7, "a6"), ("b7", 7, "a6")]);
        assert_eq!(head(&log), Some((0, 1)));
    }
}
