//! What one reads about a customer's relationship with the retailer: answers, loyalty, engagement, what is wrong, value.

use crate::classes::relationship::NegativeEngagement;
use crate::customer::Standing;
use crate::customer::relationship::RelationshipClasses;
use crate::event::Instrument;
use crate::facts::Facts;
use crate::facts::relationship::answers::Aspect;
use crate::measure::behaviour::Behaviour;
use crate::measure::engagement::{Engaged, growth_permille};
use crate::measure::negative::waiting;
use crate::measure::perception::{
    self, Counting, Perception, counting, index_micro_points, last_recommendation, of_scale_micro, score,
};
use crate::measure::value::{EngagementValue, engagement_value};
use crate::mechanic::Moment;
use crate::mechanic::engagement::Reading;
use crate::terms::surveys::Dimension;

/// A pure reading of a customer's relationship at an instant. Whatever is not asked for by the terms, not known, or not
/// allowed by the customer is absent. Shares are in millionths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationshipCard {
    /// The last answer to "would you recommend us" that counts, and how much more that is than the one before it.
    pub recommendation: Option<(u8, Option<i8>)>,
    /// The last answer of each touchpoint that counts, ascending by touchpoint.
    pub touchpoints: Vec<(String, u8)>,
    /// What the last answer to each survey of satisfaction or service says, in the order of the terms.
    pub surveys: Vec<SurveyCard>,
    /// How the retailer is perceived.
    pub perception: Option<Perception>,
    /// How loyal purchases are.
    pub behaviour: Option<Behaviour>,
    /// How engaged the customer is.
    pub engaged: Option<Engaged>,
    /// How that grew over the window, thousandths of what it was.
    pub growth_permille: Option<i64>,
    /// What was concluded of it.
    pub classes: RelationshipClasses,
    /// What is wrong.
    pub negative: Option<NegativeEngagement>,
    /// What was wrong, and how it was answered (`domain.md` RM-11).
    pub issues: Option<IssuesCard>,
    /// What the customer is worth beyond own purchases.
    pub value: Option<EngagementValue>,
    /// How strong the relationship is (`domain.md` RM-10).
    pub strength: Option<Strength>,
}

/// What the last answer to one survey says, as far as it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurveyCard {
    /// The survey, by its id in the terms.
    pub survey: String,
    /// CSI: the index, millionths of a point (BY-6).
    pub index_micro_points: Option<i64>,
    /// CSI: the index as millionths of the way from the lowest point to the highest.
    pub index_micro: Option<i64>,
    /// SERVQUAL: the gap of each dimension, millionths of a point (RC-4).
    pub gaps_micro_points: Vec<(Dimension, i64)>,
    /// SERVQUAL: the gap over all dimensions, weighed.
    pub gap_micro_points: Option<i64>,
    /// SERVQUAL, SERVPERF: the mean of all perceptions, millionths of a point.
    pub performance_micro_points: Option<i64>,
}

/// What was wrong, and how it was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuesCard {
    /// How many issues were ever raised.
    pub raised: u32,
    /// How many wait for an answer.
    pub waiting: u32,
    /// How many were answered in time.
    pub answered_in_time: u32,
    /// How many were answered later.
    pub answered_late: u32,
    /// How long an answer took on average, minutes; `None` where there was none.
    pub mean_answer_minutes: Option<i64>,
}

/// How strong a relationship is. The share of wallet and the cost of the relationship are not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strength {
    /// For how long the customer has been known, days.
    pub longevity_days: i32,
    /// Purchases, and what was done beside them within the window.
    pub episodes: u64,
    /// How many of these were critical: issues that were ever raised.
    pub critical_episodes: u32,
    /// Net spend of the whole life, minor units.
    pub revenue_minor: i64,
    /// The margin in it, minor units.
    pub profit_minor: i64,
}

