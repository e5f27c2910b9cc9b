//! The numbers of loyalty and engagement (`domain.md` RC-1 to RC-3, EN-1 to EN-10, RM-8, RM-9).
//!
//! Whatever is compared here lies between 0 and 1000, thousandths of the best.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;
use crate::event::{ChannelRole, Interaction};

/// How loyalty and engagement are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engagement {
    /// The use of the data that the customer has to allow to be judged; absent where none has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What customers did within so many weeks counts, this one included; weeks begin on Monday.
    pub window_weeks: u32,
    /// What a customer has reached is lost only so much below its bound, thousandths.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hysteresis_permille: u32,
    /// How many points each thing done beside buying counts; 0 where it is not listed.
    pub points: BTreeMap<Interaction, u32>,
    /// So many of these points within the window are the most that counts.
    pub points_full: u32,
    /// How much the three kinds of engagement weigh (`domain.md` EN-5), for whoever has no weights of the own role.
    pub weights: EngagementWeights,
    /// Kendall's W, thousandths, below which a panel of experts does not agree, so that no weights are taken from it;
    /// absent where whoever asks the experts says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_permille_min: Option<u32>,
    /// The weights of roles in the channel (`domain.md` EN-10).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role: BTreeMap<ChannelRole, EngagementWeights>,
    /// From here on engagement is medium.
    pub medium_permille: u32,
    /// From here on it is high.
    pub high_permille: u32,
    /// From here on a customer is satisfied.
    pub satisfied_permille: u32,
    /// Behaviour and perception, and what they say of loyalty.
    pub loyalty: Loyalty,
    /// How a relationship grows, and ends.
    pub relationship: RelationshipTerms,
}

/// How much each kind of engagement weighs (`domain.md` EN-1). Only their relations matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngagementWeights {
    /// The customer knows and understands.
    pub cognitive: u32,
    /// The customer belongs, trusts, is attached.
    pub emotional: u32,
    /// The customer takes part, and recommends.
    pub behavioural: u32,
}

/// How loyalty is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loyalty {
    /// Behaviour is compared between two whole periods of so many weeks, which begin on Monday.
    pub period_weeks: u32,
    /// How many categories are told apart in a period; what goes beyond that counts together.
    pub categories_max: u32,
    /// How much the parts of behaviour weigh.
    pub behaviour: BehaviourWeights,
    /// So many categories more than in the period before are the most that counts.
    pub cross_sell_full: u32,
    /// Spending so many thousandths more on what was bought before already is the most that counts.
    pub upsell_full_permille: u32,
    /// So many purchases in a period are the most that counts.
    pub repeat_full: u32,
    /// From here on behaviour is loyal.
    pub behaviour_high_permille: u32,
    /// How much the parts of perception weigh.
    pub perception: PerceptionWeights,
    /// From here on perception is loyal.
    pub perception_high_permille: u32,
    /// Whoever perceives loyally, and spends no more than this in a period, is loyal without effect (`domain.md` EN-6),
    /// minor units. Absent where it is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paradox_minor_max: Option<i64>,
}

/// How much the four parts of behaviour weigh (`domain.md` RC-1). Only their relations matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BehaviourWeights {
    /// More categories are bought.
    pub cross_sell: u32,
    /// More is spent on what was bought already.
    pub upsell: u32,
    /// Purchases are repeated.
    pub repeat: u32,
    /// Spend is constant.
    pub maintenance: u32,
}

/// How much the parts of perception weigh (`domain.md` RC-2). Only their relations matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerceptionWeights {
    /// Would recommend, or did.
    pub awareness: u32,
    /// The key benefits.
    pub quality: u32,
    /// How one is served.
    pub service: u32,
    /// What it is worth beside its price.
    pub value: u32,
}

/// How a relationship grows, and ends (`domain.md` RM-8, RM-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationshipTerms {
    /// From so many purchases on a purchaser is a client.
    pub client_purchases: u32,
    /// A client who has been known for so many days identifies with the retailer.
    pub identification_days: u32,
    /// After so many days without a purchase the relationship is ruptured.
    pub rupture_days: u32,
    /// For so many days after a purchase that ended a rupture it is renewed.
    pub renewal_days: u32,
}

