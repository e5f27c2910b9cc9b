//! The control group: who is warned of and offered to on paper only, so that it can be told what acting is worth
//! (`domain.md` BY-19).

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::finding::Findings;

/// A share of the customers, drawn by their ids: the same ones in every warning and offer, on every machine, in a replay too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// How many of a thousand customers, 1 to 500.
    pub share_permille: u32,
    /// Another seed draws other customers. Kept for as long as anything is compared: whoever changes group spoils both.
    #[serde(default)]
    pub seed: u32,
}

impl Control {
    /// Whether the customer belongs to the group. Of ids that were merged, that of the survivor counts from then on.
    pub fn holds(&self, customer_id: &str) -> bool {
        // XXH3 spreads evenly: among 2^64 values thousandths are no more uneven than one in 10^16.
        xxh3_64_with_seed(customer_id.as_bytes(), self.seed.into()) % 1000 < self.share_permille.into()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("control.share_permille", self.share_permille, 1, 500);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A group that is not as large as was said, or that hangs together with another draw, compares other people.
    #[test]
    fn the_share_is_the_share_and_seeds_are_independent() {
        let [one, two] = [1, 2].map(|seed| Control { share_permille: 100, seed });
        let ids: Vec<String> = (0..100_000).map(|id| id.to_string()).collect();
        let count = |holds: &dyn Fn(&str) -> bool| ids.iter().filter(|id| holds(id)).count();
        // Four standard deviations of a binomial: 380 of 10,000, 126 of 1,000.
        for control in [&one, &two] {
            assert!(count(&|id| control.holds(id)).abs_diff(10_000) < 380);
        }
        assert!(count(&|id| one.holds(id) && two.holds(id)).abs_diff(1_000) < 126);
        let larger = Control { share_permille: 200, ..one.clone() };
        assert!(ids.iter().all(|id| larger.holds(id) || !one.holds(id)), "a group grows and nobody leaves it");
        // For ever: these are in the files of whoever compares.
        let of_ten: Vec<&str> = ids[..40].iter().map(String::as_str).filter(|id| one.holds(id)).collect();
        expect_test::expect!["5 8 14 22"].assert_eq(&of_ten.join(" "));
    }
}
