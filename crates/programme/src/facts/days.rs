//! How much was bought on which local day.

use crate::time::Day;

/// One bucket for each local day on which anything stands, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// Ascending by day, without gaps filled in.
    pub buckets: Vec<Bucket>,
}

/// What stands of one local day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The local day.
    pub day: Day,
    /// Purchases that still stand.
    pub purchases: u32,
    /// Net spend, minor units.
    pub spend_minor: i64,
}

impl Days {
    /// The latest day that has a bucket.
    pub fn newest(&self) -> Option<Day> {
        self.buckets.last().map(|bucket| bucket.day)
    }

    /// Moves one day's totals and returns its purchases afterwards; `None`, and nothing moved, when the day lies
    /// `days_kept` or more before the newest.
    pub fn add(&mut self, day: Day, purchases: i32, spend_minor: i64, days_kept: i32) -> Option<u32> {
        if self.newest().is_some_and(|newest| newest.since(day) >= days_kept) {
            return None;
        }
        let i = self.buckets.partition_point(|bucket| bucket.day < day);
        if self.buckets.get(i).is_none_or(|bucket| bucket.day != day) {
            self.buckets.insert(i, Bucket { day, purchases: 0, spend_minor: 0 });
        }
        let bucket = &mut self.buckets[i];
        bucket.purchases = bucket
            .purchases
            .checked_add_signed(purchases)
            .expect("a basket is taken back only where it was booked");
        bucket.spend_minor += spend_minor;
        let count = bucket.purchases;
        // The newest bucket stays even when empty: it is what the others are aged against, and facts must not
        // depend on whether a void came before or after its neighbours. So the one before it goes when empty.
        let empty = |bucket: &Bucket| bucket.purchases == 0 && bucket.spend_minor == 0;
        let is_newest = i + 1 == self.buckets.len();
        if !is_newest && empty(&self.buckets[i]) {
            self.buckets.remove(i);
        } else if is_newest && i > 0 && empty(&self.buckets[i - 1]) {
            self.buckets.remove(i - 1);
        }
        Some(count)
    }

    /// Forgets the days before `day`.
    pub fn forget_before(&mut self, day: Day) {
        let kept_from = self.buckets.partition_point(|bucket| bucket.day < day);
        self.buckets.drain(..kept_from);
    }

    /// The buckets from `first` to `last`, both inclusive.
    pub fn between(&self, first: Day, last: Day) -> &[Bucket] {
        let start = self.buckets.partition_point(|bucket| bucket.day < first);
        let end = self.buckets.partition_point(|bucket| bucket.day <= last);
        &self.buckets[start..end.max(start)]
    }

    /// The days with at least one purchase that stands, ascending.
    pub fn shopping_days(&self) -> impl DoubleEndedIterator<Item = Day> + Clone {
        self.buckets.iter().filter(|bucket| bucket.purchases > 0).map(|bucket| bucket.day)
    }
}
