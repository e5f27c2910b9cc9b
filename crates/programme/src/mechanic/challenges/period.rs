//! In which period of a challenge a day lies.

use crate::terms::challenges::{Challenge, Every};
use crate::time::Day;

/// One period of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// Its first day.
    pub(super) first: Day,
    /// The first day after it.
    pub(super) end: Day,
}

impl Period {
    /// The period that `day` lies in; `None` where the challenge is not on. The first and the last are shorter where
    /// the challenge begins or ends in the middle of one.
    pub(super) fn at(challenge: &Challenge, day: Day) -> Option<Period> {
        let Challenge { from, until, every, .. } = challenge;
        if from.is_some_and(|from| day < from) || until.is_some_and(|until| day > until) {
            return None;
        }
        let (first, end) = match every {
            Some(Every::Week) => (day.week_start(), day.week_start().plus(7)),
            Some(Every::Month) => (day.month_start(), day.next_month_start()),
            None => ((*from)?, (*until)?.plus(1)),
        };
        Some(Period {
            first: from.map_or(first, |from| first.max(from)),
            end: until.map_or(end, |until| end.min(until.plus(1))),
        })
    }

    /// The period that began on `first`. Where the terms have no such period any more, it was that day.
    pub(super) fn from(challenge: &Challenge, first: Day) -> Period {
        let end = Period::at(challenge, first).map_or(first.plus(1), |period| period.end);
        Period { first, end }
    }
}
