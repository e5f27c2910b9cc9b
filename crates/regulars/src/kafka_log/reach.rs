//! How far a source has been read, and how fresh that knowledge is.
//!
//! The wall clock may move a task's timers only when nothing is in the log that could contradict them. So "at the
//! end" needs an instant: everything logged before it has been handed over. The proof takes two numbers: the end of
//! the partition, asked for after the instant, and the offset through which everything was handed over. The last
//! record's offset alone would not do: what transactions leave behind (control records, aborted records) moves the
//! end and is never handed over. The offset at which the consumer saw the partition end closes the gap.
//!
//! "The end" is the last stable offset throughout: what an open transaction holds back is not logged yet.

use programme::time::Timestamp;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Everything below this offset has been handed over. `None`: begun at the beginning, nothing seen yet.
    through: Option<i64>,
    /// Nothing was handed over since the end was seen.
    at_end: bool,
    /// The oldest question that `through` has not answered yet: when it was asked, and the end then.
    open: Option<(Timestamp, i64)>,
    /// Everything logged before has been handed over.
    as_of: Option<Timestamp>,
}

impl Reach {
    /// Reading begins at `position`, or at the beginning.
    pub fn from(position: Option<i64>) -> Reach {
        Reach { through: position, at_end: false, open: None, as_of: None }
    }

    /// A record was handed over; `next` follows it.
    pub fn record(&mut self, next: i64) {
        self.at_end = false;
        self.advance(next);
    }

    /// The consumer saw the partition end at `offset`.
    pub fn end(&mut self, offset: i64) {
        self.at_end = true;
        self.advance(offset);
    }

    /// The partition's end was asked for at `asked_at` or later, and was `end`.
    pub fn answered(&mut self, asked_at: Timestamp, end: i64) {
        if self.open.is_none() {
            self.open = Some((asked_at, end));
            self.settle();
        } else if self.through.is_some_and(|through| through >= end) {
            self.as_of = self.as_of.max(Some(asked_at));
        }
    }

    /// Nothing was handed over since the end was seen.
    pub fn at_end(&self) -> bool {
        self.at_end
    }

    /// Everything logged before has been handed over; `None` while that is not known.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Everything below has been handed over, where that is known.
    pub fn through(&self) -> Option<i64> {
        self.through
    }

    fn advance(&mut self, offset: i64) {
        self.through = self.through.max(Some(offset));
        self.settle();
    }

    fn settle(&mut self) {
        if let Some((asked_at, end)) = self.open
            && self.through.is_some_and(|through| through >= end)
        {
            self.as_of = self.as_of.max(Some(asked_at));
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(ms)
    }

    // A clock that moves too early raises false churn alarms for everybody whose purchases were still to come.
    #[test]
    fn an_end_is_as_fresh_as_the_question_that_it_answers() {
        let mut reach = Reach::from(Some(5));
        assert_eq!((reach.at_end(), reach.as_of()), (false, None));
        reach.record(6);
        reach.end(6);
        assert_eq!((reach.at_end(), reach.as_of()), (true, None), "a fetch of unknown age");
        reach.answered(at(100), 6);
        assert_eq!(reach.as_of(), Some(at(100)));
        reach.answered(at(200), 8);
        assert_eq!(reach.as_of(), Some(at(100)), "two records are still to come");
        reach.record(7);
        assert_eq!((reach.at_end(), reach.as_of()), (false, Some(at(100))));
        reach.record(8);
        reach.end(8);
        assert_eq!((reach.at_end(), reach.as_of()), (true, Some(at(200))));
    }

    // Upstream transactions leave control records at the end, which are never handed over.
    #[test]
    fn control_records_do_not_hold_the_clock_back() {
        let mut reach = Reach::from(None);
        reach.record(6);
        reach.answered(at(100), 7);
        assert_eq!(reach.as_of(), None, "the record at 6 may be one for us");
        reach.end(7);
        assert_eq!(reach.as_of(), Some(at(100)));
    }

    // With an old question open, a later answer that is already covered still counts.
    #[test]
    fn questions_are_settled_in_any_order() {
        let mut reach = Reach::from(Some(0));
        reach.answered(at(100), 3);
        reach.answered(at(200), 4);
        reach.record(3);
        assert_eq!(reach.as_of(), Some(at(100)));
        reach.answered(at(300), 3);
        assert_eq!(reach.as_of(), Some(at(300)));
    }

    #[test]
    fn an_empty_partition_is_at_its_end() {
        let mut reach = Reach::from(None);
        reach.answered(at(100), 0);
        assert_eq!(reach.as_of(), None);
        reach.end(0);
        assert_eq!((reach.at_end(), reach.as_of()), (true, Some(at(100))));
    }
}
