//! The side that events come from, and where reading begins there.

use anyhow::Result;
use futures::future::BoxFuture;
use proto::id::EntryId;
use proto::letter::Letter;
use proto::time::Time;

use super::decode::Entry;
use crate::feed::FirstStart;

/// How many entries one read takes at most.
pub const BATCH: usize = 128;

/// One stream of the backend, over one connection.
pub trait Upstream: Send {
    /// The time, by the clock that gives entries their ids.
    fn now(&mut self) -> BoxFuture<'_, Result<Time>>;

    /// What the stream holds; none when there is no such stream.
    fn extent(&mut self) -> BoxFuture<'_, Result<Option<Extent>>>;

    /// Where this stream was first read from for the EVENTS of this identity: from `here`, where nobody has said so before.
    fn began<'a>(&'a mut self, events: &'a str, here: EntryId) -> BoxFuture<'a, Result<EntryId>>;

    /// The next entries, at most [`BATCH`], or none when none come for a while. Can be dropped without losing any.
    fn read(&mut self, after: EntryId) -> BoxFuture<'_, Result<Batch>>;

    /// Writes a letter where backend developers look, unless one of this entry or a later one of its stream stands
    /// there already.
    fn write_letter<'a>(&'a mut self, letter: &'a Letter) -> BoxFuture<'a, Result<()>>;
}

/// What a stream holds, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The oldest entry that is there.
    pub first: Option<EntryId>,
    /// The latest entry that there ever was.
    pub last_generated: EntryId,
    /// How many there are.
    pub length: u64,
    /// How many there ever were; a Redis before 7.0 does not say.
    pub added: Option<u64>,
}

/// What a read brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The time, by the clock that gives entries their ids.
    pub now: Time,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// After this entry.
    pub after: EntryId,
    /// The stream is behind the position: it lost entries that were read before.
    pub rolled_back: bool,
    /// The oldest entry there is, where entries before it may have been trimmed unread.
    pub gap_before: Option<EntryId>,
}

impl Start {
    /// Where to begin, given up to where everything is stored and up to where everything was read before; without a
    /// position, where a first start begins.
    pub fn of(
        position: Option<EntryId>,
        seen: Option<EntryId>,
        extent: Option<Extent>,
        now: Time,
        first: FirstStart,
    ) -> Self {
        let Some(position) = position else {
            let after = before_all_of(first.time(now));
            return Self { after, rolled_back: false, gap_before: None };
        };
        // Where the stream is gone, its next entry gets an id of now.
        let last = extent.map_or(before_all_of(now), |extent| extent.last_generated);
        let seen = seen.unwrap_or(position).max(position);
        let gap_before = extent.and_then(|extent| extent.gap_after(seen));
        Self { after: position.min(last), rolled_back: last < seen, gap_before }
    }
}

impl Start {
    /// The same where reading first began there, and nothing was stored since: what came meanwhile was not read.
    #[must_use]
    pub fn since(self, began: EntryId, extent: Option<Extent>) -> Self {
        if began >= self.after {
            return self;
        }
        Self { after: began, gap_before: extent.and_then(|extent| extent.gap_after(began)), ..self }
    }
}

impl Extent {
    /// The oldest entry there is, where entries after `after` may have been trimmed unread; the latest there ever was,
    /// where all of them are gone.
    pub fn gap_after(self, after: EntryId) -> Option<EntryId> {
        Some(self.first.unwrap_or(self.last_generated)).filter(|first| *first > after)
    }
}

/// The last id before all that this millisecond may bring.
fn before_all_of(time: Time) -> EntryId {
    EntryId { millis: time.as_millis().unsigned_abs().saturating_sub(1), number: u64::MAX }
}

#[cfg(test)]
mod tests {
    use proto::time::Period;

    use super::*;

    const NOW: Time = Time::from_millis(100_000);
    const AGE: FirstStart = FirstStart::Ago(Period::from_secs(60));

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn extent(first: &str, last_generated: &str) -> Option<Extent> {
        let (first, last_generated) = (Some(id(first)), id(last_generated));
        Some(Extent { first, last_generated, length: 1, added: Some(1) })
    }