/// Reads the relationship at `moment`; `None` where the terms do not ask for any of it.
pub(super) fn relationship(moment: &Moment<'_>, facts: &Facts, standing: &Standing) -> Option<RelationshipCard> {
    let terms = moment.terms;
    let asks = !terms.survey.is_empty() || terms.complaints.is_some() || terms.engagement.is_some();
    if !asks || standing.tier.name.is_empty() {
        return None;
    }
    let own = standing.relationship.as_deref().cloned().unwrap_or_default();
    let mut card = RelationshipCard { classes: own.classes, negative: own.negative, ..RelationshipCard::default() };
    answered(moment, facts, &mut card);
    card.issues = terms.complaints.as_ref().map(|complaints| {
        let issues =
            facts.relationship.as_ref().map(|relationship| relationship.issues.clone()).unwrap_or_default();
        let answers = i64::from(issues.answered_in_time) + i64::from(issues.answered_late);
        IssuesCard {
            raised: issues.raised,
            waiting: u32::try_from(waiting(facts, complaints, moment.at).count()).expect("terms bound them"),
            answered_in_time: issues.answered_in_time,
            answered_late: issues.answered_late,
            mean_answer_minutes: issues.answer_minutes.checked_div(answers),
        }
    });
    let allowed =
        |purpose: &Option<String>| purpose.as_ref().is_none_or(|purpose| facts.consents.allow(purpose, terms));
    if let Some(engagement) = terms.engagement.as_ref().filter(|engagement| allowed(&engagement.purpose)) {
        let reading = Reading::of(facts, terms, engagement, moment.zone, moment.day);
        card.perception = Some(reading.perception);
        card.behaviour = reading.behaviour;
        card.engaged = Some(reading.engaged);
        card.growth_permille = growth_permille(facts, terms, engagement, moment.zone, moment.day);
        card.value = engagement_value(facts, terms, moment.zone, moment.day);
        card.strength = Some(strength(moment, facts, &reading.engaged));
    }
    Some(card)
}

/// What the last answers say.
fn answered(moment: &Moment<'_>, facts: &Facts, card: &mut RelationshipCard) {
    let Some(relationship) = &facts.relationship else { return };
    let surveys = &moment.terms.survey;
    card.recommendation = last_recommendation(&relationship.answers, surveys, moment.zone, moment.day);
    let all: Vec<Counting<'_>> = counting(&relationship.answers, surveys, moment.zone, moment.day).collect();
    for answer in all.iter().filter(|answer| answer.given.instrument == Instrument::Tnps) {
        let Some(score) = score(answer.given) else { continue };
        let touchpoint = &answer.given.touchpoint;
        match card.touchpoints.iter_mut().find(|(known, _)| known == touchpoint) {
            Some((_, last)) => *last = score,
            None => card.touchpoints.push((touchpoint.clone(), score)),
        }
    }
    card.touchpoints.sort();
    for survey in surveys {
        let Some(answer) = all.iter().rev().find(|answer| answer.given.survey == survey.id) else { continue };
        let given = answer.given;
        let gap = |dimension| Some((dimension, perception::mean_micro_points(given, Aspect::Gap, dimension)?));
        let shown = match survey.instrument {
            Instrument::Csi => {
                let index = index_micro_points(given);
                SurveyCard {
                    index_micro_points: index,
                    index_micro: index.map(|index| of_scale_micro(index, survey)),
                    ..SurveyCard::default()
                }
            }
            Instrument::Servqual => SurveyCard {
                gaps_micro_points: Dimension::OF_SERVICE.into_iter().filter_map(gap).collect(),
                gap_micro_points: perception::gap_micro_points(given, survey),
                performance_micro_points: perception::performance_micro_points(given),
                ..SurveyCard::default()
            },
            Instrument::Servperf => SurveyCard {
                performance_micro_points: perception::performance_micro_points(given),
                ..SurveyCard::default()
            },
            Instrument::Nps | Instrument::Tnps | Instrument::Pulse | Instrument::Engagement | Instrument::Exit => {
                continue;
            }
        };
        card.surveys.push(SurveyCard { survey: survey.id.clone(), ..shown });
    }
}

fn strength(moment: &Moment<'_>, facts: &Facts, engaged: &Engaged) -> Strength {
    let relationship = facts.relationship.as_deref();
    let margin = i128::from(facts.lifetime.spend_minor) * i128::from(moment.terms.ltv.margin_permille) / 1000;
    Strength {
        longevity_days: facts.since.map_or(0, |since| moment.day.since(moment.zone.day(since))).max(0),
        episodes: u64::from(facts.lifetime.purchases) + engaged.interactions,
        critical_episodes: relationship.map_or(0, |relationship| relationship.issues.raised),
        revenue_minor: facts.lifetime.spend_minor,
        profit_minor: i64::try_from(margin).expect("a part of what was spent"),
    }
}
