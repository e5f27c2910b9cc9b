//! The numbers of customer engagement value (`domain.md` CE-1 to CE-4): what referrals, influence and knowledge are worth.
//!
//! Own purchases are worth what `ltv` says. A referred customer's purchases are not looked at: they are in that customer's
//! own value, and whoever adds up all customers must not find them twice. A referral is worth what an average one is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;
use crate::event::Interaction;

/// The largest amount, minor units.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// What a customer brings beside own purchases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// What referrals are worth; absent where they are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<ReferralValue>,
    /// What it is worth that a customer influences others without a reward, minor units for each `review` (that is not
    /// negative), `share` and `like` within `engagement.window_weeks`. One that says its own worth is worth that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub influence_minor: BTreeMap<Interaction, i64>,
    /// What a customer's knowledge is worth, minor units for each `idea`, `product_test` and `complaint` within
    /// `engagement.window_weeks`. One that says its own worth is worth that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub knowledge_minor: BTreeMap<Interaction, i64>,
    /// What an answered survey is worth while the answer counts, minor units.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer_minor: i64,
}

/// What a referral is worth (Kumar, Petersen, Leone 2007). A customer who would not have come without it brings, in the first
/// period, `margin - reward - marketing + saved_acquisition`, and `margin - marketing` in each of the others; one who
/// would have come anyway brings `saved_acquisition`, in the first. Period t is divided by (1 + discount)^t.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralValue {
    /// How many periods are looked ahead.
    pub periods: u32,
    /// How much less money is worth a period later, thousandths.
    pub discount_permille: u32,
    /// What the referred customer's purchases leave in a period, minor units.
    pub margin_minor: i64,
    /// What is paid for the referral, minor units.
    pub reward_minor: i64,
    /// What it costs to keep the referred customer for a period, minor units.
    pub marketing_minor: i64,
    /// What it did not cost to win the referred customer, minor units.
    pub saved_acquisition_minor: i64,
    /// Whoever became a customer within so many days of being referred would not have come otherwise (type one); whoever
    /// came later, or was never said to have been referred, would have come anyway (type two).
    pub type_one_days: u32,
    /// How many referrals are kept of a customer; beyond that the oldest one still counts, and is not told apart any more.
    pub kept_max: u32,
}

impl ReferralValue {
    /// What each period brings of a customer who would not have come otherwise, minor units.
    pub fn type_one_flows_minor(&self) -> Vec<i64> {
        let kept = self.margin_minor - self.marketing_minor;
        let first = kept - self.reward_minor + self.saved_acquisition_minor;
        (0..self.periods).map(|period| if period == 0 { first } else { kept }).collect()
    }

    /// What each period brings of a customer who would have come anyway, minor units.
    pub fn type_two_flows_minor(&self) -> Vec<i64> {
        vec![self.saved_acquisition_minor]
    }
}

impl Value {
    pub(super) fn check(&self, has_engagement: bool, findings: &mut Findings) {
        findings.check(has_engagement, "value", || {
            "needs a section engagement, which remembers what customers do beside buying".into()
        });
        let amount = |key: &str, minor: i64, findings: &mut Findings| {
            findings.check((0..=AMOUNT_MAX).contains(&minor), key, || {
                format!("{minor} must lie between 0 and {AMOUNT_MAX}")
            });
        };
        if let Some(referral) = &self.referral {
            findings.range("value.referral.periods", referral.periods, 1, 120);
            findings.range("value.referral.discount_permille", referral.discount_permille, 0, 10_000);
            amount("value.referral.margin_minor", referral.margin_minor, findings);
            amount("value.referral.reward_minor", referral.reward_minor, findings);
            amount("value.referral.marketing_minor", referral.marketing_minor, findings);
            amount("value.referral.saved_acquisition_minor", referral.saved_acquisition_minor, findings);
            findings.range("value.referral.type_one_days", referral.type_one_days, 0, 3660);
            findings.range("value.referral.kept_max", referral.kept_max, 1, 256);
        }
        let influence = [Interaction::Review, Interaction::Share, Interaction::Like];
        let knowledge = [Interaction::Idea, Interaction::ProductTest, Interaction::Complaint];
        for (name, rates, known) in [
            ("influence_minor", &self.influence_minor, influence),
            ("knowledge_minor", &self.knowledge_minor, knowledge),
        ] {
            for (interaction, minor) in rates {
                let key = format!("value.{name}.{}", interaction.as_str());
                findings.check(known.contains(interaction), &key, || {
                    let known = known.map(Interaction::as_str).join(", ");
                    format!("is none of {known}")
                });
                amount(&key, *minor, findings);
            }
        }
        amount("value.answer_minor", self.answer_minor, findings);
    }
}
