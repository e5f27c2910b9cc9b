//! What a customer spent on which category, by period (`domain.md` RC-1).
//!
//! What was brought back was bought nevertheless: it says how the spend is divided, and the spend itself is that of the
//! days, where returns are booked.

use crate::event::Purchase;
use crate::facts::seen::fingerprint;
use crate::terms::engagement::Loyalty;
use crate::time::Day;

/// What was spent on which category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assortment {
    /// Ascending by period and category; of the latest three periods, and in each at most as many categories as the terms
    /// say, beside [`OTHERS`].
    pub shelves: Vec<Shelf>,
}

/// What was spent on one category in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The first day of the period.
    pub period: Day,
    /// Fingerprint of the category, or [`OTHERS`].
    pub category: u64,
    /// What was paid, minor units; what came back is not taken off.
    pub minor: i64,
}

/// Stands for goods without a category, and for those beyond the number that is told apart.
pub const OTHERS: u64 = 0;

/// The number of the period that `day` lies in; that of the week of 1970-01-01 is 0.
pub fn period_of(day: Day, terms: &Loyalty) -> i32 {
    let weeks = i32::try_from(terms.period_weeks).expect("terms bound it to 26 weeks");
    (day.week_start().0 + 3).div_euclid(7 * weeks)
}

/// The first day of a period.
pub fn first_day(period: i32, terms: &Loyalty) -> Day {
    let weeks = i32::try_from(terms.period_weeks).expect("terms bound it to 26 weeks");
    Day(period * 7 * weeks - 3)
}

impl Assortment {
    /// Adds a basket that was paid on `day`.
    pub(super) fn fold(&mut self, purchase: &Purchase, day: Day, terms: &Loyalty) {
        let period = period_of(day, terms);
        let newest = self.shelves.last().map_or(period, |shelf| period_of(shelf.period, terms).max(period));
        self.shelves.retain(|shelf| period_of(shelf.period, terms) > newest - 3);
        if period <= newest - 3 {
            return;
        }
        let period = first_day(period, terms);
        if purchase.lines.is_empty() {
            self.add(period, OTHERS, purchase.amount_minor);
        }
        for line in &purchase.lines {
            let category = if line.category.is_empty() { OTHERS } else { fingerprint(&line.category) };
            self.add(period, category, line.amount_minor);
        }
        self.keep_few(period, terms);
    }

    /// Adds what the same customer bought under another id.
    pub(super) fn unite(&mut self, other: &Assortment, terms: &Loyalty) {
        for shelf in &other.shelves {
            self.add(shelf.period, shelf.category, shelf.minor);
        }
        let Some(newest) = self.shelves.last().map(|shelf| period_of(shelf.period, terms)) else { return };
        self.shelves.retain(|shelf| period_of(shelf.period, terms) > newest - 3);
        let mut periods: Vec<Day> = self.shelves.iter().map(|shelf| shelf.period).collect();
        periods.dedup();
        periods.into_iter().for_each(|period| self.keep_few(period, terms));
    }

    /// Those with the least fingerprints stay, whatever the order in which they came.
    fn keep_few(&mut self, period: Day, terms: &Loyalty) {
        let of_period = |shelf: &&Shelf| shelf.period == period && shelf.category != OTHERS;
        while self.shelves.iter().filter(of_period).count() > terms.categories_max as usize {
            let last = self.shelves.iter().rposition(|shelf| of_period(&shelf)).expect("there are too many");
            let shelf = self.shelves.remove(last);
            self.add(period, OTHERS, shelf.minor);
        }
    }

    fn add(&mut self, period: Day, category: u64, minor: i64) {
        let key = (period, category);
        let place = self.shelves.partition_point(|shelf| (shelf.period, shelf.category) < key);
        match self.shelves.get_mut(place).filter(|shelf| (shelf.period, shelf.category) == key) {
            Some(shelf) => shelf.minor = shelf.minor.saturating_add(minor),
            None => self.shelves.insert(place, Shelf { period, category, minor }),
        }
    }
}
