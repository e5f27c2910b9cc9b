//! Where a population is cut into fifths (RFM scores), and which fifth a value is in.
//!
//! A score is 1 and one more for each cut below the value, so equal values have equal scores, and which customer came first
//! does not matter. NTILE, which is often used, puts equal values into different fifths. The distribution is one of the
//! customers as they are now, so it is kept exactly and values leave it as they came: sketches that only grow count a
//! customer once for each value ever had.

use std::collections::BTreeMap;

/// How many customers have each value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Only values that somebody has.
    counts: BTreeMap<i64, u64>,
    total: u64,
}

/// A value that nobody has was to be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value {0} is taken out of a distribution in which nobody has it")]
pub struct NobodyHas(pub i64);

impl Distribution {
    /// One customer more has `value`.
    pub fn add(&mut self, value: i64) {
        *self.counts.entry(value).or_default() += 1;
        self.total += 1;
    }

    /// One customer fewer has `value`.
    pub fn remove(&mut self, value: i64) -> Result<(), NobodyHas> {
        let count = self.counts.get_mut(&value).ok_or(NobodyHas(value))?;
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&value);
        }
        self.total -= 1;
        Ok(())
    }

    /// Takes in all customers of `other`.
    pub fn merge(&mut self, other: &Distribution) {
        for (value, count) in &other.counts {
            *self.counts.entry(*value).or_default() += count;
        }
        self.total += other.total;
    }

    /// How many customers there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The least value that at least `part` of `parts` of the customers have or stay below; `None` without customers.
    /// `part` lies between 0 and `parts`, which is not 0.
    pub fn quantile(&self, part: u64, parts: u64) -> Option<i64> {
        assert!(part <= parts && parts > 0, "part {part} of {parts}");
        let wanted = u128::from(self.total) * u128::from(part);
        let mut below = 0u128;
        for (value, count) in &self.counts {
            below += u128::from(*count);
            if below * u128::from(parts) >= wanted {
                return Some(*value);
            }
        }
        None
    }

    /// The four cuts that make fifths; `None` without customers. Where many have one value, cuts may be equal and a fifth
    /// empty.
    pub fn fifths(&self) -> Option<[i64; 4]> {
        Some([self.quantile(1, 5)?, self.quantile(2, 5)?, self.quantile(3, 5)?, self.quantile(4, 5)?])
    }
}

/// 1 to 5: one more than there are cuts below the value. For recency in days, where less is better, 6 less that.
pub fn score(cuts: &[i64; 4], value: i64) -> u8 {
    cuts.iter().map(|cut| u8::from(*cut < value)).sum::<u8>() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // A customer's score is announced: it must not depend on who else came in which order.
    #[test]
    fn equal_values_have_equal_scores() {
        let mut values = Distribution::default();
        for value in [1, 1, 1, 1, 2, 3, 4, 5, 6, 7] {
            values.add(value);
        }
        let cuts = values.fifths().unwrap();
        assert_eq!(cuts, [1, 1, 3, 5]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 99].map(|value| score(&cuts, value)), [1, 1, 3, 3, 4, 4, 5, 5]);
        assert_eq!(Distribution::default().fifths(), None);
    }

    proptest! {
        #[test]
        fn what_left_leaves_no_trace(
            stays in proptest::collection::vec(-20i64..20, 1..50),
            leaves in proptest::collection::vec(-20i64..20, 0..50),
        ) {
            let (mut once, mut other) = (Distribution::default(), Distribution::default());
            for value in &leaves {
                once.add(*value);
            }
            for value in &stays {
                once.add(*value);
                other.add(*value);
            }
            for value in &leaves {
                once.remove(*value).unwrap();
            }
            prop_assert_eq!(&once, &other);
            let mut sorted = stays.clone();
            sorted.sort_unstable();
            let naive = [1, 2, 3, 4].map(|part| sorted[(sorted.len() * part).div_ceil(5) - 1]);
            prop_assert_eq!(once.fifths(), Some(naive));
            prop_assert_eq!(once.remove(99), Err(NobodyHas(99)));
            let halves = stays.split_at(stays.len() / 2);
            let of = |values: &[i64]| {
                let mut of = Distribution::default();
                values.iter().for_each(|value| of.add(*value));
                of
            };
            let mut merged = of(halves.0);
            merged.merge(&of(halves.1));
            prop_assert_eq!(&merged, &other);
        }
    }
}
