//! How far a session has read, against what was added: a stream can be trimmed between two reads, and nothing that is read
//! afterwards shows it.

use proto::id::EntryId;

use super::upstream::Extent;

/// How far a session has read one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Up to this entry.
    pub(super) after: EntryId,
    /// How many entries had ever been added up to it; none while that is not known.
    added: Option<u64>,
}

/// Entries that were removed before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removed {
    /// How many; none where that is not known, and where it may be none at all.
    pub(super) entries: Option<u64>,
    /// Where the stream goes on after them.
    pub(super) before: EntryId,
}

impl Reading {
    /// A session begins here, in a stream that looks like this: what was removed before is none of its business.
    pub(super) fn begin(after: EntryId, extent: Option<Extent>) -> Self {
        let added = match extent {
            None => Some(0),
            Some(extent) if extent.last_generated == after => extent.added,
            Some(extent) if extent.gap_after(after).is_some() => {
                extent.added.and_then(|added| added.checked_sub(extent.length))
            }
            Some(_) => None,
        };
        Self { after, added }
    }

    /// These were read, and the stream looks like this afterwards: what was removed before them without being read. To be
    /// asked before they are stored: whoever dies in between comes back to where it still shows.
    pub(super) fn took(&mut self, read: &[EntryId], extent: Option<Extent>) -> Option<Removed> {
        let (before, was) = (self.after, self.added);
        self.after = read.last().copied().unwrap_or(before);
        let Some(extent) = extent else {
            // Deleted: the count of its next life begins at nothing.
            self.added = Some(0);
            return None;
        };
        let gap = extent.gap_after(before);
        let is_there = |id: &&EntryId| extent.first.is_some_and(|first| **id >= first);
        let [read_there, read_in_all] = [read.iter().filter(is_there).count(), read.len()].map(|n| n as u64);
        let unread = extent.length.saturating_sub(read_there);
        self.added = if extent.last_generated == self.after {
            extent.added
        } else if gap.is_some() {
            extent.added.and_then(|added| added.checked_sub(unread))
        } else {
            was.and_then(|was| was.checked_add(read_in_all))
        };
        // While there are older entries than those, nothing was trimmed between. Where nobody counts, and nothing came, the
        // same gap would be told again and again.
        let next = gap.filter(|_| extent.added.is_some() || !read.is_empty())?;
        let known = extent.added.zip(was);
        let entries = known.map(|(is, was)| is.saturating_sub(was).saturating_sub(unread + read_in_all));
        (entries != Some(0)).then_some(Removed { entries, before: next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64) -> EntryId {
        EntryId { millis, number: 0 }
    }

    /// A stream of the entries `first..=last` to which so many were added.
    fn stream(first: u64, last: u64, added: impl Into<Option<u64>>) -> Option<Extent> {
        let length = (last + 1).saturating_sub(first);
        let oldest = (length > 0).then(|| id(first));
        Some(Extent { first: oldest, last_generated: id(last), length, added: added.into() })
    }

    /// Reads the entries `from..=to` of a stream that looks like this afterwards.
    fn read(reading: &mut Reading, from: u64, to: u64, extent: Option<Extent>) -> Option<Option<u64>> {
        let ids: Vec<EntryId> = (from..=to).map(id).collect();
        let removed = reading.took(&ids, extent);
        assert_eq!(reading.after, id(to));
        removed.map(|removed| removed.entries)
    }

    #[test]
    fn what_is_trimmed_after_it_was_read_is_none_of_it() {
        let mut reading = Reading::begin(id(4), stream(1, 4, 4));
        assert_eq!(read(&mut reading, 5, 6, stream(6, 6, 6)), None);
        assert_eq!(read(&mut reading, 7, 7, stream(8, 7, 7)), None, "trimmed to nothing");
        assert_eq!(read(&mut reading, 8, 9, stream(9, 9, 9)), None, "one of two is gone again");
        assert_eq!(read(&mut reading, 10, 11, stream(12, 14, 14)), None, "three more wait to be read");
        assert_eq!(read(&mut reading, 12, 14, stream(12, 14, 14)), None);
    }

    #[test]
    fn what_is_trimmed_between_two_reads_is_counted_once() {
        let mut reading = Reading::begin(id(4), stream(1, 4, 4));
        let removed = |entries| Some(Some(entries));
        assert_eq!(read(&mut reading, 7, 7, stream(7, 7, 7)), removed(2));
        assert_eq!(read(&mut reading, 8, 8, stream(8, 8, 8)), None);
        assert_eq!(read(&mut reading, 10, 10, stream(10, 12, 12)), removed(1), "with more waiting");
        assert_eq!(read(&mut reading, 11, 11, stream(12, 12, 12)), None);
        assert_eq!(read(&mut reading, 14, 15, stream(15, 17, 17)), removed(2), "one was read, and is gone");
        assert_eq!(read(&mut reading, 20, 20, stream(21, 20, 20)), removed(4), "and all of it is gone");
        assert_eq!(read(&mut reading, 21, 21, stream(21, 21, 21)), None);
        let none_came = |reading: &mut Reading, extent| reading.took(&[], extent).and_then(|gap| gap.entries);
        assert_eq!(none_came(&mut reading, stream(21, 21, 21)), None);
        assert_eq!(none_came(&mut reading, stream(24, 23, 23)), Some(2), "trimmed to nothing");
        assert_eq!(none_came(&mut reading, stream(24, 23, 23)), None);
        assert_eq!(none_came(&mut reading, stream(24, 25, 25)), None, "two came since the read");
        assert_eq!(read(&mut reading, 24, 25, stream(24, 25, 25)), None);
    }

    #[test]
    fn from_behind_the_end_it_may_be_and_is_told_until_the_end_was_reached() {
        let mut reading = Reading::begin(id(4), stream(1, 9, 9));
        assert_eq!(read(&mut reading, 5, 5, stream(4, 9, 9)), None, "what was read last is still there");
        assert_eq!(read(&mut reading, 7, 7, stream(7, 9, 9)), Some(None));
        assert_eq!(read(&mut reading, 8, 9, stream(7, 9, 9)), None);
        assert_eq!(read(&mut reading, 11, 11, stream(11, 11, 11)), Some(Some(1)));
    }

    #[test]
    fn what_was_removed_before_a_session_began_is_not_told_again() {
        for (extent, first) in [(None, 1), (stream(1, 2, 2), 1), (stream(7, 8, 8), 7)] {
            let mut reading = Reading::begin(id(0), extent);
            assert_eq!(read(&mut reading, first, first, stream(first, first + 1, first + 1)), None);
            assert_eq!(
                read(&mut reading, first + 3, first + 3, stream(first + 3, first + 3, first + 3)),
                Some(Some(2))
            );
        }
    }

    #[test]
    fn a_redis_that_does_not_count_shows_only_that_older_entries_are_gone() {
        let mut reading = Reading::begin(id(4), stream(1, 4, None));
        assert_eq!(read(&mut reading, 5, 6, stream(4, 6, None)), None);
        assert_eq!(read(&mut reading, 9, 9, stream(9, 9, None)), Some(None));
        assert_eq!(reading.took(&[], stream(12, 11, None)), None);
    }

    #[test]
    fn a_deleted_stream_is_counted_from_nothing() {
        let mut reading = Reading::begin(id(4), stream(1, 4, 4));
        assert_eq!(read(&mut reading, 5, 5, None), None);
        assert_eq!(read(&mut reading, 7, 8, stream(7, 8, 2)), None);
        assert_eq!(read(&mut reading, 9, 9, stream(9, 9, 1)), None, "and again, between two looks");
        assert_eq!(read(&mut reading, 11, 11, stream(11, 11, 3)), Some(Some(1)));
    }
}
