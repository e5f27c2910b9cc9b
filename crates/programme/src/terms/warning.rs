//! What is probably not meant, although it can be used: warnings, which refuse nothing.
//!
//! What concerns the programme as a whole is here, what concerns one section in a file of its own. The classic errors
//! are those of `domain.md` BY-18.

mod challenges;
mod points;
mod surveys;
mod tiers;

use super::Terms;
use super::finding::{Finding, Findings};

/// More rules than this are more than customers, and cashiers, can keep in mind. A tier, a promotion, a challenge are
/// rules; bands of risk are not, since customers do not see them.
const RULES_MAX: usize = 20;

impl Terms {
    /// What is probably not meant; the terms pass [`Terms::check`].
    pub fn warnings(&self) -> Vec<Finding> {
        let mut warnings = Findings(Vec::new());
        tiers::warn(self, &mut warnings);
        points::warn(self, &mut warnings);
        challenges::warn(self, &mut warnings);
        surveys::warn(self, &mut warnings);
        self.warn_of_memory(&mut warnings);
        let rules = self.rules();
        warnings.check(rules <= RULES_MAX, "tier", || {
            format!(
                "there are {rules} rules to know; customers keep up to {RULES_MAX} in mind, and fewer are better"
            )
        });
        warnings.0
    }

    /// How many rules a customer has to know to understand the programme.
    fn rules(&self) -> usize {
        let of_tiers: usize = self.tier.iter().map(tiers::conditions).sum();
        let others = self.draw.len() + usize::from(self.discount.is_some());
        of_tiers + points::rules(self) + challenges::rules(self) + others
    }

    fn warn_of_memory(&self, warnings: &mut Findings) {
        let returns_days = self.memory.returns_days;
        warnings.check(returns_days >= 14, "memory.returns_days", || {
            format!(
                "goods that come back later than {returns_days} days after the purchase keep what they earned; two \
                     weeks at least are usual"
            )
        });
        let nps_days = self.ltv.nps_days;
        let asked = self.tier.iter().any(|tier| tier.nps_min.is_some());
        warnings.check(!asked || nps_days >= 30, "ltv.nps_days", || {
            format!("an answer counts for {nps_days} days, so whoever holds a tier by it is asked more often than monthly; \
                     a year is usual")
        });
    }
}
