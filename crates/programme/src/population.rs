//! What all customers together add up to, as sums that take back.
//!
//! A customer's share of every sum is a function of what is remembered of that customer. When something changes, the sums
//! move by what the share is after, less what it was before ([`change`]): what is late, voided, erased or merged away goes
//! back exactly. What a customer has **forgotten** is in neither of the two, so it stays in the sums, of nobody in
//! particular.
//!
//! Only integers are kept. What is made of them, means, indices and intervals, is worked out by whoever reads them. So the
//! sums of two tasks are put together by adding.

mod apart;
pub mod cell;
pub mod change;
mod commerce;
pub mod moves;
mod now;
mod voice;

use std::collections::BTreeMap;

use cell::{Cell, Measure};

use crate::time::Day;

/// Changes when a share is figured in another way: everybody is counted anew then.
pub(crate) const COUNTED_AS: u8 = 3;

/// Sums over customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    cells: BTreeMap<Cell, i64>,
}

impl Sums {
    /// Adds `value`, which may be below 0, to one cell. A cell that comes to nothing is gone.
    pub fn add(&mut self, cell: Cell, value: i64) {
        let sum = self.cells.entry(cell).or_default();
        *sum = sum.checked_add(value).expect("sums of minor units of a retailer fit into 64 bits");
        if *sum == 0 {
            self.cells.remove(&cell);
        }
    }

    /// Adds the sums of other customers.
    pub fn merge(&mut self, other: &Sums) {
        for (cell, value) in &other.cells {
            self.add(*cell, *value);
        }
    }

    /// All cells, ascending.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, i64)> {
        self.cells.iter().map(|(cell, value)| (*cell, *value))
    }

    /// One cell; 0 where there is nothing.
    pub fn of(&self, day: Day, measure: Measure, key: u64) -> i64 {
        self.cells.get(&Cell { day, measure, key }).copied().unwrap_or_default()
    }

    /// The sums of one measure over the days from `first` to `last`, both inclusive, by key.
    pub fn by_key(&self, measure: Measure, first: Day, last: Day) -> BTreeMap<u64, i64> {
        let mut sums = BTreeMap::new();
        for (cell, value) in self.between(first, last) {
            if cell.measure == measure {
                *sums.entry(cell.key).or_default() += value;
            }
        }
        sums
    }

    /// The sum of one measure over the days from `first` to `last`, both inclusive, and over all keys.
    pub fn over(&self, measure: Measure, first: Day, last: Day) -> i64 {
        self.between(first, last).filter(|(cell, _)| cell.measure == measure).map(|(_, value)| value).sum()
    }

    /// The first and the last day on which anything dated is counted.
    pub fn days(&self) -> Option<(Day, Day)> {
        let mut dated = self.cells.keys().map(|cell| cell.day).filter(|day| *day != cell::NOW);
        let first = dated.next()?;
        Some((first, dated.next_back().unwrap_or(first)))
    }

    fn between(&self, first: Day, last: Day) -> impl Iterator<Item = (Cell, i64)> {
        let from = Cell { day: first, measure: Measure::ALL[0], key: 0 };
        let until = Cell { day: last.plus(1), ..from };
        let cells = (first <= last).then(|| self.cells.range(from..until));
        cells.into_iter().flatten().map(|(cell, value)| (*cell, *value))
    }
}
