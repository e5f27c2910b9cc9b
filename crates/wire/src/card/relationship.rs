//! How the relationship on a customer's card is written.

use programme::card::relationship::{RelationshipCard, SurveyCard};
use programme::measure::behaviour::Behaviour;
use programme::measure::engagement::Engaged;
use programme::measure::perception::recommendation_class;

use crate::output::window;
use crate::proto;

/// The message of `card`.
pub(super) fn message(card: &RelationshipCard) -> proto::Relationship {
    let RelationshipCard { classes, .. } = card;
    let perception = card.perception.unwrap_or_default();
    let name = |class: Option<&'static str>| class.unwrap_or_default().to_string();
    let score = card.recommendation.map(|(score, _)| score);
    proto::Relationship {
        loyalty_type: name(classes.loyalty_type().map(|class| class.as_str())),
        level: name(classes.level.map(|class| class.as_str())),
        pyramid_stage: name(classes.pyramid_stage.map(|class| class.as_str())),
        ladder_step: name(classes.ladder_step.map(|class| class.as_str())),
        life_cycle: name(classes.life_cycle.map(|held| held.class.as_str())),
        loyalty_paradox: classes.paradox,
        exit_reason: name(classes.exit_reason.map(|reason| reason.as_str())),
        negative_engagement: name(card.negative.map(|negative| negative.as_str())),
        recommendation: score.map(u32::from),
        recommendation_class: name(score.map(recommendation_class)),
        recommendation_trend: card.recommendation.and_then(|(_, trend)| trend.map(i32::from)),
        touchpoints: card.touchpoints.iter().map(touchpoint).collect(),
        surveys: card.surveys.iter().map(survey).collect(),
        awareness: millionths(perception.awareness_micro),
        quality: millionths(perception.quality_micro),
        service: millionths(perception.service_micro),
        value_for_money: millionths(perception.value_micro),
        satisfaction: millionths(perception.satisfaction_micro),
        perceived_loyalty: millionths(perception.perceived_micro),
        behaviour: card.behaviour.map(behaviour),
        cognitive: millionths(card.engaged.and_then(|engaged| engaged.cognitive_micro)),
        emotional: millionths(card.engaged.and_then(|engaged| engaged.emotional_micro)),
        behavioural: millionths(card.engaged.map(|engaged| engaged.behavioural_micro)),
        engagement: millionths(card.engaged.map(|engaged| engaged.score_micro)),
        engagement_growth: card.growth_permille.map(|permille| permille as f64 / 1000.0),
        behaviours: behaviours(card),
        resources: card.engaged.map(|Engaged { resources, .. }| proto::Resources {
            intellectual: resources.intellectual,
            social: resources.social,
            time: resources.time,
        }),
        issues: card.issues.map(|issues| proto::Issues {
            raised: issues.raised,
            waiting: issues.waiting,
            answered_in_time: issues.answered_in_time,
            answered_late: issues.answered_late,
            mean_answer_minutes: issues.mean_answer_minutes,
        }),
        value: card.value.map(|value| proto::EngagementValue {
            purchases_minor: Some(value.purchases_minor),
            referrals_minor: Some(value.referrals_minor),
            influence_minor: Some(value.influence_minor),
            knowledge_minor: Some(value.knowledge_minor),
            total_minor: Some(value.total_minor),
            referrals_type_one: value.referrals_type_one,
            referrals_type_two: value.referrals_type_two,
        }),
        strength: card.strength.map(|strength| proto::Strength {
            longevity_days: Some(strength.longevity_days),
            episodes: strength.episodes,
            critical_episodes: strength.critical_episodes,
            revenue_minor: Some(strength.revenue_minor),
            profit_minor: Some(strength.profit_minor),
        }),
    }
}

fn millionths(micro: Option<i64>) -> Option<f64> {
    micro.map(|micro| micro as f64 / 1_000_000.0)
}

fn touchpoint((name, score): &(String, u8)) -> proto::Touchpoint {
    proto::Touchpoint {
        name: name.clone(),
        score: Some((*score).into()),
        score_class: recommendation_class(*score).to_string(),
    }
}

fn survey(card: &SurveyCard) -> proto::SurveyResult {
    let gaps = card.gaps_micro_points.iter();
    proto::SurveyResult {
        survey: card.survey.clone(),
        index: millionths(card.index_micro_points),
        index_share: millionths(card.index_micro),
        gaps: gaps
            .map(|(dimension, gap)| proto::Gap {
                dimension: dimension.as_str().to_string(),
                gap: millionths(Some(*gap)),
            })
            .collect(),
        gap: millionths(card.gap_micro_points),
        performance: millionths(card.performance_micro_points),
    }
}

fn behaviour(behaviour: Behaviour) -> proto::BehaviouralLoyalty {
    proto::BehaviouralLoyalty {
        cross_sell: millionths(behaviour.cross_sell_micro),
        upsell: millionths(behaviour.upsell_micro),
        repeat: millionths(Some(behaviour.repeat_micro)),
        maintenance: millionths(behaviour.maintenance_micro),
        index: millionths(Some(behaviour.index_micro)),
        period: window(behaviour.first, behaviour.last),
        spend_minor: Some(behaviour.spend_minor),
    }
}

/// How the customer is engaged (`domain.md` EN-7). Buying more, or more kinds of things, is engagement too.
fn behaviours(card: &RelationshipCard) -> Vec<String> {
    let engaged = card.engaged.unwrap_or_default().behaviour;
    let more = |micro: Option<i64>| micro.is_some_and(|micro| micro > 0);
    let augmenting =
        card.behaviour.is_some_and(|behaviour| more(behaviour.cross_sell_micro) || more(behaviour.upsell_micro));
    let all =
        [("co_creating", engaged.co_creating), ("influencing", engaged.influencing), ("augmenting", augmenting)];
    all.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name.to_string()).collect()
}
