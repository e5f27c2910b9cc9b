//! The numbers of the reactivation mechanic (`domain.md` BY-15).

use serde::{Deserialize, Serialize};

use super::finding::Findings;

/// When a category that a customer used to buy is offered again, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reactivation {
    /// How many categories are remembered of a customer; beyond that the one bought least recently is forgotten.
    pub categories_max: u32,
    /// A category is bought regularly from so many local days on which it was bought.
    pub purchases_min: u32,
    /// It is silent after so many thousandths of the customer's own mean gap in it: 2500 is two and a half gaps.
    pub silence_factor_permille: u32,
    /// And not before so many days.
    pub silence_days_min: u32,
    /// The offer's lower-case name.
    pub offer: String,
    /// The use of the data that the customer has to allow.
    pub purpose: String,
    /// Thousandths of the price; 0 where it is no discount.
    #[serde(default)]
    pub discount_permille: u32,
    /// Whole points; 0 where it gives none.
    #[serde(default)]
    pub points: i64,
    /// For how many days the offer holds, the day on which it is made included.
    pub valid_days: u32,
}

impl Reactivation {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("reactivation.categories_max", self.categories_max, 1, 1024);
        // One purchase has no gap.
        findings.range("reactivation.purchases_min", self.purchases_min, 2, 1000);
        findings.range("reactivation.silence_factor_permille", self.silence_factor_permille, 1000, 100_000);
        findings.range("reactivation.silence_days_min", self.silence_days_min, 1, 800);
        findings.name("reactivation.offer", &self.offer, false);
        findings.check(!self.purpose.is_empty(), "reactivation.purpose", || {
            "is empty; name the use that the customer has to allow, such as \"marketing\"".into()
        });
        findings.range("reactivation.discount_permille", self.discount_permille, 0, 1000);
        findings.check((0..=1_000_000_000_000).contains(&self.points), "reactivation.points", || {
            format!("{} must lie between 0 and 1000000000000", self.points)
        });
        findings.check(self.discount_permille > 0 || self.points > 0, "reactivation", || {
            "offers nothing; give discount_permille or points".into()
        });
        findings.range("reactivation.valid_days", self.valid_days, 1, 800);
    }
}
