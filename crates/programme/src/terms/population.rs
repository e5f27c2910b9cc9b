//! What is counted of all customers together (`domain.md` BY-2 to BY-6, RM-5 to RM-7), and what the retailer spent.

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use crate::time::Day;

/// What is counted of all customers together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Whoever bought nothing for so many whole days is lost, and reactivated by the next purchase.
    pub lost_days: u32,
    /// How many stores and channels each task tells apart; what is beyond is counted as one.
    #[serde(default = "names_max", skip_serializing_if = "is_usual")]
    pub names_max: u32,
    /// What the retailer spent, by month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost: Vec<Cost>,
}

/// What the retailer spent in one month, and what came of it, minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Such as `2017-06`.
    pub month: String,
    /// Spent to win new customers: what CAC is figured from.
    #[serde(default)]
    pub acquisition_minor: i64,
    /// Spent on the relationship with the customers there are: delivery, bonuses, data, staff (`domain.md` RM-6).
    #[serde(default)]
    pub relationship_minor: i64,
    /// Spent on marketing whose effect was measured ...
    #[serde(default)]
    pub campaign_minor: i64,
    /// ... and the sales that it brought which would not have come without it: what ROMI is figured from.
    #[serde(default)]
    pub incremental_sales_minor: i64,
}

fn names_max() -> u32 {
    4096
}

/// Terms that do not say it hash like terms that say the usual.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_usual(names: &u32) -> bool {
    *names == names_max()
}

/// The most months with costs.
const COSTS_MAX: usize = 600;
/// No month costs more, minor units.
const COST_MINOR_MAX: i64 = 1_000_000_000_000_000;

impl Population {
    /// For how many days purchases have to be remembered, so that a month that lies within the memory is whole, and so is
    /// the silence before it.
    pub fn days_kept(&self) -> u32 {
        self.lost_days + 93
    }

    /// The first day of the month that `text` names, such as `2017-06`.
    pub fn month(text: &str) -> Option<Day> {
        Day::parse(&format!("{text}-01")).filter(|_| text.len() == 7)
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("population.lost_days", self.lost_days, 7, 800);
        findings.range("population.names_max", self.names_max, 1, 65_536);
        findings.check(self.cost.len() <= COSTS_MAX, "population.cost", || {
            format!("{} months are more than {COSTS_MAX}", self.cost.len())
        });
        for (place, cost) in self.cost.iter().enumerate() {
            let key = |field: &str| format!("population.cost[{place}].{field}");
            findings.check(Population::month(&cost.month).is_some(), &key("month"), || {
                format!("{:?} is no month such as \"2017-06\"", cost.month)
            });
            let earlier = self.cost[..place].iter().any(|other| other.month == cost.month);
            findings.check(!earlier, &key("month"), || format!("{:?} is there twice", cost.month));
            let amounts = [
                ("acquisition_minor", cost.acquisition_minor),
                ("relationship_minor", cost.relationship_minor),
                ("campaign_minor", cost.campaign_minor),
                ("incremental_sales_minor", cost.incremental_sales_minor),
            ];
            for (field, minor) in amounts {
                findings.check((0..=COST_MINOR_MAX).contains(&minor), &key(field), || {
                    format!("{minor} must lie between 0 and {COST_MINOR_MAX}")
                });
            }
        }
    }
}