impl Engagement {
    /// The weights of whoever has `role`.
    pub fn weights_of(&self, role: Option<ChannelRole>) -> EngagementWeights {
        role.and_then(|role| self.role.get(&role)).copied().unwrap_or(self.weights)
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if let Some(purpose) = &self.purpose {
            findings.check(!purpose.is_empty(), "engagement.purpose", || {
                "is empty; name the use that the customer has to allow, or leave it out".into()
            });
        }
        findings.range("engagement.window_weeks", self.window_weeks, 1, 104);
        findings.range("engagement.hysteresis_permille", self.hysteresis_permille, 0, 500);
        findings.range("engagement.points_full", self.points_full, 1, 1_000_000);
        for (interaction, points) in &self.points {
            findings.range(&format!("engagement.points.{}", interaction.as_str()), *points, 0, 10_000);
        }
        let roles = self.role.iter().map(|(role, weights)| (format!("engagement.role.{}", role.as_str()), weights));
        for (key, weights) in std::iter::once(("engagement.weights".to_string(), &self.weights)).chain(roles) {
            weigh(&key, &[weights.cognitive, weights.emotional, weights.behavioural], findings);
        }
        if let Some(permille) = self.agreement_permille_min {
            findings.range("engagement.agreement_permille_min", permille, 0, 1000);
        }
        findings.range("engagement.medium_permille", self.medium_permille, 1, 1000);
        findings.range("engagement.high_permille", self.high_permille, 1, 1000);
        findings.check(self.medium_permille < self.high_permille, "engagement.high_permille", || {
            format!("{} must be above medium_permille, {}", self.high_permille, self.medium_permille)
        });
        findings.range("engagement.satisfied_permille", self.satisfied_permille, 1, 1000);
        let bounds = [
            self.medium_permille,
            self.satisfied_permille,
            self.loyalty.behaviour_high_permille,
            self.loyalty.perception_high_permille,
        ];
        let lowest = bounds.into_iter().min().expect("there are four");
        findings.check(self.hysteresis_permille < lowest, "engagement.hysteresis_permille", || {
            format!("{} must be below {lowest}, the lowest bound: nobody would lose it", self.hysteresis_permille)
        });
        self.loyalty.check(findings);
        let relationship = &self.relationship;
        findings.range("engagement.relationship.client_purchases", relationship.client_purchases, 2, 1000);
        findings.range("engagement.relationship.identification_days", relationship.identification_days, 0, 3660);
        findings.range("engagement.relationship.rupture_days", relationship.rupture_days, 1, 3660);
        findings.range("engagement.relationship.renewal_days", relationship.renewal_days, 0, 3660);
    }
}

impl Loyalty {
    fn check(&self, findings: &mut Findings) {
        findings.range("engagement.loyalty.period_weeks", self.period_weeks, 1, 26);
        findings.range("engagement.loyalty.categories_max", self.categories_max, 1, 1024);
        let behaviour = &self.behaviour;
        let weights = [behaviour.cross_sell, behaviour.upsell, behaviour.repeat, behaviour.maintenance];
        weigh("engagement.loyalty.behaviour", &weights, findings);
        // Of whoever is new nothing but the repeats is known.
        findings.check(behaviour.repeat > 0, "engagement.loyalty.behaviour.repeat", || {
            "must be above 0: of whoever is new nothing else is known".into()
        });
        findings.range("engagement.loyalty.cross_sell_full", self.cross_sell_full, 1, 1024);
        findings.range("engagement.loyalty.upsell_full_permille", self.upsell_full_permille, 1, 100_000);
        findings.range("engagement.loyalty.repeat_full", self.repeat_full, 1, 10_000);
        findings.range("engagement.loyalty.behaviour_high_permille", self.behaviour_high_permille, 1, 1000);
        let perception = &self.perception;
        let weights = [perception.awareness, perception.quality, perception.service, perception.value];
        weigh("engagement.loyalty.perception", &weights, findings);
        findings.range("engagement.loyalty.perception_high_permille", self.perception_high_permille, 1, 1000);
        if let Some(minor) = self.paradox_minor_max {
            findings.check(minor >= 0, "engagement.loyalty.paradox_minor_max", || format!("{minor} is below 0"));
        }
    }
}

fn weigh(key: &str, weights: &[u32], findings: &mut Findings) {
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    findings.check((1..=1_000_000).contains(&sum), key, || {
        format!("the weights add up to {sum}; they must add up to 1 to 1000000")
    });
}