    #[test]
    fn without_a_position_reading_begins_an_age_ago() {
        let start = Start::of(None, None, extent("1-0", "90000-0"), NOW, AGE);
        assert_eq!(start.after, EntryId { millis: 39_999, number: u64::MAX });
        assert_eq!((start.rolled_back, start.gap_before), (false, None));
    }

    #[test]
    fn without_a_position_reading_begins_where_it_is_told_to() {
        let at =
            Start::of(None, None, extent("1-0", "90000-0"), NOW, FirstStart::At(Time::from_millis(5_000)));
        assert_eq!(at.after, EntryId { millis: 4_999, number: u64::MAX });
        let known =
            Start::of(Some(id("50000-1")), None, extent("40000-0", "90000-0"), NOW, FirstStart::At(NOW));
        assert_eq!(known.after, id("50000-1"), "only a first start is told where to begin");
    }

    #[test]
    fn a_first_start_that_came_to_nothing_is_gone_on_from() {
        let held = extent("30000-0", "90000-0");
        let start = Start::of(None, None, held, NOW, AGE);
        assert_eq!(start.since(start.after, held), start);
        assert_eq!(start.since(id("90000-0"), held), start, "told to begin earlier than then");
        let since = start.since(id("35000-0"), held);
        assert_eq!((since.after, since.gap_before), (id("35000-0"), None));
        assert_eq!(start.since(id("20000-0"), held).gap_before, Some(id("30000-0")));
    }

    #[test]
    fn a_position_within_the_stream_is_gone_on_from() {
        let start = Start::of(Some(id("50000-1")), None, extent("40000-0", "90000-0"), NOW, AGE);
        assert_eq!(start, Start { after: id("50000-1"), rolled_back: false, gap_before: None });
    }

    #[test]
    fn a_first_entry_after_the_position_is_a_gap() {
        let start = Start::of(Some(id("50000-1")), None, extent("60000-0", "90000-0"), NOW, AGE);
        assert_eq!(
            start,
            Start { after: id("50000-1"), rolled_back: false, gap_before: Some(id("60000-0")) }
        );
    }

    #[test]
    fn a_stream_that_is_empty_by_now_is_a_gap_where_more_came_than_was_read() {
        let emptied =
            |last: &str| extent(last, last).map(|extent| Extent { first: None, length: 0, ..extent });
        let gap = |last| Start::of(Some(id("50000-1")), None, emptied(last), NOW, AGE).gap_before;
        assert_eq!(gap("60000-0"), Some(id("60000-0")));
        assert_eq!(gap("50000-1"), None);
    }

    #[test]
    fn what_was_read_before_is_no_gap_where_it_is_read_again() {
        let (again, seen) = (Some(id("0-0")), Some(id("50000-1")));
        let start = Start::of(again, seen, extent("40000-0", "90000-0"), NOW, AGE);
        assert_eq!(start, Start { after: id("0-0"), rolled_back: false, gap_before: None });
        let trimmed = Start::of(again, seen, extent("60000-0", "90000-0"), NOW, AGE);
        assert_eq!(trimmed.gap_before, Some(id("60000-0")));
    }

    #[test]
    fn a_stream_that_ends_before_the_position_lost_entries() {
        let start = Start::of(Some(id("50000-1")), None, extent("40000-0", "45000-0"), NOW, AGE);
        assert_eq!(start, Start { after: id("45000-0"), rolled_back: true, gap_before: None });
    }

    #[test]
    fn a_stream_that_is_gone_begins_now_and_not_before_the_position() {
        let gone = Start::of(Some(id("50000-1")), None, None, NOW, AGE);
        assert_eq!((gone.after, gone.rolled_back), (id("50000-1"), false));
        let ahead = Start::of(Some(id("200000-1")), None, None, NOW, AGE);
        assert_eq!((ahead.after.millis, ahead.rolled_back), (99_999, true));
    }
}
