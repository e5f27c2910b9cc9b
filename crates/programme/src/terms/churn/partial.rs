//! When a customer who comes as often as ever is lost in part: less is spent, or categories are bought elsewhere
//! (`domain.md` RC-1: maintenance; BY-15).

use serde::{Deserialize, Serialize};

use super::super::finding::Findings;
use super::super::is_default;

/// A warning of its own kind, given and taken back with a purchase: the days up to it are held against as many days several
/// times before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// The days that are looked at, up to that of the purchase, 7 to 200.
    pub window_days: u32,
    /// The habit is the mean of so many such times before them, 1 to 6. Whoever is not known for all of them has none.
    pub habit_windows: u32,
    /// Fewer purchases in all of those are no habit, 1 to 1000.
    pub purchases_min: u32,
    /// Visits go on while they are so many thousandths of the habit, 1 to 2000.
    pub visits_permille_min: u32,
    /// Spend has fallen when it is at most so many thousandths of the habit, 1 to 999.
    pub spend_permille_max: u32,
    /// A warning is taken back when spend is more than so many thousandths above that bound, or visits are as far below
    /// theirs; 0 to 1000.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hysteresis_permille: u32,
    /// So many categories that are bought regularly and were not on the last visits are a warning too, 1 to 1024. They are
    /// followed by the section `reactivation`. Absent where categories do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories_dropped_min: Option<u32>,
    /// After a warning none is given for so many days, 0 to 3660.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cool_down_days: u32,
}

impl Partial {
    /// For how many days purchases are remembered because of it.
    pub fn days_kept(&self) -> u32 {
        self.window_days * (self.habit_windows + 1)
    }

    pub(super) fn check(&self, follows_categories: bool, findings: &mut Findings) {
        findings.range("churn.partial.window_days", self.window_days, 7, 200);
        findings.range("churn.partial.habit_windows", self.habit_windows, 1, 6);
        findings.range("churn.partial.purchases_min", self.purchases_min, 1, 1000);
        findings.range("churn.partial.visits_permille_min", self.visits_permille_min, 1, 2000);
        findings.range("churn.partial.spend_permille_max", self.spend_permille_max, 1, 999);
        findings.range("churn.partial.hysteresis_permille", self.hysteresis_permille, 0, 1000);
        findings.range("churn.partial.cool_down_days", self.cool_down_days, 0, 3660);
        if let Some(dropped) = self.categories_dropped_min {
            findings.range("churn.partial.categories_dropped_min", dropped, 1, 1024);
            findings.check(follows_categories, "churn.partial.categories_dropped_min", || {
                "needs a section reactivation, which follows the categories that are bought".into()
            });
        }
    }
}
