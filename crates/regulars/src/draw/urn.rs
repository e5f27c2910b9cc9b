//! Entries of customers, from which those of one customer after the other are taken out.
//!
//! A Fenwick tree of sums: to find whose an entry is, and to take a customer out, costs the logarithm of their number, so
//! ten thousand prizes among a million customers are drawn in the time that it takes to list them.

/// What is left in the urn.
pub(super) struct Urn {
    /// Node `i`, counted from 1, holds the sum of so many customers up to it as its lowest bit says.
    sums: Vec<u64>,
    total: u64,
}

impl Urn {
    /// An urn with so many entries of each customer.
    pub(super) fn of(entries: impl Iterator<Item = u64>) -> Urn {
        let mut sums: Vec<u64> = std::iter::once(0).chain(entries).collect();
        let total = sums.iter().sum();
        for i in 1..sums.len() {
            let above = i + (i & i.wrapping_neg());
            if above < sums.len() {
                sums[above] += sums[i];
            }
        }
        Urn { sums, total }
    }

    /// How many entries are left.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Whose entry number `ticket`, counted from 0, is; it must be below the total.
    pub(super) fn holder_of(&self, mut ticket: u64) -> usize {
        assert!(ticket < self.total, "entry {ticket} of {}", self.total);
        let mut before = 0;
        let mut step = self.sums.len().next_power_of_two();
        while step > 0 {
            let next = before + step;
            if next < self.sums.len() && self.sums[next] <= ticket {
                before = next;
                ticket -= self.sums[next];
            }
            step /= 2;
        }
        before
    }

    /// Takes the `entries` of `customer` out, which must be all of them.
    pub(super) fn take_out(&mut self, customer: usize, entries: u64) {
        self.total -= entries;
        let mut i = customer + 1;
        while i < self.sums.len() {
            self.sums[i] -= entries;
            i += i & i.wrapping_neg();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // An entry that belongs to nobody, or to the neighbour, is a prize for the wrong customer.
    #[test]
    fn every_entry_has_its_holder() {
        let mut left: Vec<u64> = (0..37).map(|i| (i * i) % 7 + 1).collect();
        let mut urn = Urn::of(left.iter().copied());
        for taken in [36, 0, 17, 18, 3, 35] {
            let held: Vec<usize> = (0..urn.total()).map(|ticket| urn.holder_of(ticket)).collect();
            let expected: Vec<usize> =
                left.iter().enumerate().flat_map(|(i, entries)| vec![i; *entries as usize]).collect();
            assert_eq!(held, expected);
            urn.take_out(taken, left[taken]);
            left[taken] = 0;
        }
    }
}
